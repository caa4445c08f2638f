// Clips as cards. Arrows walk through them, Enter shows one, Delete asks whether it may go.

/** One card's elements; `act(what)` tells Python. */
function makeCard(act) {
  const card = {};
  card.picture = make("img", "s2v-gallery-picture");
  card.picture.alt = "";
  card.missing = make("span", "s2v-gallery-missing");
  for (const name of ["title", "line", "verdict", "when"]) card[name] = make("span", `s2v-gallery-${name}`);
  card.show = makeButton("s2v-gallery-show", () => act("show"),
    make("span", "s2v-gallery-frame", card.picture, card.missing), card.title, card.line, card.verdict, card.when);
  card.use = makeButton("s2v-gallery-button", () => act("use"));
  card.remove = makeButton("s2v-gallery-button", () => ask(card, true));
  card.confirm = makeButton("s2v-gallery-button s2v-gallery-danger", () => act("forget"));
  card.keep = makeButton("s2v-gallery-button", () => ask(card, false));
  card.actions = make("span", "s2v-gallery-actions", card.use, card.remove);
  card.question = make("span", "s2v-gallery-actions", card.confirm, card.keep);
  card.question.hidden = true;
  card.element = make("li", "s2v-gallery-card", card.show, card.actions, card.question);
  card.element.addEventListener("keydown", (event) => {
    if (event.key === "Delete" || (event.key === "Escape" && !card.question.hidden)) {
      event.preventDefault();
      event.stopPropagation();
      ask(card, event.key === "Delete");
    }
  });
  return card;
}

/** Ask whether the clip may be deleted; the focus goes to the answer that changes nothing. */
function ask(card, asking) {
  card.question.hidden = !asking;
  card.actions.hidden = asking;
  (asking ? card.keep : card.show).focus();
}

function fill(card, data, words, current, url) {
  card.data = data;
  for (const name of ["title", "line", "verdict"]) card[name].textContent = data[name];
  const style = { dateStyle: "medium", timeStyle: "short" };
  card.when.textContent = new Date(1000 * data.when).toLocaleString(words.locale || undefined, style);
  for (const [name, word] of [["use", "use"], ["remove", "delete"], ["confirm", "confirm"], ["keep", "keep"]]) {
    card[name].textContent = words[word] ?? "";
  }
  card.missing.textContent = words.no_poster ?? "";
  card.missing.hidden = Boolean(url);
  card.picture.hidden = !url;
  if (url && card.picture.src !== url) card.picture.src = url;
  card.element.classList.toggle("s2v-gallery-current", current);
  if (current) card.show.setAttribute("aria-current", "true");
  else card.show.removeAttribute("aria-current");
}

/** Where an arrow leads from card `at` of a grid whose rows are found from the cards' places. */
function target(key, at, elements) {
  const tops = elements.map((element) => element.offsetTop);
  const columns = tops.filter((top) => top === tops[0]).length;
  const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns };
  if (key === "Home") return 0;
  if (key === "End") return elements.length - 1;
  const next = at + (steps[key] ?? 0);
  return next < 0 || next >= elements.length ? at : next;
}

/** One view; returns its end. */
function view(model, el, posters) {
  const list = make("ul", "s2v-gallery-list");
  const empty = make("p", "s2v-gallery-empty");
  const root = make("div", "s2v-gallery", empty, list);
  el.append(root);
  const cards = new Map(); // id -> card
  let active = ""; // the card that Tab reaches

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const card = entry.isIntersecting && cards.get(entry.target.dataset.id);
      if (card) posters.ask(card.data);
    }
  }, { rootMargin: "200px" });

  const reach = (id) => {
    active = id;
    for (const [name, card] of cards) {
      for (const button of card.element.querySelectorAll("button")) button.tabIndex = name === id ? 0 : -1;
    }
  };
  const add = (id) => {
    const card = makeCard((what) => model.send({ do: "act", what, id }));
    card.element.dataset.id = id;
    card.element.addEventListener("focusin", () => reach(id));
    cards.set(id, card);
    return card;
  };
  const drop = (id) => {
    const { element } = cards.get(id);
    const focused = element.contains(document.activeElement);
    const next = element.nextElementSibling ?? element.previousElementSibling;
    seen.unobserve(element);
    element.remove();
    cards.delete(id);
    if (focused) next?.querySelector("button").focus();
  };
  const draw = () => {
    const words = model.get("words") ?? {};
    const shown = model.get("cards") ?? [];
    list.setAttribute("aria-label", words.list ?? "");
    empty.textContent = words.empty ?? "";
    empty.hidden = shown.length > 0;
    const ids = new Set(shown.map((data) => data.id));
    for (const id of [...cards.keys()]) if (!ids.has(id)) drop(id);
    shown.forEach((data, place) => {
      const card = cards.get(data.id) ?? add(data.id);
      const old = card.data?.poster;
      fill(card, data, words, data.id === model.get("current"), posters.urls.get(data.poster));
      if (list.children[place] !== card.element) list.insertBefore(card.element, list.children[place] ?? null);
      if (old === data.poster) return;
      seen.unobserve(card.element); // observing anew tells again whether it is in view
      seen.observe(card.element);
    });
    if (!cards.has(active)) active = shown[0]?.id ?? "";
    reach(active);
  };
  list.addEventListener("keydown", (event) => {
    if (!/^(Arrow|Home$|End$)/.test(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    const elements = [...list.children];
    const at = elements.findIndex((element) => element.contains(event.target));
    event.preventDefault();
    event.stopPropagation();
    elements[target(event.key, at, elements)]?.querySelector("button").focus();
  });

  const names = ["cards", "current", "words"].map((name) => `change:${name}`);
  for (const name of names) model.on(name, draw);
  posters.views.add(draw);
  draw();
  return () => {
    posters.views.delete(draw);
    for (const name of names) model.off(name, draw);
    seen.disconnect();
  };
}

export default () => {
  let posters;
  return {
    initialize({ model }) {
      posters = new Posters(model);
      return () => posters.close();
    },
    render({ model, el }) {
      model.send({ do: "here" });
      return view(model, el, posters);
    },
  };
};
