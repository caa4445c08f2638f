// A zone to drop, browse or paste a file, which goes to the kernel in pieces; the protocol stands in upload.py.

const CHUNK = 2 * 1024 * 1024; // bytes; one message may hold 10 MiB on Jupyter's default limits
const WINDOW = 4 * CHUNK; // how far to send ahead of what the kernel has confirmed
const IDLE = 15000; // milliseconds after which another page asks whether the upload still lives

/** An element with properties and children. */
function make(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** SHA-256 in hex, or null where the page is no secure context. */
async function digest(bytes) {
  if (!globalThis.crypto?.subtle) return null;
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One file on its way; `step()` is called after everything that changes. */
function startSending(model, file, step) {
  const sending = { id: newId(), name: file.name, total: file.size, received: 0, ended: false };
  let offset = 0;
  let go = false;
  let busy = false;

  /** Send pieces while the window has room. */
  async function pump() {
    if (busy || !go) return;
    busy = true;
    while (!sending.ended && offset < file.size && offset - sending.received < WINDOW) {
      const bytes = await file.slice(offset, offset + CHUNK).arrayBuffer();
      const sha256 = await digest(bytes);
      if (sending.ended) break;
      model.send({ do: "chunk", id: sending.id, offset, sha256 }, undefined, [bytes]);
      offset += bytes.byteLength;
    }
    busy = false;
  }

  /** Send on, and tell the kernel where the browser cannot read the file. */
  function proceed() {
    pump().catch(() => {
      model.send({ do: "unreadable", id: sending.id, name: file.name });
      end("failed");
    });
  }

  function end(how) {
    if (sending.ended) return;
    sending.ended = true;
    model.off("msg:custom", hear);
    step(how);
  }

  function hear(message) {
    if (message.id !== sending.id) return;
    if (message.do === "done") end("arrived");
    if (message.do === "stop") end("failed");
    if (message.do === "go") go = true;
    if (message.do === "have") sending.received = message.received;
    if (message.do === "go" || message.do === "have") {
      step();
      proceed();
    }
  }

  sending.cancel = () => {
    model.send({ do: "cancel", id: sending.id });
    end("cancelled");
  };
  model.on("msg:custom", hear);
  model.send({ do: "begin", id: sending.id, name: file.name, size: file.size });
  return sending;
}

/** A name for an upload; randomUUID exists only in secure contexts. */
function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16)).join("");
}

/** The first picture on the clipboard as a file, or null; throws where the page may not read it. */
async function fromClipboard() {
  for (const item of await navigator.clipboard.read()) {
    const type = item.types.find((name) => name.startsWith("image/"));
    if (type) return new File([await item.getType(type)], `pasted.${type.slice(6)}`, { type });
  }
  return null;
}

/** "12.3 of 60.0 MiB" in figures only, which every language reads. */
function mebibytes(received, total) {
  const figure = (bytes) => (bytes / 1048576).toFixed(1);
  return `${figure(received)} / ${figure(total)} MiB`;
}

/** The zone's elements; nothing in them has behaviour yet. */
function buildZone() {
  const parts = {
    input: make("input", { type: "file", hidden: true, tabIndex: -1 }),
    hint: make("span", { className: "s2v-upload-hint" }),
    browse: make("button", { type: "button", className: "s2v-upload-browse" }),
    paste: make("button", { type: "button", className: "s2v-upload-paste" }),
    name: make("span", { className: "s2v-upload-name" }),
    bar: make("progress", { className: "s2v-upload-bar", max: 1, value: 0 }),
    figures: make("span", { className: "s2v-upload-figures" }),
    cancel: make("button", { type: "button", className: "s2v-upload-cancel" }),
    status: make("div", { className: "s2v-upload-status" }),
  };
  parts.status.setAttribute("role", "status"); // a polite live region
  parts.idle = make("div", { className: "s2v-upload-row" }, parts.hint, parts.browse, parts.paste);
  parts.moving = make("div", { className: "s2v-upload-row" }, parts.name, parts.bar, parts.figures, parts.cancel);
  parts.zone = make("div", { className: "s2v-upload", tabIndex: 0 });
  parts.zone.append(parts.input, parts.idle, parts.moving, parts.status);
  parts.zone.setAttribute("role", "group");
  parts.zone.dataset.lmSuppressShortcuts = "true"; // or JupyterLab takes Ctrl+V and Enter for its cells
  return parts;
}

