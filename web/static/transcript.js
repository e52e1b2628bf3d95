// The transcript: every turn that counts, once, in dialogue order, and the same in every tab.
import { keepBottom } from "./reader.js";

const root = document.getElementById("chat");
const turns = document.getElementById("turns");
const { chat } = root.dataset;
const LEAST = 60;
const TURN = ".turn[id]";
const told = () => [...turns.querySelectorAll(TURN)];

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
turns.addEventListener("htmx:afterSettle", () => settle(turns));

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

// ---- one turn
const before = (a, b) => Number(a.dataset.anchor) - Number(b.dataset.anchor) || Number(a.dataset.id) - Number(b.dataset.id);
export const place = (fresh) => {
  const old = document.getElementById(fresh.id);
  if (old) { old.replaceWith(fresh); return; }
  const after = told().reverse().find((turn) => before(turn, fresh) < 0);
  if (after) after.after(fresh); else turns.append(fresh);
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
    if (one === next) next = next.nextElementSibling;
    else { turns.insertBefore(one, next); if (one.matches(".older")) htmx.process(one); }
  });
};
const keepPlace = (change) => {
  const shown = told().map((turn) => [turn.id, turn.getBoundingClientRect()]).filter(([, box]) => box.bottom > 0);
  keepBottom(change);
  const [id, box] = shown.find(([one]) => document.getElementById(one)) || [];
  if (id && box.top < innerHeight) scrollBy(0, document.getElementById(id).getBoundingClientRect().top - box.top);
};
export const fetchAll = async () => {
  const html = await fetched(`/chats/${chat}/turns?limit=${Math.max(LEAST, told().length)}`);
  if (html === null) return;
  const fresh = [...parsed(html).querySelectorAll(`${TURN}, .older`)];
  keepPlace(() => replaceAll(fresh));
};

// ---- a reply that is told again is written where it stands
export const seat = (bubble, first) => {
  const old = told().find((turn) => turn.dataset.first === String(first));
  if (!old) return;
  old.classList.add("retold");
  if (old.nextElementSibling !== bubble) old.after(bubble);
};
export const unseat = (bubble) => {
  const old = bubble.previousElementSibling;
  if (old?.matches(".retold")) old.classList.remove("retold");
};
