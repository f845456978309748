// The sidebar as a sheet on phones, and the device's zone for whoever has not chosen one.
const app = document.querySelector(".app");

function setOpen(open) {
  app.classList.toggle("side-open", open);
  document.querySelectorAll("[data-sheet]").forEach((button) => button.setAttribute("aria-expanded", String(open)));
  if (open) app.querySelector(".side a, .side button")?.focus();
}

document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-sheet]")) setOpen(!app.classList.contains("side-open"));
  else if (target.closest(".side-veil")) setOpen(false);
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && app?.classList.contains("side-open")) {
    setOpen(false);
    document.querySelector("[data-sheet]")?.focus();
  }
});

// On phones a row of tabs is wider than the screen: the one that is open is in sight, once the letters have their width.
function showTab() {
  for (const tab of document.querySelectorAll(".tabs > nav > [aria-current]")) {
    const row = tab.parentElement;
    const [shown, all] = [tab.getBoundingClientRect(), row.getBoundingClientRect()];
    if (shown.right > all.right) row.scrollLeft += shown.left - all.left - (all.width - shown.width) / 2;
  }
}
document.fonts.ready.then(showTab);
window.addEventListener("resize", showTab);

const zone = document.querySelector("select[data-device-zone], input[data-device-zone]");
if (zone && (!zone.value || zone.value === "UTC")) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.tagName === "INPUT" || [...zone.options].some(({ value }) => value === here)) zone.value = here;
}
