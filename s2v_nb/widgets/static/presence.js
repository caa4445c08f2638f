// Tells the kernel that this page can show front ends of our own, and gives sliders the names that ipywidgets leaves out.

/** Each slider's handle is called as its label says. */
function nameSliders() {
  for (const handle of document.querySelectorAll(".s2v .noUi-handle")) {
    const name = handle.closest(".widget-inline-hbox")?.querySelector(".widget-label")?.textContent ?? "";
    if (name && handle.getAttribute("aria-label") !== name) handle.setAttribute("aria-label", name);
  }
}

export default {
  render({ model, el }) {
    el.style.display = "none";
    model.send({ do: "here" });
    const timer = setInterval(nameSliders, 1000); // labels change with the language
    return () => clearInterval(timer);
  },
};
