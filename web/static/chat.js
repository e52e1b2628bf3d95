// One chat: follows the event stream, and shows each thing exactly once.
import "./composer.js";
import { ask } from "./pieces.js";
import { render } from "./prose.js";
import { keepBottom, tellBelow } from "./reader.js";
import { arrive, fetchAll, fetchTurn, inTurn, place, seat, setUnrest, unseat } from "./transcript.js";
import { isPaused, tell, troubleCard } from "./trouble.js";

const root = document.getElementById("chat");
const turns = document.getElementById("turns");
const writing = document.getElementById("writing");
const trouble = document.getElementById("trouble");
const said = document.getElementById("said");
const stopButton = document.getElementById("stop");
const chat = root.dataset.chat;
let position = Number(root.dataset.position);
let stream = null;
let retryIn = 250;
const texts = new Map();   // run id → {attempt, text, element, speaker}
const runs = new Map();    // run id → last told state

// ---- what is being written
const names = () => JSON.parse(document.getElementById("cast").dataset.names);
const nameOf = (id) => (id === null ? document.getElementById("cast").dataset.you : names()[id] || "Someone");
const points = (text) => [...text].length; // offsets count characters as the server does, not UTF-16 units
const bubble = (told) => {
  let known = texts.get(told.run_id);
  if (known) known.stale = false;
  if (!known) {
    const article = document.createElement("article");
    article.className = "turn bot writing";
    article.dataset.run = told.run_id;
    const header = document.createElement("header");
    const name = document.createElement("span");
    name.className = "speaker";
    name.dir = "auto";
    name.textContent = nameOf(told.speaker_id);
    const prose = document.createElement("div");
    prose.className = "prose";
    header.append(name);
    article.append(header, prose);
    known = { attempt: told.attempt, text: "", length: 0, element: article, prose, speaker: told.speaker_id };
    texts.set(told.run_id, known);
    keepBottom(() => { writing.append(article); reseat(told.run_id); });
    busy();
  }
  if (known.attempt !== told.attempt) { known.attempt = told.attempt; known.text = ""; known.length = 0; }
  return known;
};

const reseat = (runId) => {
  const first = runs.get(runId)?.alternative_of;
  if (first && texts.has(runId)) seat(texts.get(runId).element, first);
};
const show = (known) => { keepBottom(() => render(known.prose, known.text)); tellBelow(); };
let painting = new Set();
const paint = (known) => {
  // a timer, not an animation frame: a tab in the background must keep up as well
  if (!painting.size) setTimeout(() => { const due = painting; painting = new Set(); due.forEach(show); }, 16);
  painting.add(known);
};

const onToken = (told) => {
  const known = bubble(told);
  if (told.offset !== known.length) return;
  known.text += told.text;
  known.length += points(told.text);
  paint(known);
};
const onPartial = (told) => {
  const known = bubble(told);
  known.text = told.text;
  known.length = points(told.text);
  paint(known);
};
const dropBubble = (runId) => {
  const known = texts.get(runId);
  if (known) { painting.delete(known); unseat(known.element); known.element.remove(); texts.delete(runId); }
};
// after a reconnect the server tells at once what is still being written; what it does not tell is over
const dropStale = () => texts.forEach((known, runId) => { if (known.stale) dropBubble(runId); });

// ---- turns
const onTurn = (event) => {
  if (!event.live) return;
  if (event.payload.alternative_of) { onOthersCount(); return; } // it took the place of another
  inTurn(async () => {
    const fresh = await fetchTurn(event.id);
    if (fresh === null) return;
    keepBottom(() => { if (event.run_id) dropBubble(event.run_id); place(fresh); });
    document.dispatchEvent(new CustomEvent("fabula:changed", { detail: ["clock"] })); // a turn takes its time
    if (event.kind === "turn.assistant") announce(event.payload);
  });
};
// a screen reader is told of a reply once, when it is whole, and without the marks
const announce = ({ speaker_id: speaker, text }) => { said.textContent = `${nameOf(speaker)}: ${text.replaceAll("*", "")}`; };
// other turns count than before; the server tells right after this what is being written among them
const onOthersCount = () => {
  texts.forEach((known) => { known.stale = true; });
  onOtherWords();
};
let due = false;
const onOtherWords = () => {
  document.dispatchEvent(new CustomEvent("fabula:changed", { detail: EVERY_PART }));
  if (due) return;
  due = true;
  inTurn(async () => {
    due = false;
    await fetchAll();
    dropStale();
    texts.forEach((_, runId) => reseat(runId));
    ask("cast");
  });
};

document.addEventListener("fabula:stale", () => onOtherWords());

const onRenamed = (title) => {
  document.getElementById("title").textContent = title;
  document.title = `${title} · Fabula`;
};

