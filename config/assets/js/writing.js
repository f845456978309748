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

  // A save stores the fields that were touched since the last one, so that two people can write in two fields.
  let touched = new Set();
  let sent = new Set();
  let rereads = false;
  document.addEventListener("input", ({ target }) => {
    if (target === form) for (const name of Object.keys(values())) touched.add(name);
    else if (target.form === form && target.name) touched.add(target.name);
  });
  form.addEventListener("htmx:configRequest", ({ detail }) => {
    sent = new Set([...sent, ...touched]);
    touched = new Set();
    if (sent.size) detail.parameters.touched = [...sent].join(" ");
  });

  form.addEventListener("input", () => {
    if (box.hidden) localStorage.setItem(key, JSON.stringify(values()));
  });
  // Only an answer that says "saved" lets go of the copy.
  document.body.addEventListener("saved", () => {
    if (box.hidden) localStorage.removeItem(key);
    sent = new Set();
    if (rereads) location.reload();
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
      rereads = true; // the fields of the other one are still old on this page
      form.requestSubmit();
    }
    if (target.closest("[data-drop-mine]")) localStorage.removeItem(key);
  });
}
