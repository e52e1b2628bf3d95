// The page of the story: its pieces follow what happens in the chat.
import { keepPieces } from "./pieces.js";

const root = document.getElementById("story");
const { chat } = root.dataset;
const CONTROLS = ["turn.retracted", "turn.selected", "branch.switched", "change.undone"];
const PARTS = { // kind of event → the pieces that show it
  "story_event.planned": ["events"], "story_event.edited": ["events"], "story_event.started": ["events"],
  "story_event.completed": ["events"], "story_event.cancelled": ["events"], "story_event.expired": ["events"],
  "inventory.changed": ["events"], "guest.added": ["events", "threads"], "guest.removed": ["events", "threads"],
  "thread.opened": ["threads"], "thread.updated": ["threads"], "thread.closed": ["threads"],
  "digest.written": ["digests"], "digest.edited": ["digests"], "digest.surfaced": ["digests"],
  "scene.opened": ["timeline"], "scene.closed": ["timeline"], "time.skipped": ["timeline", "threads"],
  "scene.edited": ["timeline"], "scene.quotes_edited": ["timeline"], "scene.summarized": ["timeline"], "memory.edited": ["timeline"],
  "container.changed": ["timeline"], "significance.scored": ["timeline"], "world.changed": ["timeline"],
  "you.changed": ["events", "threads", "digests", "timeline"],
  "turn.user": ["timeline"], "turn.assistant": ["timeline"], "outcome.superseded": ["events", "threads", "digests", "timeline"],
};
const EVERY_PART = ["events", "threads", "digests", "timeline"];
let position = Number(root.dataset.position);
let retryIn = 250;
const { changed } = keepPieces(root, document.getElementById("story-said"), () => root.dataset.live === "yes");

// ---- who fills the last row of a list of rows gets another
root.addEventListener("input", (event) => {
  const row = event.target.closest(".condition, .effect");
  if (!row || row !== row.parentElement.lastElementChild || !event.target.value) return;
  const fresh = row.cloneNode(true);
  fresh.querySelectorAll("input").forEach((box) => { box.value = ""; });
  fresh.querySelectorAll("select").forEach((list) => { list.selectedIndex = 0; });
  fresh.setAttribute("aria-label", row.getAttribute("aria-label").replace(/\d+$/, (number) => Number(number) + 1));
  row.after(fresh);
});

// ---- the stream
const connect = () => {
  const stream = new EventSource(`/api/chats/${chat}/events?after=${position}`);
  stream.addEventListener("open", () => { retryIn = 250; root.dataset.live = "yes"; changed([]); });
  [...CONTROLS, ...Object.keys(PARTS)].forEach((kind) => stream.addEventListener(kind, (message) => {
    position = Math.max(position, JSON.parse(message.data).id);
    changed(PARTS[kind] || EVERY_PART);
  }));
  stream.addEventListener("error", () => {
    stream.close();
    root.dataset.live = "no";
    setTimeout(connect, retryIn);
    retryIn = Math.min(retryIn * 2, 2000);
  });
};
document.addEventListener("DOMContentLoaded", connect); // htmx, too, begins its work there
