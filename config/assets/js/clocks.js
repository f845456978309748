// Times that move: <time data-relative datetime="…">, and a countdown <b data-countdown="ISO time" data-done="url">.
import { announce } from "./htmx.js";

const language = document.documentElement.lang || "en";
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto", style: "long" });
const STEPS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

function inWords(moment) {
  const seconds = Math.round((moment - Date.now()) / 1000);
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return relative.format(Math.trunc(seconds / size), unit);
}

// The server's clock is the one that counts: what the page was told at load corrects this machine's.
const skew = Number(document.body.dataset.now || 0) ? Number(document.body.dataset.now) * 1000 - Date.now() : 0;
const said = new Set();

function countdown(element) {
  const left = Math.max(0, Math.ceil((new Date(element.dataset.countdown) - Date.now() - skew) / 1000));
  const text = `${String(Math.floor(left / 60)).padStart(2, "0")}:${String(left % 60).padStart(2, "0")}`;
  if (element.textContent !== text) element.textContent = text;
  if ((left === 30 || left === 10) && element.dataset.say && !said.has(left)) {
    said.add(left);
    announce(element.dataset.say.replace("{n}", left));
  }
  if (left === 0 && element.dataset.done && !element.dataset.over) {
    element.dataset.over = "1";
    setTimeout(() => location.assign(element.dataset.done), 700);
  }
}

function tick() {
  document.querySelectorAll("time[data-relative]").forEach((element) => {
    element.textContent = inWords(new Date(element.dateTime));
  });
  document.querySelectorAll("[data-countdown]").forEach(countdown);
}

document.addEventListener("DOMContentLoaded", tick);
document.addEventListener("htmx:afterSettle", tick);
setInterval(tick, 1000);
