// Directions as buttons in groups. One group is open at a time; those in use are listed first and always seen.

/** A button for one direction; pressed while the prompt holds it. */
function chip(model, { name, label, on }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "s2v-chips-chip";
  button.textContent = label;
  button.dataset.name = name;
  button.setAttribute("aria-pressed", String(on));
  button.onclick = () => model.send({ do: "toggle", name });
  return button;
}

/** A group's heading and its chips, folded unless it is open. */
function group(model, { name, label, chips }, state) {
  const details = document.createElement("details");
  details.open = state.open === name;
  const summary = document.createElement("summary");
  const used = chips.filter((one) => one.on).length;
  summary.textContent = used ? `${label} (${used})` : label;
  details.append(summary, ...chips.map((one) => chip(model, one)));
  details.ontoggle = () => {
    if (details.open) {
      state.open = name;
      for (const other of details.parentElement?.children ?? []) if (other !== details) other.open = false;
    } else if (state.open === name) state.open = null;
  };
  return details;
}

function render({ model, el }) {
  el.classList.add("s2v-chips");
  const state = { open: "camera" };
  const draw = () => {
    const focused = el.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    el.replaceChildren(...model.get("groups").map((one) => group(model, one, state)));
    if (focused) el.querySelector(`[data-name="${CSS.escape(focused)}"]`)?.focus();
  };
  model.on("change:groups", draw);
  draw();
  model.send({ do: "here" });
  return () => model.off("change:groups", draw);
}

export default { render };
