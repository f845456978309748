// Conveniences of forms: autosize, counters, "select all", show the password, submit on change, follow another field.
const segmenter = new Intl.Segmenter(document.documentElement.lang || "en", { granularity: "grapheme" });
const lengthOf = (text) => [...segmenter.segment(text)].length;

function autosize(area) {
  area.rows = Math.max(Number(area.dataset.rows ?? (area.dataset.rows = area.rows || 3)), area.value.split("\n").length + 1);
}

function count(field) {
  const counter = document.querySelector(`[data-counts="#${field.id}"]`);
  if (counter) counter.textContent = lengthOf(field.value).toLocaleString(document.documentElement.lang);
}

document.addEventListener("input", ({ target }) => {
  if (target.matches("textarea[data-autosize]")) autosize(target);
  if (target.id) count(target);
});

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-submit]")) target.form?.requestSubmit();
  if (target.matches("[data-pick-all]")) {
    document.querySelectorAll(target.dataset.pickAll).forEach((box) => (box.checked = target.checked));
  }
  if (target.closest("[data-picks]")) tellPicked(target.closest("[data-picks]"));
  document.querySelectorAll(`[data-shown-if^="${CSS.escape(target.name)}="]`).forEach(show);
});

// <div data-picks> … <b data-picked></b> <button data-needs-pick>: the bulk bar follows the boxes.
function tellPicked(root) {
  const picked = root.querySelectorAll(".pick input[name]:checked").length;
  root.querySelectorAll("[data-picked]").forEach((element) => (element.textContent = picked.toLocaleString()));
  root.querySelectorAll("[data-needs-pick]").forEach((element) => (element.hidden = picked === 0));
}

// <div data-shown-if="security=starttls,implicit">: shown while that field has one of these values.
function show(element) {
  const [name, values] = element.dataset.shownIf.split("=");
  const form = element.closest("form") ?? document;
  const field = form.querySelector(`[name="${CSS.escape(name)}"]:checked, select[name="${CSS.escape(name)}"], input[type="hidden"][name="${CSS.escape(name)}"]`);
  element.hidden = !values.split(",").includes(field?.value ?? "");
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-reveal]");
  if (!button) return;
  const field = document.querySelector(button.dataset.reveal);
  field.type = field.type === "password" ? "text" : "password";
  button.setAttribute("aria-pressed", String(field.type === "text"));
});

function prepare(root) {
  root.querySelectorAll("textarea[data-autosize]").forEach(autosize);
  root.querySelectorAll("[data-shown-if]").forEach(show);
  root.querySelectorAll("[data-picks]").forEach(tellPicked);
  root.querySelectorAll("input[id], textarea[id]").forEach(count);
}
document.addEventListener("DOMContentLoaded", () => prepare(document));
document.addEventListener("htmx:afterSettle", ({ target }) => target.querySelectorAll && prepare(target));

// A form is sent once: the second click of an impatient hand does nothing.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || form.method === "get" || form.hasAttribute("hx-post") || form.dataset.again !== undefined) return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
  setTimeout(() => delete form.dataset.sent, 4000);
});

// <button data-fills="host=smtp.example.com&port=587">: writes values into the fields of its form.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-fills]");
  const form = button?.closest("form");
  if (!form) return;
  for (const [name, value] of new URLSearchParams(button.dataset.fills)) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  form.dispatchEvent(new Event("change", { bubbles: true }));
  button.closest("details.menu")?.removeAttribute("open");
});
