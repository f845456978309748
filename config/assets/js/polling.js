// <section data-poll="url">: asks again after 3 s, later 10 s, later 60 s, and while the tab is hidden not at all.
// The answer replaces the section; an answer without data-poll ends it. 304 (the same ETag) changes nothing.
// Further elements of the answer with hx-swap-oob replace those of the same id, if their data-state is another one.
// data-poll-every="60": asks every 60 s.
// A button [data-poll-pause="#id"] stops and starts it. data-say on the answer is told to the status line.
import { announce } from "./htmx.js";

const SAID_EVERY = 30_000;
const state = new WeakMap();
let lastSaid = 0;

const waitFor = (round) => (round < 40 ? 3000 : round < 160 ? 10_000 : 60_000);

function schedule(element, memory) {
  const every = Number(element.dataset.pollEvery) * 1000;
  memory.timer = setTimeout(() => ask(element, memory), every || waitFor(memory.round++));
}

async function ask(element, memory) {
  if (!element.isConnected) return;
  if (document.hidden || memory.paused || document.querySelector("dialog[open]") || element.querySelector("details.menu[open]")) {
    schedule(element, memory);
    return;
  }
  try {
    const answer = await fetch(element.dataset.poll, { headers: { "HX-Request": "true", "X-Poll": "1", ...(memory.etag && { "If-None-Match": memory.etag }) } });
    if (answer.redirected) return; // signed out meanwhile
    if (memory.paused) return schedule(element, memory);
    if (answer.status === 200) {
      memory.etag = answer.headers.get("ETag");
      memory.round = Math.min(memory.round, 40);
      swap(element, await answer.text(), memory);
      return;
    }
    if (answer.status === 404 || answer.status === 403) return;
  } catch {
    memory.round = Math.max(memory.round, 40);
  }
  schedule(element, memory);
}

function swap(element, html, memory) {
  const holder = document.createElement("template");
  holder.innerHTML = html.trim();
  const [fresh, ...beside] = holder.content.children;
  if (!fresh) return;
  const focused = document.activeElement;
  const open = [...element.querySelectorAll("details[open][id]")].map(({ id }) => id);
  const pressed = [...element.querySelectorAll("[data-shows][aria-pressed=true]")].map(({ dataset }) => dataset.shows);
  element.replaceWith(fresh);
  open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
  window.htmx.process(fresh);
  beside.forEach(swapBeside);
  pressed.forEach((shows) => fresh.querySelector(`[data-shows="${shows}"][aria-pressed=false]`)?.click());
  if (!focused.isConnected) (twin(focused) ?? document.getElementById("content"))?.focus({ preventScroll: true });
  fresh.dispatchEvent(new CustomEvent("shirase:swapped", { bubbles: true }));
  say(fresh);
  watch(fresh, memory);
}

function swapBeside(fresh) {
  const old = document.getElementById(fresh.id);
  if (!old || old.dataset.state === fresh.dataset.state) return;
  fresh.removeAttribute("hx-swap-oob");
  old.replaceWith(fresh);
  window.htmx.process(fresh);
}

// What takes the place of an element that was swapped away while it had the focus.
function twin(gone) {
  if (gone.id) return document.getElementById(gone.id);
  if (gone.localName === "summary") return document.querySelector(`#${CSS.escape(gone.parentElement.id)} > summary`);
  const name = ["href", "data-shows"].find((one) => gone.hasAttribute(one));
  return name && document.querySelector(`[${name}="${CSS.escape(gone.getAttribute(name))}"]`);
}

function say(element) {
  if (element.dataset.title) document.title = element.dataset.title;
  const urgent = element.dataset.milestone && element.dataset.milestone !== say.milestone;
  if (element.dataset.say && (urgent || Date.now() - lastSaid > SAID_EVERY)) {
    lastSaid = Date.now();
    say.milestone = element.dataset.milestone;
    announce(element.dataset.say);
  }
}

function watch(element, memory = { round: 0 }) {
  if (!element.dataset.poll) return;
  state.set(element, memory);
  schedule(element, memory);
}

function watchAll(root) {
  root.querySelectorAll("[data-poll]").forEach((element) => {
    if (!state.has(element)) watch(element);
  });
}

document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-poll-pause]");
  if (!button) return;
  const memory = state.get(document.querySelector(button.dataset.pollPause));
  if (!memory) return;
  memory.paused = !memory.paused;
  button.setAttribute("aria-pressed", String(memory.paused));
  if (memory.paused) return;
  clearTimeout(memory.timer);
  ask(document.querySelector(button.dataset.pollPause), memory);
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  document.querySelectorAll("[data-poll]").forEach((element) => {
    const memory = state.get(element);
    if (!memory || memory.paused) return;
    clearTimeout(memory.timer);
    memory.round = 0;
    ask(element, memory);
  });
});
document.addEventListener("DOMContentLoaded", () => watchAll(document));
document.addEventListener("htmx:afterSettle", ({ target }) => target.querySelectorAll && watchAll(target.parentElement ?? target));
