// Tells the kernel that this page can show front ends of our own, gives sliders the names that ipywidgets leaves out, and
// keeps keys that are pressed in a panel from JupyterLab, where "dd" would delete the cell and Enter would edit it.

/** Each slider's handle is called as its label says. */
function nameSliders() {
  for (const handle of document.querySelectorAll(".s2v .noUi-handle")) {
    const name = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label")?.textContent ?? "";
    if (name && handle.getAttribute("aria-label") !== name) handle.setAttribute("aria-label", name);
  }
}

/** Keys without Ctrl or Cmd are the panel's; an attribute of the element in focus tells JupyterLab so, for this key. */
function keepKey(event) {
  const { target } = event;
  if (!(target instanceof HTMLElement) || !target.closest(".s2v") || event.ctrlKey || event.metaKey) return;
  if ("lmSuppressShortcuts" in target.dataset) return;
  target.dataset.lmSuppressShortcuts = "true";
  setTimeout(() => delete target.dataset.lmSuppressShortcuts);
}

export default {
  render({ model, el }) {
    el.style.display = "none";
    model.send({ do: "here" });
    addEventListener("keydown", keepKey, true); // the same listener is only ever added once
    const timer = setInterval(nameSliders, 400); // labels change with the language
    return () => clearInterval(timer);
  },
};