// ---- runs a person waits for
const onRun = (told) => {
  const old = document.getElementById(`trouble-${told.run_id}`);
  if (["done", "cancelled"].includes(told.state)) {
    runs.delete(told.run_id);
    inTurn(() => keepBottom(() => dropBubble(told.run_id))); // its turn, if any, comes first
  } else { runs.set(told.run_id, told); reseat(told.run_id); }
  if (["backoff", "dead"].includes(told.state) || isPaused(told)) {
    const card = troubleCard(told);
    keepBottom(() => (old ? old.replaceWith(card) : trouble.append(card)));
  } else if (old) old.remove();
  busy();
};
const busy = () => {
  const speaking = (run) => run.stage !== "auto"; // it looks whether anybody goes on by themselves: nobody writes yet
  const active = [...runs.values()].filter((run) => ["ready", "running"].includes(run.state) && !isPaused(run) && speaking(run));
  const waiting = [...runs.values()].filter((run) => run.state === "waiting" && run.stage === "narrate").length;
  stopButton.hidden = !active.some((run) => run.stage === "narrate");
  const speakers = active.filter((run) => run.stage === "narrate").map((run) => run.speaker_id);
  const known = [...new Set(speakers)].map(nameOf);
  const bots = Object.values(names());
  setUnrest([...runs.values()].some((run) => ["ready", "running", "backoff"].includes(run.state)));
  if (active.length && !active.some((run) => run.live)) { tell("A reply is being written in another branch."); return; }
  if (!active.length) { tell(""); return; }
  if (!known.length && active.some((run) => run.stage === "skip")) { tell("Time passes…"); return; }
  if (!known.length && bots.length > 1) { tell("It is being settled who speaks…"); return; }
  const who = known.join(" and ") || bots[0];
  tell(`${who} ${known.length > 1 ? "are" : "is"} writing…${waiting ? ` ${waiting} more to answer.` : ""}`);
};

// ---- whether there is something to undo: asked once for all that one act recorded
let asking = null;
const askUndo = () => { asking ??= setTimeout(() => { asking = null; ask("undo"); }, 60); };

// ---- the stream
const PARTS = { // kind of event → the pieces of the drawer that show it
  "container.created": ["scene"], "container.changed": ["scene"], "world.changed": ["scene", "clock"], "scene.opened": ["scene", "people", "clock"],
  "scene.closed": ["scene"], "scene.edited": ["scene"], "entity.changed": ["people"], "activity.changed": ["people"], "inventory.changed": ["people"],
  "guest.added": ["people", "edges", "memories", "clock"], "guest.removed": ["people", "edges", "memories", "clock"],
  "time.skipped": ["clock"], "auto.set": ["clock"], "auto.ticked": ["clock"],
  "edge.updated": ["edges"], "edge.summarized": ["edges"], "edge.fact_removed": ["edges"], "group.updated": ["edges"],
  "memory.written": ["memories"], "memory.edited": ["memories"], "memory.pinned": ["memories"], "memory.unpinned": ["memories"],
  "memory.witness_changed": ["memories"], "significance.scored": ["memories"], "author_note.set": ["note"],
  "outcome.superseded": ["scene", "people", "edges", "memories"],
};
const EVERY_PART = ["scene", "people", "edges", "memories", "note", "clock"];
const CONTROLS = ["turn.retracted", "turn.selected", "branch.switched", "change.undone"]; // which turns count
const CHANGES = ["turn.edited", "turn.hidden", "you.changed"]; // what stands in them
const UNDOABLE = document.getElementById("undo")?.dataset.kinds.split(" ") || [];
const KINDS = [...new Set([...CONTROLS, ...CHANGES, ...UNDOABLE, ...Object.keys(PARTS)]), "turn.user", "turn.assistant", "chat.renamed", "chat.archived", "chat.started", "opening.proposed", "opening.confirmed"];
const connect = () => {
  stream = new EventSource(`/api/chats/${chat}/events?after=${position}`);
  const on = (name, act) => stream.addEventListener(name, (message) => act(JSON.parse(message.data)));
  stream.addEventListener("open", () => {
    retryIn = 250;
    root.dataset.live = "yes";
    document.dispatchEvent(new CustomEvent("fabula:changed", { detail: [] })); // what was missed meanwhile
    runs.clear();
    trouble.replaceChildren();
    texts.forEach((known) => { known.stale = true; });
    setTimeout(dropStale, 1500);
    busy();
  });
  KINDS.forEach((kind) => stream.addEventListener(kind, (message) => {
    const event = JSON.parse(message.data);
    if (event.id <= position) return;
    position = event.id;
    if (CHANGES.includes(kind)) onOtherWords();
    else if (CONTROLS.includes(kind)) onOthersCount();
    else if (kind.startsWith("turn.")) onTurn(event);
    if (kind === "chat.renamed") onRenamed(event.payload.title);
    if (CONTROLS.includes(kind) || (UNDOABLE.includes(kind) && event.run_id === null)) askUndo();
    if (kind.startsWith("guest.")) ask("cast");
    const own = document.querySelector("#opening[data-reading] > details[open]"); // the reader says it themselves
    if (kind === "opening.proposed" && "draft" in root.dataset && !own) ask("opening");
    if (kind === "opening.confirmed" && "draft" in root.dataset) location.reload();
    if (PARTS[kind]) document.dispatchEvent(new CustomEvent("fabula:changed", { detail: PARTS[kind] }));
  }));
  on("token", onToken);
  on("partial", onPartial);
  on("run", onRun);
  stream.addEventListener("error", () => {
    stream.close();
    root.dataset.live = "no";
    tell("Reconnecting…");
    setTimeout(connect, retryIn);
    retryIn = Math.min(retryIn * 2, 2000);
  });
};

arrive();
// htmx begins its work at this event, and was there first: what is told before it listens would be lost
document.addEventListener("DOMContentLoaded", connect);
