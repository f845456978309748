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

const zone = document.querySelector("select[data-device-zone], input[data-device-zone]");
if (zone && (!zone.value || zone.value === "UTC")) {
  const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone.tagName === "INPUT" || [...zone.options].some(({ value }) => value === here)) zone.value = here;
}