function render({ model, el }) {
  const parts = buildZone();
  const { zone, input, status } = parts;
  let own = null; // what this page sends; other pages see the model's `progress`
  let note = ""; // the word of the last thing that happened
  let spoken = "";
  let watched = { received: -1, since: 0 };

  const word = (key) => model.get("words")[key] ?? "";
  const picture = () => model.get("accept").includes("image");

  /** What moves: this page's upload, or another page's. */
  function moving() {
    const other = model.get("progress");
    return own ?? (other.id ? other : null);
  }

  function draw() {
    const now = moving();
    parts.idle.hidden = Boolean(now);
    parts.moving.hidden = !now;
    parts.hint.textContent = word("drop");
    parts.browse.textContent = word("browse");
    parts.paste.textContent = word("paste");
    parts.paste.hidden = !picture() || !word("paste");
    parts.cancel.textContent = word("cancel");
    zone.setAttribute("aria-label", word("drop"));
    input.accept = model.get("accept");
    if (now) drawProgress(now);
    say(now);
  }

  function drawProgress(now) {
    const part = now.total ? now.received / now.total : 0;
    parts.name.textContent = now.name;
    parts.name.title = now.name;
    parts.bar.value = part;
    parts.bar.setAttribute("aria-label", now.name);
    parts.figures.textContent = mebibytes(now.received, now.total);
  }

  /** Tell a screen reader each quarter, and how it ended. */
  function say(now) {
    const quarter = now && now.total ? Math.floor((4 * now.received) / now.total) * 25 : 0;
    const text = now ? `${now.name} ${quarter} %` : word(note);
    if (text !== spoken) status.textContent = text;
    spoken = text;
    status.classList.toggle("s2v-upload-unseen", Boolean(now));
  }

  function take(file) {
    if (!file) return;
    own?.cancel();
    note = "";
    own = startSending(model, file, (how) => {
      if (how !== undefined) {
        own = null;
        note = how;
      }
      draw();
    });
    draw();
  }

  async function pasteFromButton() {
    try {
      const file = await fromClipboard();
      note = file ? "" : "nothing";
      take(file);
    } catch {
      note = "press"; // not allowed here: Ctrl+V always is
      zone.focus();
    }
    draw();
  }

  function cancel() {
    const now = moving();
    if (own) own.cancel();
    else if (now) model.send({ do: "cancel", id: now.id });
    draw();
    zone.focus();
  }

  /** Ask the kernel about an upload of another page that has stopped moving. */
  function look() {
    const other = model.get("progress");
    if (own || !other.id) return;
    if (other.received !== watched.received) watched = { received: other.received, since: Date.now() };
    else if (Date.now() - watched.since > IDLE) model.send({ do: "idle", id: other.id });
  }

  const isFile = (event) => Array.from(event.dataTransfer?.types ?? []).includes("Files");
  const drag = (over) => (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    event.stopPropagation();
    zone.classList.toggle("s2v-upload-over", over);
  };
  zone.addEventListener("dragenter", drag(true));
  zone.addEventListener("dragover", drag(true));
  zone.addEventListener("dragleave", drag(false));
  zone.addEventListener("drop", (event) => {
    drag(false)(event);
    take(event.dataTransfer?.files[0]);
  });
  zone.addEventListener("paste", (event) => {
    const file = Array.from(event.clipboardData?.files ?? []).find((item) => !picture() || item.type.startsWith("image/"));
    if (!file) return;
    event.preventDefault();
    event.stopPropagation();
    take(file);
  });
  zone.addEventListener("keydown", (event) => {
    if (event.target === zone && (event.key === "Enter" || event.key === " ") && !moving()) {
      event.preventDefault();
      input.click();
    }
  });
  parts.browse.addEventListener("click", () => input.click());
  parts.paste.addEventListener("click", pasteFromButton);
  parts.cancel.addEventListener("click", cancel);
  input.addEventListener("change", () => {
    take(input.files[0]);
    input.value = ""; // so that the same file can be chosen again
  });

  const leave = () => own?.cancel();
  const timer = setInterval(look, 2000);
  const watched_traits = ["words", "progress", "accept"].map((name) => `change:${name}`);
  watched_traits.forEach((name) => model.on(name, draw));
  window.addEventListener("pagehide", leave);
  el.append(zone);
  draw();
  model.send({ do: "here" });

  return () => {
    leave();
    clearInterval(timer);
    watched_traits.forEach((name) => model.off(name, draw));
    window.removeEventListener("pagehide", leave);
  };
}

export default { render };
