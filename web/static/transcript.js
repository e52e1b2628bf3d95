// The transcript: the turns that count, each once, in dialogue order, and the same in every tab. However long the
// story is, the page holds a window of it, which grows where the reader goes and is cut off where they are not.
import { isFollowing, keepBottom, leave, tellBelow, toBottom } from "./reader.js";
import { tell } from "./trouble.js";

const root = document.getElementById("chat");
const turns = document.getElementById("turns");
const { chat } = root.dataset;
const PAGE = 60;
const PIECE = 30;        // turns that come in at once as the reader goes: little enough not to be felt
const MOST = 240;        // turns on the page at once
const AHEAD = "1600px";  // how near the reader comes before more is fetched
const TURN = ".turn[id]";
const EDGE = ".older, .newer";
const told = () => [...turns.querySelectorAll(TURN)];

// ---- one change at a time, in the order they were asked for
let line = Promise.resolve();
export const inTurn = (work) => { line = line.then(work, work); return line; };

// ---- while a reply is written, no other may take its place
const CALM = "button.calm";
let unrest = false;
export const settle = (holder) => holder.querySelectorAll(CALM).forEach((button) => {
  button.disabled = unrest || "fixed" in button.dataset; // there is nothing before the first alternative
});
export const setUnrest = (value) => {
  if (unrest === value) return;
  unrest = value;
  settle(root);
};

// ---- fetching, for as long as the server may be away
const fetched = async (path) => {
  for (let wait = 200; ; wait = Math.min(wait * 2, 2000)) {
    try {
      const answer = await fetch(path, { headers: { accept: "text/html" } });
      if (answer.ok) return await answer.text();
      if (answer.status < 500) return null;
    } catch { /* the stream reconnects, and so do we */ }
    await new Promise((resolve) => setTimeout(resolve, wait));
  }
};
const parsed = (html) => {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  settle(holder.content);
  return holder.content;
};
export const fetchTurn = async (id) => {
  const html = await fetched(`/chats/${chat}/turns/${id}`);
  return html === null ? null : parsed(html).querySelector(TURN);
};

// ---- the window: an edge of it says that there is more
const isAway = () => turns.querySelector(".newer") !== null;
export const newest = () => (isAway() ? null : told().at(-1) || null);
const edge = (kind, turn) => {
  const marker = document.createElement("p");
  marker.className = kind;
  marker.dataset.turn = turn.dataset.id;
  marker.textContent = kind === "older" ? "Earlier turns…" : "Later turns…";
  return marker;
};
const near = new IntersectionObserver(
  (seen) => seen.forEach(({ isIntersecting, target }) => { if (isIntersecting) extend(target); }),
  { rootMargin: `${AHEAD} 0px` },
);
const watchEdges = () => {
  root.toggleAttribute("data-away", isAway());
  near.disconnect();
  turns.querySelectorAll(EDGE).forEach((marker) => near.observe(marker)); // anew: one that is still near is told again
};
const held = (turn) => turn.querySelector(".editor") !== null || turn.contains(document.activeElement) || turn.matches(".retold");
const cut = (kind) => {
  let spare = told().length - MOST;
  const outermost = () => (kind === "older" ? told()[0] : told().at(-1));
  if (spare <= 0 || held(outermost())) return;
  for (; spare > 0 && !held(outermost()); spare -= 1) outermost().remove();
  turns.querySelector(`.${kind}`)?.remove();
  if (kind === "older") turns.prepend(edge(kind, outermost())); else turns.append(edge(kind, outermost()));
};
const extend = (marker) => inTurn(async () => {
  if (!marker.isConnected) return;
  const [kind, other] = marker.matches(".older") ? ["older", "newer"] : ["newer", "older"];
  const html = await fetched(`/chats/${chat}/turns?${kind === "older" ? "before" : "after"}=${marker.dataset.turn}&limit=${PIECE}`);
  if (html === null) { await fetchAll(); return; } // that turn counts no more
  if (!marker.isConnected) return;
  const more = [...parsed(html).querySelectorAll(`${TURN}, .${kind}`)].filter((one) => !document.getElementById(one.id || "-"));
  keepPlace(() => { marker.replaceWith(...more); cut(other); });
  watchEdges();
});

// ---- one turn
// whoever goes by keyboard stays on a turn that is replaced under them
const keepFocus = (change) => {
  const on = document.activeElement?.closest?.(TURN)?.id;
  change();
  const turn = on && document.activeElement === document.body && document.getElementById(on);
  if (turn) { turn.tabIndex = -1; turn.focus({ preventScroll: true }); }
};
const order = (a, b) => Number(a.dataset.anchor) - Number(b.dataset.anchor) || Number(a.dataset.id) - Number(b.dataset.id);
export const place = (fresh) => {
  const old = document.getElementById(fresh.id);
  if (old) { keepFocus(() => old.replaceWith(fresh)); return; }
  const after = told().reverse().find((turn) => order(turn, fresh) < 0);
  tellBelow();
  if (after === told().at(-1) && isAway()) return; // it is beyond the window
  if (after) after.after(fresh); else if (!turns.querySelector(".older")) turns.prepend(fresh);
};

