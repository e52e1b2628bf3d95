// A word beside a button that has a key: what it does, and which key does the same. The keys are those of the sheet.
const tip = document.getElementById("tip");
const rows = [...document.querySelectorAll("#keys [data-for]")];
const HOVER_MS = 350;
const LEAVE_MS = 150;
let about = null;
let timer = null;

const keyed = (element) => {
  const button = element.closest?.("button, a");
  const row = button && rows.find((one) => button.matches(one.dataset.for));
  return row ? [button, row] : null;
};
const hide = () => {
  clearTimeout(timer);
  about?.removeAttribute("aria-describedby");
  about = null;
  if (tip.matches(":popover-open")) tip.hidePopover();
};
const words = (button) => {
  if (button.title) { button.dataset.tip = button.title; button.removeAttribute("title"); } // one tip is enough
  return button.dataset.tip || button.getAttribute("aria-label") || button.textContent;
};
const show = ([button, row]) => {
  hide();
  if (!button.isConnected || button.disabled) return;
  about = button;
  tip.replaceChildren(`${words(button)} `, ...[...row.querySelector("th").childNodes].map((one) => one.cloneNode(true)));
  button.setAttribute("aria-describedby", "tip");
  tip.showPopover();
  put();
};
const put = () => {
  if (!about.isConnected) { hide(); return; }
  const at = about.getBoundingClientRect();
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(at.left + (at.width - box.width) / 2, document.documentElement.clientWidth - box.width - 8))}px`;
  tip.style.top = `${at.top > box.height + 12 ? at.top - box.height - 6 : at.bottom + 6}px`;
};
document.addEventListener("pointerover", (event) => {
  if (event.pointerType === "touch") return;
  if (event.target.closest?.("#tip")) { clearTimeout(timer); return; } // it stays while it is pointed at
  const found = keyed(event.target);
  if (found && found[0] === about) { clearTimeout(timer); return; }
  clearTimeout(timer);
  timer = setTimeout(() => (found ? show(found) : hide()), found ? HOVER_MS : LEAVE_MS);
});
document.addEventListener("focusin", (event) => {
  const found = keyed(event.target);
  if (found && event.target.matches(":focus-visible")) show(found); else hide();
});
document.addEventListener("focusout", hide);
document.addEventListener("click", hide);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); }, { capture: true });
addEventListener("scroll", () => { if (about) put(); }, { passive: true });
