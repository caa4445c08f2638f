// The clips of a sweep as a table. Arrows walk through it, Enter plays a clip, Tab leads to its button.

const ANSWERS = new Set(["done", "failed"]); // what a click on a cell in this state is good for

/** One cell's elements; `act(what)` tells Python. */
function makeCell(act) {
  const cell = {};
  cell.picture = make("img", "s2v-sweep-picture");
  cell.picture.alt = "";
  cell.bar = make("span", "s2v-sweep-bar");
  cell.rank = make("span", "s2v-sweep-rank");
  cell.line = make("span", "s2v-sweep-line");
  cell.frame = make("span", "s2v-sweep-frame", cell.picture, cell.rank, cell.bar);
  cell.show = makeButton("s2v-sweep-show", () => ANSWERS.has(cell.data.state) && act("show"), cell.frame, cell.line);
  cell.final = makeButton("s2v-sweep-final", () => act("final"));
  cell.element = make("td", "s2v-sweep-cell", make("div", "s2v-sweep-card", cell.show, cell.final));
  return cell;
}

function fill(cell, data, words, { current, busy, url }) {
  const done = data.state === "done";
  cell.data = data;
  cell.line.textContent = data.line;
  cell.rank.textContent = data.rank;
  cell.rank.hidden = !data.rank;
  cell.bar.hidden = data.state !== "running";
  cell.bar.style.width = `${data.percent}%`;
  if (url && cell.picture.src !== url) cell.picture.src = url;
  cell.picture.hidden = !data.poster || !cell.picture.src; // the one before stays until a newer one is here
  cell.element.dataset.state = data.state;
  cell.element.classList.toggle("s2v-sweep-current", current);
  cell.show.setAttribute("aria-label", [done ? words.play : "", data.about, data.rank, data.line].filter(Boolean).join(", "));
  cell.show.title = data.why || data.line;
  cell.show.setAttribute("aria-disabled", String(!ANSWERS.has(data.state))); // arrows still reach it
  if (current) cell.show.setAttribute("aria-current", "true");
  else cell.show.removeAttribute("aria-current");
  cell.final.hidden = !done;
  cell.final.disabled = busy;
  cell.final.textContent = words.final ?? "";
  cell.final.setAttribute("aria-label", `${words.final ?? ""}: ${data.tip}`);
  cell.final.title = data.tip;
}

function makeHead(scope, text, span = 1) {
  const head = make("th", `s2v-sweep-${scope}`, text);
  head.scope = scope;
  if (span > 1) head.colSpan = span;
  return head;
}

/** The table's rows: what the columns are, their names, and a row of cells for each name. */
function makeRows(rows, columns, words, cells) {
  const above = make("tr", "", make("td", ""), makeHead("colgroup", words.columns ?? "", columns.length));
  const head = make("tr", "", makeHead("col", words.rows ?? ""), ...columns.map((name) => makeHead("col", name)));
  head.firstChild.classList.add("s2v-sweep-corner");
  const body = rows.map((name, at) => {
    const elements = cells.slice(at * columns.length, (at + 1) * columns.length).map((cell) => cell.element);
    return make("tr", "", makeHead("row", name), ...elements);
  });
  return [make("thead", "", above, head), make("tbody", "", ...body)];
}

/** Which cell an arrow leads to from cell `at`. */
function target(key, at, columns, count) {
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  const side = at % columns;
  if (key === "ArrowLeft") return side ? at - 1 : at;
  if (key === "ArrowRight") return side < columns - 1 ? at + 1 : at;
  const next = at + (key === "ArrowUp" ? -columns : columns);
  return next < 0 || next >= count ? at : next;
}

/** One view; returns its end. */
function view(model, el, posters) {
  const table = make("table", "s2v-sweep-table");
  const root = make("div", "s2v-sweep", table);
  el.append(root);
  let cells = [];
  let laid = ""; // what the table was laid out for
  let active = 0; // the cell that Tab reaches

  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const cell = entry.isIntersecting && cells.find((one) => one.element === entry.target);
      if (cell) posters.ask(cell.data);
    }
  }, { rootMargin: "200px" });

  const reach = (at) => {
    active = at;
    cells.forEach((cell, index) => {
      cell.show.tabIndex = cell.final.tabIndex = index === at ? 0 : -1;
    });
  };
  const add = (id, at) => {
    const cell = makeCell((what) => model.send({ do: "act", what, id }));
    cell.element.addEventListener("focusin", () => reach(at));
    return cell;
  };
  const layOut = (rows, columns, words, cards) => {
    const wanted = JSON.stringify([rows, columns, words, cards.map((card) => card.id)]);
    if (wanted === laid) return;
    const focused = cells.findIndex((cell) => cell.element.contains(document.activeElement));
    laid = wanted;
    seen.disconnect();
    cells = cards.map((card, at) => add(card.id, at));
    table.replaceChildren(...(cards.length ? makeRows(rows, columns, words, cells) : []));
    table.setAttribute("aria-label", words.grid ?? "");
    reach(Math.min(active, Math.max(0, cells.length - 1)));
    if (focused >= 0) cells[focused]?.show.focus(); // the language was changed, say
  };
  const draw = () => {
    const words = model.get("words") ?? {};
    const [rows, columns, cards] = ["rows", "columns", "cards"].map((name) => model.get(name) ?? []);
    if (cards.length !== rows.length * columns.length) return; // the rest of a change is still to come
    root.hidden = !cards.length;
    layOut(rows, columns, words, cards);
    cards.forEach((data, at) => {
      const cell = cells[at];
      const old = cell.data?.poster;
      const current = data.id === model.get("current");
      fill(cell, data, words, { current, busy: model.get("busy"), url: posters.urls.get(data.poster) });
      if (old === data.poster) return;
      seen.unobserve(cell.element); // observing anew tells again whether it is in view
      seen.observe(cell.element);
    });
  };
  table.addEventListener("keydown", (event) => {
    if (!/^(Arrow|Home$|End$)/.test(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    cells[target(event.key, active, model.get("columns").length, cells.length)]?.show.focus();
  });

  const names = ["rows", "columns", "cards", "current", "busy", "words"].map((name) => `change:${name}`);
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