// ---- all that is shown, when other turns count than before
const kept = (old, fresh) => old.querySelector(".editor") !== null || old.isEqualNode(fresh);
const replaceAll = (fresh) => {
  const known = new Map(told().map((turn) => [turn.id, turn]));
  const wanted = fresh.map((one) => (known.has(one.id) && kept(known.get(one.id), one) ? known.get(one.id) : one));
  [...turns.children].forEach((old) => {
    const typing = old.querySelector(".editor") !== null; // what somebody types is theirs
    if (!wanted.includes(old) && !typing && !old.matches(".writing")) old.remove();
  });
  let next = turns.firstElementChild;
  wanted.forEach((one) => {
    if (one === next) next = next.nextElementSibling; else turns.insertBefore(one, next);
  });
};
// what the reader looks at stays where it is; the browser's own anchoring does not see to that at the very top
const keepPlace = (change) => {
  const shown = told().map((turn) => [turn.id, turn.getBoundingClientRect()]).filter(([, box]) => box.bottom > 0);
  keepBottom(change);
  if (isFollowing()) return;
  const [id, box] = shown.find(([one]) => document.getElementById(one)) || [];
  if (id && box.top < innerHeight) scrollBy(0, document.getElementById(id).getBoundingClientRect().top - box.top);
};
document.addEventListener("fabula:wear", (event) => { event.preventDefault(); keepPlace(event.detail); });
const show = (html) => {
  const fresh = [...parsed(html).querySelectorAll(`${TURN}, ${EDGE}`)];
  keepPlace(() => keepFocus(() => replaceAll(fresh)));
  watchEdges();
};
export const fetchAll = async () => {
  const [first] = told();
  const from = isAway() && first ? `from=${first.dataset.anchor}-${first.dataset.id}&` : "";
  const html = await fetched(`/chats/${chat}/turns?${from}limit=${Math.max(PAGE, told().length)}`);
  if (html !== null) show(html);
};

// ---- going somewhere
export const toEnd = () => inTurn(async () => {
  if (isAway()) {
    const html = await fetched(`/chats/${chat}/turns?limit=${PAGE}`);
    if (html !== null) show(html);
  }
  toBottom();
});
export const goTo = (id, { focus = true } = {}) => inTurn(async () => {
  if (!document.getElementById(`turn-${id}`)) {
    const html = await fetched(`/chats/${chat}/turns?around=${id}&limit=${PAGE}`);
    if (html === null) { tell("That turn does not count here."); toBottom(); return; }
    leave();
    show(html);
  }
  const turn = document.getElementById(`turn-${id}`);
  if (!turn) return;
  leave();
  turn.scrollIntoView({ block: "center" });
  if (!focus) return;
  turns.querySelector(".sought")?.classList.remove("sought");
  turn.classList.add("sought");
  turn.tabIndex = -1;
  turn.focus({ preventScroll: true });
});
document.getElementById("below").addEventListener("click", () => { toEnd(); document.getElementById("text").focus({ preventScroll: true }); });

// ---- arriving: at the turn a link names, where the reader was before a reload or a way back, or at the end
const PLACE = `fabula.place.${chat}`;
const named = () => /^#turn-(\d+)$/.exec(location.hash)?.[1];
const left = () => {
  const [entry] = performance.getEntriesByType("navigation");
  try { return entry?.type === "navigate" ? null : sessionStorage.getItem(PLACE); } catch { return null; }
};
export const arrive = () => {
  history.scrollRestoration = "manual";
  watchEdges();
  const before = left();
  const sought = root.dataset.sought || named();
  if (!before && !sought) { toBottom(); return; }
  leave();
  goTo(before || sought, { focus: !before });
};
addEventListener("hashchange", () => { if (named()) goTo(named()); });
addEventListener("pagehide", () => {
  const here = isFollowing() ? null : told().find((turn) => turn.getBoundingClientRect().bottom > innerHeight / 2);
  try { if (here) sessionStorage.setItem(PLACE, here.dataset.id); else sessionStorage.removeItem(PLACE); } catch { /* no storage: at the end */ }
});

// ---- a reply that is told again is written where it stands
export const seat = (bubble, first) => {
  const old = told().find((turn) => turn.dataset.first === String(first));
  if (!old) return;
  const height = old.offsetHeight;
  old.classList.add("retold");
  if (old.nextElementSibling === bubble) return;
  bubble.style.minHeight = `${height}px`; // what follows stays where it is while the reply grows
  old.after(bubble);
};
export const unseat = (bubble) => {
  const old = bubble.previousElementSibling;
  if (old?.matches(".retold")) old.classList.remove("retold");
};
