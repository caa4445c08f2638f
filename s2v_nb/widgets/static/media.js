// Shows a file of the kernel's disk. The bytes come as messages, once for each page, and end in a Blob.

const WINDOW = 4; // parts asked for at a time
const PATIENCE = 20000; // milliseconds without an answer before a part is asked for again; doubled each time

/** Collects one file: asks for its parts, a few at a time, and gives `done` the Blob. */
class Transfer {
  constructor(model, reader, file, { done, gone, progress }) {
    Object.assign(this, { model, reader, file, done, gone, progress });
    this.parts = new Map(); // offset -> bytes
    this.received = 0;
    this.next = 0;
    this.step = 0; // bytes of a part, known from the first
    this.waiting = new Set();
    this.patience = PATIENCE;
    this.ask(0);
    if (!file.size) this.finish();
  }

  ask(at) {
    this.waiting.add(at);
    this.model.send({ do: "get", reader: this.reader, token: this.file.token, at });
    this.watch();
  }

  /** A message can be lost when the connection breaks: ask again, ever more slowly, since the kernel may just be busy. */
  watch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.patience *= 2;
      const [at] = this.waiting;
      if (at !== undefined) this.ask(at);
    }, this.patience);
  }

  take(at, bytes) {
    if (this.ended || !this.waiting.delete(at)) return;
    this.parts.set(at, bytes);
    this.received += bytes.byteLength;
    this.step ||= bytes.byteLength;
    if (this.received >= this.file.size) return this.finish();
    if (!this.step) return this.fail();
    this.next ||= this.step;
    while (this.waiting.size < WINDOW && this.next < this.file.size) {
      this.ask(this.next);
      this.next += this.step;
    }
    this.watch();
    this.progress(this.received / this.file.size);
  }

  finish() {
    this.end();
    const order = [...this.parts.keys()].sort((a, b) => a - b);
    this.done(new Blob(order.map((at) => this.parts.get(at)), { type: this.file.type }));
  }

  fail() {
    this.end();
    this.gone();
  }

  end() {
    this.ended = true;
    clearTimeout(this.timer);
  }
}

/** What all views of one widget on one page share: the file, fetched once. */
class Shelf {
  constructor(model) {
    this.model = model;
    this.reader = crypto.getRandomValues(new Uint32Array(4)).join("-");
    this.transfers = new Map(); // token -> Transfer
    this.views = new Set();
    this.file = null; // what was asked for last
    this.state = {}; // part (0 to 1), url or gone; empty while there is nothing
    model.on("change:file", () => this.load());
    model.on("msg:custom", (content, buffers) => this.receive(content, buffers));
  }

  /** Fetch what the widget shows now, unless that is done or being done; without a view nothing is fetched. */
  load() {
    const file = this.model.get("file") ?? {};
    if (!this.views.size || file === this.file) return;
    this.transfers.get(this.file?.token)?.end();
    this.transfers.delete(this.file?.token);
    this.file = file;
    if (!file.token) return this.show(file.gone ? { gone: true } : {});
    this.show({ part: 0 });
    this.fetch(file, (blob) => this.show({ url: URL.createObjectURL(blob) }), (state) => this.show(state));
  }

  /** Show a new state; the address of the old file is given back to the browser. */
  show(state) {
    const old = this.state.url;
    this.state = state;
    for (const draw of this.views) draw();
    if (old && old !== state.url) URL.revokeObjectURL(old);
  }

  fetch(file, done, tell) {
    const over = (action) => (value) => {
      this.transfers.delete(file.token);
      action(value);
    };
    const transfer = new Transfer(this.model, this.reader, file, {
      done: over(done),
      gone: over(() => tell({ gone: true })),
      progress: (part) => tell({ part }),
    });
    if (!transfer.ended) this.transfers.set(file.token, transfer);
  }

  receive(content, buffers) {
    if (content.do === "download") return this.offer(content.file);
    if (content.reader !== this.reader) return;
    const transfer = this.transfers.get(content.token);
    if (content.do === "part") transfer?.take(content.at, buffers[0]);
    if (content.do === "gone") transfer?.fail();
  }

  /** Save a file that Python offers: on the page in front only, since every open page is told. */
  offer(file) {
    if (!this.views.size || document.visibilityState !== "visible") return;
    if (file.token === this.file?.token && this.state.url) return save(this.state.url, file.name);
    if (this.transfers.has(file.token)) return;
    this.fetch(file, saveBlob(file.name), () => {});
  }

  close() {
    for (const transfer of this.transfers.values()) transfer.end();
    if (this.state.url) URL.revokeObjectURL(this.state.url);
  }
}

function saveBlob(name) {
  return (blob) => {
    const url = URL.createObjectURL(blob);
    save(url, name);
    setTimeout(() => URL.revokeObjectURL(url), 60000); // the browser may still read from it
  };
}

