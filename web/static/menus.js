// What falls open over the page and closes again: by Escape, by a click beside it, and for another of its kind; but not
// by a click while something is being typed in it.
const MENU = "details:is(.else, .more, .way)[open]";
const untouched = (menu) => [...menu.querySelectorAll("input, textarea, select")].every((one) =>
  (one.matches("select") || one.value === one.defaultValue) && one.checked === one.defaultChecked);

document.addEventListener("click", ({ target }) => document.querySelectorAll(MENU).forEach((menu) => {
  if (target.isConnected && !menu.contains(target) && untouched(menu)) menu.open = false;
}));
document.addEventListener("keydown", (event) => {
  const menu = event.key === "Escape" && !event.isComposing && event.target.closest?.(MENU);
  if (!menu) return;
  event.stopPropagation(); // it closes this, and stops no reply
  menu.open = false;
  menu.querySelector("summary").focus();
}, true);
