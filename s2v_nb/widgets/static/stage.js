// The picture with the clip's frame and a point on its subject, to be dragged or moved with the arrow keys.

const TALLEST = 320; // CSS pixels
const WIDEST = 480;
const SEND_EVERY = 120; // milliseconds between two places sent while dragging
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

const within = (value) => Math.min(1, Math.max(0, value));

/** The stage's elements; nothing in them has behaviour yet. */
function buildStage() {
  const parts = {
    picture: make("img", { className: "s2v-stage-picture", alt: "", draggable: false }),
    frame: make("div", { className: "s2v-stage-frame" }),
    point: make("div", { className: "s2v-stage-point", tabIndex: 0 }),
    caption: make("div", { className: "s2v-stage-caption" }),
    hint: make("div", { className: "s2v-stage-hint" }),
    auto: make("button", { type: "button", className: "s2v-stage-auto" }),
    lines: make("ul", { className: "s2v-stage-lines" }),
  };
  parts.board = make("div", { className: "s2v-stage-board" }, parts.picture, parts.frame, parts.point);
  parts.foot = make("div", { className: "s2v-stage-foot" }, parts.hint, parts.auto);
  parts.stage = make("div", { className: "s2v-stage" }, parts.board, parts.caption, parts.foot, parts.lines);
  parts.stage.dataset.lmSuppressShortcuts = "true"; // the arrow keys are JupyterLab's otherwise
  parts.point.setAttribute("role", "slider"); // of two directions: its text says both
  parts.point.setAttribute("aria-valuemin", "0");
  parts.point.setAttribute("aria-valuemax", "100");
  parts.lines.setAttribute("aria-live", "polite");
  return parts;
}

/** Calls `action` at most once in `wait` milliseconds, and with the last value in the end. */
function throttled(action, wait) {
  let timer = 0;
  let last;
  const go = (value) => {
    last = value;
    timer ||= setTimeout(() => {
      timer = 0;
      action(last);
    }, wait);
  };
  go.stop = () => {
    clearTimeout(timer);
    timer = 0;
  };
  return go;
}

function render({ model, el }) {
  const parts = buildStage();
  const { board, point } = parts;
  let held = null; // where a person holds the point, until the kernel has heard of it
  let dragging = false;
  let shown = "";
  let url = "";

  const word = (key) => model.get("words")[key] ?? "";
  const place = () => held ?? model.get("subject");
  const send = ([x, y]) => model.send({ do: "subject", x, y });
  const sendSoon = throttled(send, SEND_EVERY);

  function drawPicture() {
    const { token = "", width, height } = model.get("picture");
    board.hidden = parts.foot.hidden = !token;
    if (!token || token === shown) return;
    board.style.aspectRatio = `${width} / ${height}`;
    board.style.maxWidth = `${Math.min(WIDEST, (TALLEST * width) / height)}px`;
    model.send({ do: "fetch", token });
  }

  function takePixels(message, buffers) {
    if (message.do !== "pixels" || message.token !== model.get("picture").token || message.token === shown) return;
    shown = message.token;
    URL.revokeObjectURL(url);
    url = URL.createObjectURL(new Blob([buffers[0]], { type: "image/jpeg" }));
    parts.picture.src = url;
  }

  function drawFrame() {
    const [left, top, right, bottom] = model.get("frame").map((part) => 100 * part);
    const sides = { left, top, width: right - left, height: bottom - top };
    for (const [side, value] of Object.entries(sides)) parts.frame.style[side] = `${value}%`;
  }

  function drawPoint() {
    const [x, y] = place().map((part) => Math.round(1000 * part) / 10);
    point.style.left = `${x}%`;
    point.style.top = `${y}%`;
    point.classList.toggle("s2v-stage-found", model.get("found") && !held);
    point.setAttribute("aria-valuenow", String(Math.round(x)));
    point.setAttribute("aria-valuetext", `x ${Math.round(x)} %, y ${Math.round(y)} %`);
  }

  function drawWords() {
    parts.hint.textContent = word("hint");
    parts.auto.textContent = word("auto");
    point.setAttribute("aria-label", word("subject"));
    point.title = word("subject");
    parts.picture.alt = model.get("caption");
    parts.caption.textContent = model.get("caption");
    parts.lines.replaceChildren(...model.get("lines").map((text) => make("li", { textContent: text })));
    parts.lines.hidden = !model.get("lines").length;
  }

  function draw() {
    drawPicture();
    drawFrame();
    drawPoint();
    drawWords();
  }

  /** The kernel has a place: it holds, unless a finger still does. */
  function heard() {
    if (!dragging) held = null;
    drawPoint();
  }

  function hold(x, y, tell) {
    held = [within(x), within(y)];
    drawPoint();
    tell(held);
  }

  function holdAt(event, tell) {
    const box = board.getBoundingClientRect();
    hold((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, tell);
  }

  function release(event) {
    if (!dragging) return;
    dragging = false;
    sendSoon.stop();
    holdAt(event, send);
  }

  function automatic() {
    sendSoon.stop();
    held = null;
    model.send({ do: "auto" });
  }

  point.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    dragging = true;
    point.setPointerCapture(event.pointerId);
    event.stopPropagation();
  });
  point.addEventListener("pointermove", (event) => dragging && holdAt(event, sendSoon));
  point.addEventListener("pointerup", release);
  point.addEventListener("pointercancel", () => {
    dragging = false;
    sendSoon.stop();
    heard();
  });
  point.addEventListener("click", (event) => event.stopPropagation());
  point.addEventListener("keydown", (event) => {
    const step = event.shiftKey ? 0.05 : 0.01;
    const [across, down] = ARROWS[event.key] ?? [];
    if (across !== undefined) hold(place()[0] + step * across, place()[1] + step * down, sendSoon);
    else if (event.key === "Delete" || event.key === "Backspace") automatic();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  board.addEventListener("click", (event) => event.detail < 2 && holdAt(event, sendSoon));
  board.addEventListener("dblclick", automatic);
  parts.auto.addEventListener("click", automatic);

  const follow = {
    "change:picture": drawPicture,
    "change:frame": drawFrame,
    "change:subject": heard,
    "change:found": heard,
    "change:caption": drawWords,
    "change:lines": drawWords,
    "change:words": drawWords,
    "msg:custom": takePixels,
  };
  for (const [name, action] of Object.entries(follow)) model.on(name, action);
  el.append(parts.stage);
  draw();
  model.send({ do: "here" });

  return () => {
    for (const [name, action] of Object.entries(follow)) model.off(name, action);
    sendSoon.stop();
    URL.revokeObjectURL(url);
  };
}

export default { render };
