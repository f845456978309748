// "/" goes to the search of the list; Ctrl/⌘+S saves where a form says so. Enter that ends an IME composition is not Enter.
const typing = (element) => element.closest("input, textarea, select, [contenteditable], .cm-editor");

document.addEventListener(
  "keydown",
  (event) => {
    if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.stopImmediatePropagation();
  },
  true,
);
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing(event.target)) {
    const search = document.querySelector("main input[type=search]");
    if (!search) return;
    event.preventDefault();
    search.focus();
    search.select();
  }
  if (event.key.toLowerCase() === "s" && (event.ctrlKey || event.metaKey)) {
    const form = document.querySelector("form[data-save-key]");
    if (!form) return;
    event.preventDefault();
    form.requestSubmit();
  }
});
