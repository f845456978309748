import htmx from "htmx.org";

window.htmx = htmx;
Object.assign(htmx.config, {
  // A form refused with 422 comes back with its errors and is swapped like any page.
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "422", swap: true },
    { code: "409", swap: true },
    { code: "[45]..", swap: false, error: true },
  ],
  // Our policy allows neither eval nor inline styles.
  allowEval: false,
  includeIndicatorStyles: false,
  historyCacheSize: 0,
  refreshOnHistoryMiss: true,
  scrollBehavior: "auto",
});

const csrf = () => document.querySelector('meta[name="csrf-token"]')?.content ?? "";

document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (detail.verb !== "get") detail.headers["X-CSRFToken"] = csrf();
});
document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.target?.setAttribute?.("aria-busy", "true"));
document.addEventListener("htmx:afterRequest", ({ detail }) => detail.target?.removeAttribute?.("aria-busy"));

// The summary of what is wrong takes the focus, so that it is read at once.
document.addEventListener("htmx:afterSettle", ({ target }) => target.querySelector?.("[data-focus]")?.focus());
document.addEventListener("DOMContentLoaded", () => document.querySelector("[data-focus]")?.focus());

document.addEventListener("htmx:responseError", ({ detail }) => {
  const words = document.body.dataset;
  const text = detail.xhr.status === 403 ? words.forbidden : words.failed;
  announce(text);
  toast(text);
});
document.addEventListener("htmx:sendError", () => {
  announce(document.body.dataset.offline);
  toast(document.body.dataset.offline);
});

export function announce(text) {
  const line = document.getElementById("status");
  if (line && text) line.textContent = text;
}

export function toast(text) {
  const list = document.getElementById("toasts");
  if (!list || !text) return;
  const item = document.createElement("div");
  item.className = "toast";
  item.textContent = text;
  list.append(item);
  setTimeout(() => item.remove(), 8000);
}

window.shirase = { announce, toast, csrf };
// A server may say a sentence to the status line: HX-Trigger: {"announce": "Saved 09:41:07"}
document.addEventListener("announce", ({ detail }) => announce(detail.value ?? detail));
