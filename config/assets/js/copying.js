// <button data-copy="text"> or <button data-copy-from="#id">: to the clipboard, and says so.
import { announce } from "./htmx.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy], [data-copy-from]");
  if (!button) return;
  const source = button.dataset.copyFrom && document.querySelector(button.dataset.copyFrom);
  const text = source ? (source.value ?? source.textContent) : button.dataset.copy;
  await write(text.trim());
  announce(document.body.dataset.copied);
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1600);
});

async function write(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  // On plain http there is no clipboard API; the old command still works there.
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
  return undefined;
}
