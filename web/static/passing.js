// Story time beside the composer: the clock follows the story, the forms leave alone what is being typed in them, and
// who begins to write takes the floor from bots that go on by themselves.
import { tell } from "./history.js";
import { ask } from "./pieces.js";

const { chat } = document.getElementById("chat").dataset;
const box = document.getElementById("text");
const holder = () => document.getElementById("passing");
const now = () => document.getElementById("now");

// ---- following the story
let timer = null;
const typing = () => holder().querySelector("details[open]") !== null;
const refresh = () => {
  timer = null;
  ["now", "since"].forEach(ask);
  if (!typing()) ask("ways");
};
document.addEventListener("htmx:beforeSwap", (event) => { // opened since it was asked for: what is typed there stays
  if (event.detail.requestConfig.verb === "get" && event.detail.target.id === "ways" && typing()) event.detail.shouldSwap = false;
});
document.addEventListener("fabula:changed", ({ detail }) => {
  if (!detail.length || detail.includes("clock")) timer ??= setTimeout(refresh, 60);
});
document.addEventListener("toggle", (event) => {
  if (!event.target.matches?.(".way[open]")) return;
  // not by a name they share: a form that comes back open would find the old one still there, and close
  holder().querySelectorAll(".way[open]").forEach((other) => { if (other !== event.target) other.open = false; });
  event.target.querySelector("input:not([type=hidden]), textarea").focus();
}, true);

// ---- what was done
document.addEventListener("htmx:afterSwap", (event) => {
  const form = event.detail.requestConfig.elt;
  if (event.detail.requestConfig.verb === "get" || !form.dataset.said) return;
  ask("now"); // it may have changed between the answer and its coming
  const alert = holder().querySelector("[role=alert]");
  if (alert) { holder().querySelector(".way[open] :is(input:not([type=hidden]), textarea)")?.focus(); return; }
  tell(form.dataset.said);
  box.focus({ preventScroll: true });
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.detail.elt.dataset.said) tell("Fabula cannot be reached just now. Nothing was changed.");
});

// ---- who writes takes the floor
let ending = false;
box.addEventListener("input", async () => {
  if (ending || !("stops" in now().dataset) || now().dataset.auto === "0") return;
  ending = true;
  try {
    await fetch(`/chats/${chat}/auto`, { method: "POST", headers: { "hx-request": "true" }, body: new URLSearchParams({ form: "stop", turns: "0" }) });
  } catch { /* the stream says how it stands, and the next word typed tries again */ } finally { ending = false; }
});
