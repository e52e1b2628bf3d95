// Pieces of a page that follow the story, except one that the reader is just correcting; a piece that is replaced
// keeps what was open in it, and the reader's place.

// Asks for a piece as it now stands. While an answer is under way it is asked once more after it: htmx itself would put
// a second request to the element that the first answer takes off the page, and drop it.
const asking = new Map(); // id → whether once more
export const ask = async (id) => {
  if (asking.has(id)) { asking.set(id, true); return; }
  do {
    asking.set(id, false);
    const piece = document.getElementById(id);
    try {
      if (piece) await htmx.ajax("get", piece.getAttribute("hx-get"), { source: piece, target: piece });
    } catch { /* the server is gone: its return brings everything up to date */ }
  } while (asking.get(id));
  asking.delete(id);
};

// Whoever goes by keyboard stays on what is replaced under them: htmx itself finds again only what has an id.
const FOCUSABLE = "a[href], button, summary, input, textarea, select";
let place = null; // the nearest element with an id, and which of what can have the focus in it
document.addEventListener("htmx:beforeSwap", ({ detail }) => {
  const on = document.activeElement;
  const holder = detail.requestConfig.verb === "get" && detail.target.contains(on) && on.closest("[id]");
  place = holder ? [holder.id, [...holder.querySelectorAll(FOCUSABLE)].indexOf(on)] : null;
});
document.addEventListener("htmx:afterSwap", () => {
  if (!place || document.activeElement !== document.body) return;
  const holder = document.getElementById(place[0]);
  (place[1] < 0 ? holder : holder?.querySelectorAll(FOCUSABLE)[place[1]])?.focus({ preventScroll: true });
  place = null;
});

export const keepPieces = (root, said, following) => {
  // ---- following the story
  const due = new Set();
  let timer = null;
  const busy = (part) => part.querySelector("details.edit[open], .paged") !== null;
  const refresh = () => {
    clearTimeout(timer);
    timer = null;
    if (!following()) return;
    due.forEach((name) => {
      const part = document.getElementById(`part-${name}`);
      if (part === null || busy(part)) return;
      due.delete(name);
      ask(part.id);
    });
  };
  const changed = (names) => {
    names.forEach((name) => due.add(name));
    timer ??= setTimeout(refresh, 400);
  };
  root.addEventListener("toggle", (event) => { if (event.target.matches?.("details.edit") && due.size) refresh(); }, true);

  // ---- replacing a piece
  let opened = new Map();
  let submitted = null;
  root.addEventListener("htmx:beforeRequest", (event) => {
    submitted = event.detail.elt.matches("form") ? event.detail.elt.closest("details.edit")?.id || null : null;
  });
  root.addEventListener("htmx:beforeSwap", (event) => {
    const html = (event.detail.xhr.getResponseHeader("content-type") || "").startsWith("text/html");
    if (!html) {
      event.detail.shouldSwap = false;
      said.textContent = "This could not be done. Open this again to see how things stand.";
      return;
    }
    const { part } = event.detail.target.dataset;
    if (event.detail.requestConfig.verb === "get" && part && busy(event.detail.target)) { // opened since it was asked for
      event.detail.shouldSwap = false;
      due.add(part);
      return;
    }
    opened = new Map([...root.querySelectorAll("details.relation[id]")].map((one) => [one.id, one.open]));
  });
  root.addEventListener("htmx:afterSwap", (event) => {
    opened.forEach((open, id) => { const one = document.getElementById(id); if (one && open) one.open = true; else if (one && !one.querySelector("[role=alert]")) one.open = open; });
    if (event.detail.requestConfig.verb === "get") return;
    const alert = root.querySelector("[role=alert]");
    if (alert) { alert.scrollIntoView({ block: "nearest" }); said.textContent = ""; return; }
    said.textContent = "Saved.";
    const summary = submitted && document.getElementById(submitted)?.querySelector("summary");
    if (summary) summary.focus({ preventScroll: true });
  });
  root.addEventListener("htmx:sendError", (event) => {
    const { part } = event.detail.elt.dataset;
    if (part) { due.add(part); return; } // fetched again when the server is back
    said.textContent = "Fabula cannot be reached just now. What you typed is still here.";
  });
  return { changed, refresh };
};
