// The Write tab: text that could not be saved stays in this browser; a conflict is solved by hand.
const form = document.querySelector("form[data-keep]");
const box = document.getElementById("unsaved");

const values = () => Object.fromEntries([...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken" && name !== "version"));

function fill(kept) {
  for (const [name, value] of Object.entries(kept)) {
    const api = window.shirase.editor?.(`#id_${name}`);
    if (api) api.replace(value);
    else if (form.elements[name]) form.elements[name].value = value;
  }
  form.dispatchEvent(new Event("input", { bubbles: true }));
}

if (form) {
  const key = form.dataset.keep;
  const kept = localStorage.getItem(key);
  if (kept) box.hidden = false;

  form.addEventListener("input", () => {
    if (box.hidden) localStorage.setItem(key, JSON.stringify(values()));
  });
  // Only an answer that says "saved" lets go of the copy.
  document.body.addEventListener("saved", () => {
    if (box.hidden) localStorage.removeItem(key);
  });
  document.addEventListener("click", ({ target }) => {
    const unsaved = target.closest("[data-unsaved]");
    if (unsaved) {
      box.hidden = true;
      localStorage.removeItem(key);
      if (unsaved.dataset.unsaved === "use") fill(JSON.parse(kept));
    }
    const mine = target.closest("[data-keep-mine]");
    if (mine) {
      document.getElementById("id_version").value = mine.dataset.keepMine;
      form.requestSubmit();
    }
    if (target.closest("[data-drop-mine]")) localStorage.removeItem(key);
  });
}