/** Let the browser save what is at `url`. */
function save(url, name) {
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.hidden = true;
  document.body.append(link);
  link.click();
  link.remove();
}

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

function makeButton(action) {
  const button = make("button", "s2v-media-button");
  button.type = "button";
  button.addEventListener("click", action);
  return button;
}

/** A video that plays by itself, muted; it goes on when a page that hid it shows it again. */
function makeVideo(url) {
  const video = make("video", "s2v-media-video");
  video.muted = video.autoplay = video.loop = video.playsInline = video.controls = true;
  for (const name of ["muted", "autoplay", "loop", "playsinline"]) video.setAttribute(name, "");
  let wanted = true;
  const play = () => video.play().catch(() => {}); // refused: the controls are there
  video.addEventListener("play", () => { wanted = true; });
  video.addEventListener("pause", () => { wanted = !video.isConnected; });
  video.addEventListener("loadedmetadata", () => {
    video.dataset.width = video.videoWidth;
    video.dataset.height = video.videoHeight;
  });
  video.addEventListener("canplay", () => startTogether(video.dataset.group), { once: true });
  const seen = new IntersectionObserver((entries) => {
    if (entries.at(-1).isIntersecting && wanted && video.paused) play();
  });
  seen.observe(video);
  video.src = url;
  play();
  return { element: video, close: () => { seen.disconnect(); wanted = false; video.removeAttribute("src"); video.load(); } };
}

/** All videos of the group that can play begin anew, at once. */
function startTogether(group) {
  const all = group ? [...document.querySelectorAll("video[data-group]")] : [];
  const ready = all.filter((video) => video.dataset.group === group && video.readyState >= 2);
  if (ready.length < 2) return;
  for (const video of ready) video.currentTime = 0;
  for (const video of ready) video.play().catch(() => {});
}

function makePicture(url) {
  const picture = make("img", "s2v-media-picture");
  picture.addEventListener("load", () => {
    picture.dataset.width = picture.naturalWidth;
    picture.dataset.height = picture.naturalHeight;
  });
  picture.src = url;
  return { element: picture, close: () => {} };
}

/** One view; returns its end. */
function view(model, el, shelf) {
  const stage = make("div", "s2v-media-stage");
  const status = make("p", "s2v-media-status");
  status.setAttribute("role", "status");
  const sound = makeButton(() => { player.element.muted = !player.element.muted; });
  const download = makeButton(() => save(shelf.state.url, model.get("file").name));
  const bar = make("div", "s2v-media-bar", sound, download);
  const root = make("div", "s2v-media", stage, status, bar);
  el.append(root);
  let player = null;
  let url = null;

  const word = (key) => model.get("words")?.[key] ?? "";
  const label = () => {
    const muted = player?.element.muted ?? true;
    if (player) player.element.dataset.group = model.get("group");
    sound.textContent = word(muted ? "sound_on" : "sound_off");
    sound.setAttribute("aria-pressed", String(!muted));
    download.textContent = word("download");
    if (player?.element.tagName === "IMG") player.element.alt = model.get("alt");
    else player?.element.setAttribute("aria-label", model.get("alt"));
  };
  const put = (kind) => {
    player?.close();
    player?.element.remove();
    player = null;
    url = shelf.state.url;
    if (!url || !kind) return;
    player = kind === "video" ? makeVideo(url) : makePicture(url);
    player.element.addEventListener("error", () => { status.textContent = url ? word("broken") : ""; });
    player.element.addEventListener("volumechange", label);
    stage.append(player.element);
  };
  const draw = () => {
    const { part, gone } = shelf.state;
    const kind = model.get("file")?.kind;
    if (url !== shelf.state.url) put(kind);
    root.classList.toggle("s2v-media-small", model.get("small"));
    root.hidden = !Object.keys(shelf.state).length;
    status.textContent = gone ? word("gone") : part === undefined ? "" : `${word("loading")} ${Math.floor(100 * part)} %`;
    sound.hidden = !model.get("sound") || kind !== "video" || !player;
    download.hidden = !model.get("downloadable") || !shelf.state.url;
    bar.hidden = sound.hidden && download.hidden;
    label();
  };

  const names = ["words", "alt", "group", "sound", "downloadable"].map((name) => `change:${name}`);
  for (const name of names) model.on(name, draw);
  shelf.views.add(draw);
  shelf.load();
  draw();
  return () => {
    shelf.views.delete(draw);
    for (const name of names) model.off(name, draw);
    url = null;
    player?.close();
  };
}

export default () => {
  let shelf;
  return {
    initialize({ model }) {
      shelf = new Shelf(model);
      return () => shelf.close();
    },
    render({ model, el }) {
      model.send({ do: "here" });
      return view(model, el, shelf);
    },
  };
};
