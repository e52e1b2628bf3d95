// The keys of a chat. Each presses a button that is there anyway; none acts while a word is being composed, and
// what is typed is never taken for one.
import "./tips.js";
import { newest, toEnd } from "./transcript.js";

const turns = document.getElementById("turns");
const box = document.getElementById("text");
const stopButton = document.getElementById("stop");
const sheet = document.getElementById("keys");
const on = document.getElementById("keys-on");
const MAC = /Mac|iPhone|iPad/.test(navigator.platform);
const KEPT = "fabula.keys";
const kept = () => { try { return localStorage.getItem(KEPT); } catch { return null; } };

const typedKey = (event) => {
  const held = [["Mod", event.ctrlKey || event.metaKey], ["Alt", event.altKey], ["Shift", event.shiftKey && event.key !== "?"]];
  return [...held.filter(([, down]) => down).map(([name]) => name), event.key].join("+");
};
const inBox = (target) => target === box;
const onPage = (target) => target.matches("body, main, .turn"); // nothing that has a use for keys of its own
const empty = () => box.value === "";
const covered = () => document.querySelector("dialog:modal, :popover-open:not(#tip)") !== null;

// ---- what the keys press
const button = (turn, selector) => turn?.querySelector(`.acts ${selector}`);
const press = (selector) => () => button(newest(), selector)?.click();
const edit = (which) => async () => {
  await toEnd();
  const turn = [...turns.querySelectorAll(`${which}[id]`)].at(-1);
  const folded = turn?.querySelector("details.folded");
  if (folded) folded.open = true;
  button(turn, "[data-act=edit]")?.click();
};
const next = () => (button(newest(), ".swipe button:last-child") || button(newest(), "[data-act=again]"))?.click();
let asked = false; // whether the sheet was opened from the box, where the same key again is what it says
const help = (event) => {
  asked = inBox(event.target);
  sheet.showModal();
  sheet.querySelector("h2").focus();
};
const KEYS = { // key → what it does, and where it may
  ArrowUp: [edit(".turn"), (target) => inBox(target) && empty()],
  "Mod+ArrowUp": [edit(".turn.you"), (target) => inBox(target) && empty()],
  ArrowLeft: [press(".swipe button:first-child"), (target) => (inBox(target) || onPage(target)) && empty()],
  ArrowRight: [next, (target) => (inBox(target) || onPage(target)) && empty()],
  "Mod+Enter": [press(":is([data-act=again]:not(.newest), [data-act=answer])"), (target) => inBox(target) || onPage(target)],
  "Alt+Enter": [press("[data-act=carry-on]"), (target) => inBox(target) || onPage(target)],
  "?": [help, (target) => onPage(target) || (inBox(target) && empty())],
};
const composing = (event) => event.isComposing || event.keyCode === 229; // 229: Safari ends a composition before its key
// in the capture phase: the composer takes every Enter that is left to it
document.addEventListener("keydown", (event) => {
  const [act, allowed] = KEYS[typedKey(event)] || [];
  if (!act || composing(event) || !on.checked || covered() || box.form.hidden || !allowed(event.target)) return;
  event.preventDefault();
  event.stopPropagation();
  if (!event.repeat) act(event);
}, { capture: true });

// ---- Escape: what lies on top closes by itself; then the reply is stopped, then an edit is left
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || composing(event) || covered() || event.target.closest("#drawer")) return;
  if (!stopButton.hidden) stopButton.click();
  else turns.querySelector(".editor [data-close]")?.click();
});

// ---- the sheet
document.getElementById("keys-open").addEventListener("click", help);
sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
sheet.addEventListener("keydown", (event) => {
  if (event.key !== "?" || composing(event)) return;
  event.preventDefault();
  sheet.close();
  if (asked) { box.setRangeText("?", box.selectionStart, box.selectionEnd, "end"); box.dispatchEvent(new Event("input", { bubbles: true })); }
});
on.checked = kept() !== "off";
on.addEventListener("change", () => { try { localStorage.setItem(KEPT, on.checked ? "on" : "off"); } catch { /* no storage: for this page */ } });
if (MAC) sheet.querySelectorAll("kbd").forEach((key) => { key.textContent = { Ctrl: "⌘", Alt: "⌥" }[key.textContent] || key.textContent; });
