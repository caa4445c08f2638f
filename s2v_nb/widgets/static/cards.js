// What front ends that show clips as cards share: their thumbnails, and the making of elements.

/** What all views of one widget on one page share: the thumbnails. */
class Posters {
  constructor(model) {
    this.model = model;
    this.urls = new Map(); // poster -> address of its Blob
    this.asked = new Set();
    this.views = new Set();
    model.on("msg:custom", (content, buffers) => this.receive(content, buffers));
    model.on("change:cards", () => this.sweep());
  }

  ask(card) {
    if (!card.poster || this.asked.has(card.poster)) return;
    this.asked.add(card.poster);
    this.model.send({ do: "poster", id: card.id, poster: card.poster });
  }

  receive(content, buffers) {
    if (content.do !== "poster" || this.urls.has(content.poster)) return;
    this.urls.set(content.poster, URL.createObjectURL(new Blob([buffers[0]], { type: "image/jpeg" })));
    for (const draw of this.views) draw();
  }

  /** Give back the pictures of cards that are gone. */
  sweep() {
    const kept = new Set(this.model.get("cards").map((card) => card.poster));
    for (const [poster, url] of this.urls) {
      if (kept.has(poster)) continue;
      URL.revokeObjectURL(url);
      this.urls.delete(poster);
      this.asked.delete(poster);
    }
  }

  close() {
    for (const url of this.urls.values()) URL.revokeObjectURL(url);
    this.urls.clear();
  }
}

function make(tag, className, ...children) {
  const element = document.createElement(tag);
  element.className = className;
  element.append(...children);
  return element;
}

function makeButton(className, action, ...children) {
  const button = make("button", className, ...children);
  button.type = "button";
  button.addEventListener("click", action);
  return button;
}
