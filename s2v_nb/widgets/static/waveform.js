// The song as a picture: the whole of it above, the excerpt and its beats below. All times are seconds of the song.

const SECTIONS = ["#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#0072B2", "#D55E00"]; // of plots/style.py
const LINES = {
  light: { beat: "#0072B2", downbeat: "#C04F00", moment: "#8A2A6B" },
  dark: { beat: "#56B4E9", downbeat: "#FF9A5C", moment: "#E9A6D2" },
};
const STRIP = 18; // CSS pixels of the strip with the phrases' letters
const AXIS = 16; // of the one with the times
const AROUND = 0.22; // of the excerpt's length, shown on each side of it
const FREE_STEP = 0.01; // with Alt, where nothing snaps
const HALF = 0.5; // what the length keeps to where there are no bars
const TAPPED_OUT = 2500; // milliseconds without a tap, after which the taps are taken
const LAME_DELAY = 1105; // samples before the sound of an MP3, where a browser leaves them in
const FLASH = 0.18; // seconds
const WAITING = "\u2026"; // in the lamp, until the sound has come
const LOOK = 400; // milliseconds between two looks at the theme, which tells nobody of its change

// --- small things

/** An element with properties, attributes and children. */
function make(tag, className, attributes = {}, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

/** "1:23.45"; without the hundredths where `digits` is 0. */
function clock(seconds, digits = 2) {
  const unit = 10 ** digits;
  const all = Math.round(Math.max(0, seconds) * unit);
  const rest = ((all % (60 * unit)) / unit).toFixed(digits);
  return `${Math.floor(all / (60 * unit))}:${rest.padStart(digits ? digits + 3 : 2, "0")}`;
}

/** How many of the increasing `times` are at or before `at`. */
function countUntil(times, at) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The one of the increasing `times` nearest to `at`. */
function nearest(times, at) {
  const k = countUntil(times, at);
  if (k === 0) return times[0];
  if (k === times.length) return times[k - 1];
  return at - times[k - 1] <= times[k] - at ? times[k - 1] : times[k];
}

/** A buffer of a message, which may begin anywhere in memory, as an array of its own. */
function arrayOf(Type, view) {
  return new Type(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** What the kernel sent, ready to be drawn; see `packed` in waveform.py. */
function unpack(content, buffers) {
  const [peaks, beats, downbeats, phrases, moments] = buffers.map((view, k) => arrayOf(k ? Float32Array : Int8Array, view));
  return { ...content, peaks, beats, downbeats, phrases, moments };
}

// --- where an excerpt may begin and end

/** The last start that leaves the excerpt in the song. */
const lastStart = (data, duration) => Math.max(0, data.seconds - duration);

/** What excerpts keep to: bars, without bars beats; `LEAD` before each, so that the fade spares the attack. */
function snapPoints(data, fine = false) {
  const times = fine || !data.downbeats.length ? data.beats : data.downbeats;
  return Array.from(times, (time) => Math.max(0, time - data.lead));
}

function snappedStart(data, start, duration, free) {
  const last = lastStart(data, duration);
  const points = free ? [] : snapPoints(data).filter((point) => point <= last + 1e-6);
  return points.length ? nearest(points, start) : clamp(start, 0, last);
}

/** The length from `start` on that ends with a bar near `end`. */
function snappedLength(data, start, end, free) {
  const high = Math.min(data.longest, data.seconds - start);
  const fits = (length) => length >= data.shortest - 1e-6 && length <= high + 1e-6;
  const lengths = free ? [] : snapPoints(data).map((point) => point - start).filter(fits);
  if (lengths.length) return nearest(lengths, end - start);
  const wanted = free ? end - start : Math.round((end - start) / HALF) * HALF;
  return clamp(wanted, data.shortest, high);
}

/** The next of `points` from `at` in a direction, else `at` itself; half a second further where there are no points. */
function next(points, at, direction) {
  if (!points.length) return at + direction * HALF;
  const k = direction > 0 ? countUntil(points, at + 1e-3) : countUntil(points, at - 1e-3) - 1;
  return points[k] ?? at;
}

/** How a key moves the start or the end `at`; undefined where the key means nothing. */
function keyed(event, data, at, low, high) {
  const direction = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
  const points = snapPoints(data, event.shiftKey).filter((point) => point >= low - 1e-6 && point <= high + 1e-6);
  if (event.key === "Home") return points[0] ?? low;
  if (event.key === "End") return points[points.length - 1] ?? high;
  if (!direction) return undefined;
  return event.altKey ? at + direction * FREE_STEP : next(points, at, direction);
}

// --- drawing

/** A canvas as large as its box in device pixels, emptied, with a scale of one CSS pixel. */
function sheet(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height, pixel: 1 / ratio };
}

/** The theme's colours, as they are at this moment. */
function colours(root) {
  const text = getComputedStyle(root).color;
  const [r, g, b] = (text.match(/[\d.]+/g) ?? [0, 0, 0]).map(Number);
  const dark = 0.3 * r + 0.6 * g + 0.1 * b > 128; // light text stands on dark ground
  return { text, ground: dark ? "#111" : "#fff", wave: dark ? "#9aa7b4" : "#5c6b7a", ...(dark ? LINES.dark : LINES.light) };
}

/** Black or white, whichever can be read on the colour. */
function inkOn(colour) {
  const parts = [1, 3, 5].map((k) => parseInt(colour.slice(k, k + 2), 16) / 255);
  const [r, g, b] = parts.map((part) => (part <= 0.04 ? part / 12.9 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000" : "#fff";
}

/** Each letter's colour, in the order of first appearance. */
function sectionColours(labels) {
  const letters = [...new Set(labels)];
  return labels.map((label) => SECTIONS[letters.indexOf(label) % SECTIONS.length]);
}

/** The peaks between two times, one thin column a device pixel. */
function drawPeaks({ pen, width, pixel }, data, [from, to], top, bottom, colour) {
  const count = data.peaks.length / 2;
  const middle = (top + bottom) / 2;
  const scale = (bottom - top) / 2 / 127;
  pen.fillStyle = colour;
  for (let x = 0; x < width; x += pixel) {
    const a = Math.floor(((from + ((to - from) * x) / width) / data.seconds) * count);
    const b = Math.ceil(((from + ((to - from) * (x + pixel)) / width) / data.seconds) * count);
    let low = 0;
    let high = 0;
    for (let k = Math.max(0, a); k < Math.min(b, count); k++) {
      low = Math.min(low, data.peaks[2 * k]);
      high = Math.max(high, data.peaks[2 * k + 1]);
    }
    pen.fillRect(x, middle - high * scale, pixel, Math.max(pixel, (high - low) * scale));
  }
}

/** The phrases as coloured blocks with their letters, over a pale ground of the same colour. */
function drawPhrases({ pen, width, height }, data, [from, to]) {
  const place = (time) => (width * (time - from)) / (to - from);
  const fills = sectionColours(data.labels);
  pen.font = "600 11px system-ui, sans-serif";
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  data.labels.forEach((label, k) => {
    const left = Math.max(0, place(data.phrases[2 * k]));
    const right = Math.min(width, place(data.phrases[2 * k + 1]));
    if (right <= left) return;
    pen.fillStyle = fills[k];
    pen.globalAlpha = 0.14;
    pen.fillRect(left, STRIP, right - left, height - STRIP - AXIS);
    pen.globalAlpha = 1;
    pen.fillRect(left, 0, Math.max(1, right - left - 1), STRIP - 2);
    pen.fillStyle = inkOn(fills[k]);
    if (right - left > pen.measureText(label).width + 3) pen.fillText(label, (left + right) / 2, STRIP / 2 - 0.5);
  });
}

/** Times along the lower edge, as many as fit. */
function drawTimes({ pen, width, height }, [from, to], colour) {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300];
  const step = steps.find((seconds) => (width * seconds) / (to - from) >= 56) ?? 600;
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "bottom";
  pen.textAlign = "center";
  pen.fillStyle = colour;
  for (let time = Math.ceil(from / step) * step; time <= to; time += step) {
    const x = (width * (time - from)) / (to - from);
    pen.fillRect(x, height - AXIS, 1, 3);
    if (x > 14 && x < width - 14) pen.fillText(clock(time, 0), x, height);
  }
}

/** Beats as thin lines, downbeats as strong dashed ones. */
function drawBeats({ pen, width, height, pixel }, data, [from, to], colour) {
  const place = (time) => (width * (time - from)) / (to - from);
  const bottom = height - AXIS;
  const isDownbeat = (time) => data.downbeats.length && Math.abs(nearest(data.downbeats, time) - time) < 2e-3;
  for (let k = countUntil(data.beats, from); k < data.beats.length && data.beats[k] < to; k++) {
    const strong = isDownbeat(data.beats[k]);
    pen.strokeStyle = strong ? colour.downbeat : colour.beat;
    pen.lineWidth = strong ? 2 : Math.max(1, pixel);
    pen.globalAlpha = strong ? 1 : 0.75;
    pen.setLineDash(strong ? [6, 3] : []);
    pen.beginPath();
    pen.moveTo(place(data.beats[k]), STRIP);
    pen.lineTo(place(data.beats[k]), bottom);
    pen.stroke();
  }
  pen.setLineDash([]);
  pen.globalAlpha = 1;
}

/** A drop as a full triangle that points down, a break as an empty one; with its name where there is room. */
function drawMoments({ pen, width, height }, data, [from, to], colour, word) {
  pen.font = "11px system-ui, sans-serif";
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.lineJoin = "round";
  data.kinds.forEach((kind, k) => {
    const x = (width * (data.moments[2 * k] - from)) / (to - from);
    if (x < 0 || x > width) return;
    const top = height - AXIS - 11;
    pen.beginPath();
    pen.moveTo(x - 5, top);
    pen.lineTo(x + 5, top);
    pen.lineTo(x, top + 9);
    pen.closePath();
    pen.strokeStyle = colour.ground; // a rim, so that it can be read on the wave
    pen.lineWidth = 5;
    pen.stroke();
    if (word) pen.strokeText(word(kind), x + 8, top + 5);
    pen.strokeStyle = colour.moment;
    pen.fillStyle = kind === "drop" ? colour.moment : colour.ground;
    pen.lineWidth = 1.5;
    pen.fill();
    pen.stroke();
    pen.fillStyle = colour.moment;
    if (word) pen.fillText(word(kind), x + 8, top + 5);
  });
}

// --- sound

/** Plays the excerpt in a loop. `asked()` gives {start, duration, click}; `changed()` is called at start and end. */
function makePlayer(model, asked, changed) {
  const who = Math.random().toString(36).slice(2);
  const player = { active: false, from: 0, length: 0 };
  let context = null;
  let source = null;
  let began = 0;
  let awaited = null;
  let count = 0;

  function ask() {
    awaited = { ...asked(), who: `${who}-${count++}` };
    model.send({ do: "sound", ...awaited });
  }

  function silence() {
    source?.stop();
    source?.disconnect();
    source = null;
  }

  /** How late a sound is heard after the context says that it plays. */
  const latency = () => context.outputLatency || context.baseLatency || 0;

  /** Where in the song is heard what was heard at `when` (milliseconds of the page's clock); null in silence. */
  player.at = (when = performance.now()) => {
    if (!source) return null;
    const heard = context.currentTime - latency() - (performance.now() - when) / 1000 - began;
    return heard < 0 ? null : player.from + (heard % player.length);
  };

  player.start = () => {
    if (player.active) return;
    document.dispatchEvent(new CustomEvent("s2v-sound", { detail: who })); // whatever else plays here ends
    context ??= new AudioContext();
    context.resume();
    player.active = true;
    ask();
    changed();
  };

  player.stop = () => {
    if (!player.active) return;
    player.active = false;
    awaited = null;
    silence();
    changed();
  };

  /** The excerpt or its clicks are others now. */
  player.again = () => player.active && ask();

  /** A sound that the kernel sent. */
  async function take(content, buffers) {
    const wanted = awaited;
    if (!wanted || content.who !== wanted.who) return;
    if (content.do === "silence") {
      player.stop();
      return;
    }
    try {
      const sound = await context.decodeAudioData(arrayOf(Uint8Array, buffers[0]).buffer);
      if (wanted === awaited) play(sound, wanted, content.seconds);
    } catch {
      player.stop();
      changed("unplayable");
    }
  }

  function play(sound, { start }, seconds) {
    const late = sound.duration > seconds + 0.02 ? LAME_DELAY / sound.sampleRate : 0;
    const same = source && player.from === start ? (context.currentTime - began) % player.length : 0;
    silence();
    player.from = start;
    player.length = Math.min(seconds, sound.duration - late);
    source = context.createBufferSource();
    Object.assign(source, { buffer: sound, loop: true, loopStart: late, loopEnd: late + player.length });
    source.connect(context.destination);
    const offset = same % player.length; // goes on where it was when only the clicks are others
    const soon = context.currentTime + 0.03;
    source.start(soon, late + offset);
    began = soon - offset;
    changed();
  }

  const others = (event) => event.detail !== who && player.stop();
  document.addEventListener("s2v-sound", others);
  model.on("msg:custom", take);
  player.close = () => {
    player.stop();
    document.removeEventListener("s2v-sound", others);
    model.off("msg:custom", take);
    context?.close();
  };
  return player;
}

// --- the page

function buildPage() {
  const button = (name) => make("button", `s2v-waveform-${name}`, { type: "button" });
  const parts = { play: button("play"), click: button("click"), tap: button("tap") };
  parts.lamp = make("span", "s2v-waveform-lamp", { "aria-hidden": "true" });
  parts.span = make("span", "s2v-waveform-span");
  parts.bar = make("div", "s2v-waveform-bar", {}, parts.play, parts.click, parts.tap, parts.lamp, parts.span);
  const slider = { role: "slider", tabindex: "0", "data-lm-suppress-shortcuts": "true" };
  const row = (name) => {
    const region = make("div", "s2v-waveform-region");
    const canvas = make("canvas", "s2v-waveform-canvas", { "aria-hidden": "true" });
    const head = make("div", "s2v-waveform-head");
    const node = make("div", `s2v-waveform-row s2v-waveform-${name}`, {}, canvas, region, head);
    return { node, canvas, region, head };
  };
  parts.whole = row("whole");
  parts.near = row("near");
  for (const [name, value] of Object.entries(slider)) parts.whole.region.setAttribute(name, value);
  parts.edge = make("div", "s2v-waveform-edge", slider);
  parts.near.region.append(parts.edge);
  parts.flash = make("div", "s2v-waveform-flash");
  parts.near.node.append(parts.flash);
  parts.legend = make("div", "s2v-waveform-legend");
  parts.empty = make("div", "s2v-waveform-empty");
  parts.status = make("div", "s2v-waveform-status", { role: "status" });
  parts.song = make("div", "s2v-waveform-song", {}, parts.bar, parts.whole.node, parts.near.node, parts.legend);
  parts.root = make("div", "s2v-waveform", {}, parts.song, parts.empty, parts.status);
  return parts;
}

function render({ model, el }) {
  const parts = buildPage();
  const { root, whole, near } = parts;
  let data = null;
  let place = { start: model.get("start"), duration: model.get("duration") }; // what is drawn; the model's but for a drag
  let held = null; // the drag that goes on
  let typing = null; // what the keys have changed and nobody knows yet
  let click = false;
  let taps = [];
  let tapTimer = 0;
  let note = "";
  let frame = 0;
  let lastBeat = -1;
  let drawnFor = "";
  let showing = [0, 1]; // what the lower row shows

  const word = (key, values = {}) =>
    Object.entries(values).reduce((text, [name, value]) => text.replace(`{${name}}`, value), model.get("words")[key] ?? "");
  const shown = () => ({ start: place.start, duration: Math.min(place.duration, data.seconds) });

  const player = makePlayer(model, () => ({ ...shown(), click }), (problem) => {
    if (problem) note = word(problem);
    if (!player.active) takeTaps();
    if (model.get("playing") !== player.active) {
      model.set("playing", player.active);
      model.save_changes();
    }
    cancelAnimationFrame(frame);
    if (player.active) follow();
    else still();
    label();
  });

  // --- what is shown

  function label() {
    const ready = Boolean(data?.seconds);
    parts.song.hidden = !ready;
    parts.empty.hidden = ready;
    parts.empty.textContent = word(model.get("listening") ? "listening" : "empty");
    root.dataset.playing = String(player.active);
    parts.play.textContent = word(player.active ? "stop" : "play");
    parts.play.title = word("play_tip");
    parts.play.classList.toggle("s2v-waveform-on", player.active);
    parts.click.textContent = word("click");
    parts.click.title = word("click_tip");
    parts.click.setAttribute("aria-pressed", String(click));
    parts.tap.textContent = word("tap");
    parts.tap.title = word("tap_tip", { count: data?.taps ?? 4 });
    parts.status.textContent = note;
    whole.node.title = near.node.title = word("drag");
    if (!ready) return;
    labelExcerpt();
    labelLegend();
  }

  function labelExcerpt() {
    const { start, duration } = shown();
    const end = Math.min(start + duration, data.seconds);
    const length = (end - start).toFixed(2);
    const value = word("value", { begin: clock(start), end: clock(end), length });
    parts.span.textContent = value;
    const most = lastStart(data, duration);
    mark(whole.region, word("start"), 0, most, start, value);
    mark(parts.edge, word("length"), data.shortest, Math.min(data.longest, data.seconds - start), duration, value);
  }

  /** What the lines and marks mean, of those that the song has. */
  function labelLegend() {
    const there = { downbeat: data.downbeats.length, beat: data.beats.length };
    for (const kind of data.kinds) there[kind] = 1;
    const marks = ["downbeat", "beat", "drop", "break"].filter((name) => there[name]);
    const keys = marks.map((name) => make("span", `s2v-waveform-key s2v-waveform-key-${name}`, {}, word(name)));
    if (!there.beat) keys.push(make("span", "s2v-waveform-free", {}, word("free")));
    parts.legend.replaceChildren(...keys);
    const colour = colours(root);
    for (const name of ["beat", "downbeat", "moment"]) root.style.setProperty(`--s2v-waveform-${name}`, colour[name]);
  }

  function mark(slider, name, low, high, now, text) {
    const values = { label: name, valuemin: low.toFixed(2), valuemax: high.toFixed(2), valuenow: now.toFixed(2) };
    for (const [key, value] of Object.entries({ ...values, valuetext: text })) slider.setAttribute(`aria-${key}`, value);
  }

  /** The part of the song that the lower row shows. */
  function stretchShown() {
    const { start, duration } = shown();
    const margin = AROUND * duration;
    if (held?.row === near) {
      // it stands still under the finger, unless the excerpt leaves it
      const [from, to] = held.showing;
      const by = Math.min(0, start - from) + Math.max(0, start + duration - to);
      return [from + by, to + by];
    }
    const length = Math.min(data.seconds, duration + 2 * margin);
    const from = clamp(start - margin, 0, data.seconds - length);
    return [from, from + length];
  }

  function lay(region, [from, to]) {
    const { start, duration } = shown();
    const end = Math.min(start + duration, data.seconds);
    region.style.left = `${(100 * (start - from)) / (to - from)}%`;
    region.style.width = `${(100 * (end - start)) / (to - from)}%`;
  }

  /** Where the excerpt lies, and the lower row; the upper row's picture stays. */
  function drawExcerpt() {
    if (!data?.seconds) return;
    showing = stretchShown();
    lay(whole.region, [0, data.seconds]);
    lay(near.region, showing);
    if (!near.canvas.clientWidth) return;
    const colour = colours(root);
    const page = sheet(near.canvas);
    drawPhrases(page, data, showing);
    drawPeaks(page, data, showing, STRIP + 2, page.height - AXIS - 2, colour.wave);
    drawBeats(page, data, showing, colour);
    drawMoments(page, data, showing, colour, word);
    drawTimes(page, showing, colour.text);
    labelExcerpt();
  }

  /** What a picture depends on besides the song: theme, screen and width; '' where nothing can be seen. */
  function surroundings() {
    const width = root.clientWidth;
    return width && data?.seconds ? `${getComputedStyle(root).color} ${window.devicePixelRatio} ${width}` : "";
  }

  const isNew = (seen) => seen && seen !== drawnFor;

  function draw() {
    label();
    if (!data?.seconds) return;
    drawnFor = surroundings();
    if (whole.canvas.clientWidth) {
      const all = [0, data.seconds];
      const colour = colours(root);
      const page = sheet(whole.canvas);
      drawPhrases(page, data, all);
      drawPeaks(page, data, all, STRIP + 2, page.height - AXIS - 2, colour.wave);
      drawMoments(page, data, all, colour, null);
      drawTimes(page, all, colour.text);
    }
    drawExcerpt();
  }

  // --- choosing

  function moveTo(start, duration) {
    place = { start: Math.round(start * 1000) / 1000, duration: Math.round(duration * 1000) / 1000 };
    drawExcerpt();
  }

  function fromModel() {
    if (held || typing) return;
    const { start, duration } = place;
    place = { start: model.get("start"), duration: model.get("duration") };
    drawExcerpt();
    if (start !== place.start || duration !== place.duration) player.again();
  }

  /** Tell the kernel, once, at the end of a drag or when a key is let go. */
  function send(before) {
    const message = { do: "choose", start: place.start };
    if (place.duration !== before.duration) message.duration = place.duration;
    if (place.start === before.start && message.duration === undefined) return;
    model.send(message);
    player.again();
  }

  function timeAt(row, event) {
    const box = row.node.getBoundingClientRect();
    const [from, to] = row === whole ? [0, data.seconds] : showing;
    return from + ((to - from) * (event.clientX - box.left)) / box.width;
  }

  function press(row, event) {
    if (event.button || !data?.seconds || held) return;
    const stretch = event.target === parts.edge;
    const inside = row.region.contains(event.target);
    if (row === near && !inside) return;
    const { start, duration } = shown();
    held = { row, stretch, before: { ...place }, at: timeAt(row, event), x: event.clientX, start, duration, showing };
    held.scale = (row === whole ? data.seconds : showing[1] - showing[0]) / row.node.getBoundingClientRect().width;
    if (!inside) held.start = held.at - duration / 2;
    event.preventDefault();
    (stretch ? parts.edge : whole.region).focus({ preventScroll: true });
    row.node.setPointerCapture(event.pointerId);
    root.classList.add("s2v-waveform-held");
    if (!inside) drag(event);
  }

  function drag(event) {
    if (!held) return;
    const by = (event.clientX - held.x) * held.scale;
    const { start, duration } = held;
    if (held.stretch) moveTo(start, snappedLength(data, start, start + duration + by, event.altKey));
    else moveTo(snappedStart(data, start + by, duration, event.altKey), held.before.duration);
  }

  function release(event) {
    if (!held) return;
    const { before } = held;
    held = null;
    root.classList.remove("s2v-waveform-held");
    if (event.type === "pointercancel") place = before; // the finger scrolls the page
    drawExcerpt();
    send(before);
  }

  function onKey(slider, event) {
    if (!data?.seconds || held || event.ctrlKey || event.metaKey) return;
    const { start, duration } = shown();
    const stretch = slider === parts.edge;
    const low = stretch ? start + data.shortest : 0;
    const high = stretch ? start + Math.min(data.longest, data.seconds - start) : lastStart(data, duration);
    const to = keyed(event, data, stretch ? start + duration : start, low, high);
    if (to === undefined) return;
    event.preventDefault();
    typing ??= { ...place };
    if (stretch) moveTo(start, clamp(to, low, high) - start);
    else moveTo(clamp(to, low, high), place.duration);
  }

  function keysDone() {
    if (!typing) return;
    const before = typing;
    typing = null;
    send(before);
  }

  // --- playing

  function toggle() {
    note = "";
    if (player.active) player.stop();
    else if (data?.seconds) player.start();
    label();
  }

  function toggleClick() {
    click = !click;
    player.again();
    label();
  }

  function tap(event) {
    if (!player.active) return toggle();
    const at = player.at(event.timeStamp);
    if (at === null) return;
    taps.push(at);
    note = word("taps", { count: taps.length });
    clearTimeout(tapTimer);
    tapTimer = setTimeout(takeTaps, TAPPED_OUT);
    label();
  }

  /** Hand the taps to the kernel; too few are not taken. */
  function takeTaps() {
    clearTimeout(tapTimer);
    if (!taps.length) return;
    const enough = taps.length >= data.taps;
    note = enough ? "" : word("few_taps", { count: taps.length, least: data.taps });
    if (enough) model.send({ do: "taps", times: taps });
    taps = [];
    label();
  }

  /** Move the play head with the sound. */
  function follow() {
    frame = requestAnimationFrame(follow);
    const at = player.at();
    if (at === null) parts.lamp.textContent = WAITING;
    if (at === null || !data?.seconds) return;
    if (parts.lamp.textContent === WAITING) parts.lamp.textContent = "";
    putHead(whole.head, at, [0, data.seconds]);
    putHead(near.head, at, showing);
    flash(at);
  }

  function putHead(head, at, [from, to]) {
    const part = (at - from) / (to - from);
    head.style.left = `${100 * part}%`;
    head.style.display = part >= 0 && part <= 1 ? "block" : "none";
  }

  /** The last beat lights up; the lamp counts it in its bar. */
  function flash(at) {
    const k = countUntil(data.beats, at) - 1;
    const since = k < 0 ? FLASH : at - data.beats[k];
    parts.flash.style.opacity = Math.max(0, 1 - since / FLASH);
    if (k === lastBeat || k < 0) return;
    lastBeat = k;
    const [from, to] = showing;
    parts.flash.style.left = `${(100 * (data.beats[k] - from)) / (to - from)}%`;
    const bar = countUntil(data.downbeats, data.beats[k] + 2e-3) - 1;
    const count = bar < 0 ? "" : k - countUntil(data.beats, data.downbeats[bar] - 2e-3) + 1;
    parts.lamp.textContent = count;
    parts.lamp.classList.toggle("s2v-waveform-first", count === 1);
  }

  function still() {
    for (const head of [whole.head, near.head]) head.style.display = "none";
    parts.flash.style.opacity = 0;
    parts.lamp.textContent = "";
    lastBeat = -1;
  }

  // --- what comes from the page and from the kernel

  for (const row of [whole, near]) {
    row.node.addEventListener("pointerdown", (event) => press(row, event));
    row.node.addEventListener("pointermove", drag);
    row.node.addEventListener("pointerup", release);
    row.node.addEventListener("pointercancel", release);
  }
  for (const slider of [whole.region, parts.edge]) {
    slider.addEventListener("keydown", (event) => onKey(slider, event));
    slider.addEventListener("keyup", keysDone);
    slider.addEventListener("blur", keysDone);
  }
  parts.play.addEventListener("click", toggle);
  parts.click.addEventListener("click", toggleClick);
  parts.tap.addEventListener("pointerdown", tap);
  parts.tap.addEventListener("click", (event) => event.detail === 0 && tap(event)); // pressed by a key or a reader
  root.addEventListener("keydown", (event) => {
    const onButton = event.target instanceof HTMLButtonElement;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    if (event.key === " " && !onButton) toggle();
    else if (event.key.toLowerCase() === "t") tap(event);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  /** What the kernel sends. */
  function hear(content, buffers) {
    if (content.do === "chosen") fromModel();
    if (content.do !== "data" || content.drawing === data?.drawing) return;
    data = unpack(content, buffers);
    lastBeat = -1;
    draw();
    if (click) player.again(); // the beats are others
  }

  const askForData = () => model.send({ do: "data" });
  const onPlaying = () => model.get("playing") || player.stop();
  const redraw = () => draw();
  const watched = {
    "change:start": fromModel,
    "change:duration": fromModel,
    "change:words": redraw,
    "change:listening": label,
    "change:drawing": askForData,
    "change:playing": onPlaying,
    "msg:custom": hear,
  };
  for (const [event, action] of Object.entries(watched)) model.on(event, action);
  const sizes = new ResizeObserver(() => requestAnimationFrame(redraw));
  sizes.observe(root);
  const timer = setInterval(() => isNew(surroundings()) && draw(), LOOK);

  el.append(root);
  label();
  model.send({ do: "here" });
  askForData();
  return () => {
    sizes.disconnect();
    clearInterval(timer);
    clearTimeout(tapTimer);
    cancelAnimationFrame(frame);
    player.close();
    for (const [event, action] of Object.entries(watched)) model.off(event, action);
  };
}

export default { render };
