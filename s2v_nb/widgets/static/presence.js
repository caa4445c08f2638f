// Tells the kernel that this page can show front ends of our own.
export default {
  render({ model, el }) {
    el.style.display = "none";
    model.send({ do: "here" });
  },
};
