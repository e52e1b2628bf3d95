// What a person does to the past: acts on a turn, the questions asked first, branches, undo.
import "./menus.js";
import { newest, settle, toEnd } from "./transcript.js";

const { chat } = document.getElementById("chat").dataset;
const turns = document.getElementById("turns");
const dialog = document.getElementById("past");
const done = document.getElementById("done");
const UNREACHED = {
  what: "Fabula cannot be reached just now.", means: "Nothing was changed.",
  do: "Check that Fabula is running, then try again.",
};

// ---- asking the server: words when it is done, a piece of a page when there is something to read
const ask = async (path, form = null) => {
  const headers = { accept: "application/json", "hx-request": "true" };
  try {
    const answer = await fetch(path, form ? { method: "POST", headers, body: form } : { headers });
    const kind = answer.headers.get("content-type") || "";
    if (kind.startsWith("application/json")) return { error: (await answer.json()).error };
    return { ok: answer.ok, [kind.startsWith("text/plain") ? "words" : "piece"]: await answer.text() };
  } catch { return { error: UNREACHED }; }
};
const sent = (form) => new URLSearchParams(new FormData(form));

// ---- what was done, and what could not be
let forgetting = null;
export const tell = (words) => {
  done.textContent = words;
  clearTimeout(forgetting);
  forgetting = setTimeout(() => { done.textContent = ""; }, 8000);
};
let opener = null;
const open = () => {
  if (dialog.open) return;
  opener = document.activeElement;
  dialog.showModal();
};
const shown = (piece) => {
  dialog.innerHTML = piece; // our own page's rendering, everything in it escaped there
  open();
  const first = dialog.querySelector("[role=alert]") ? null : dialog.querySelector("input[required]:not(details input)");
  (first || dialog.querySelector("h2"))?.focus({ preventScroll: true });
  dialog.scrollTop = 0;
};
const explain = (error) => {
  const card = document.createElement("section");
  card.className = "ask";
  card.setAttribute("role", "alert");
  [["h2", error.what], ["p", error.means], ["p", error.do]].forEach(([tag, words]) => {
    const line = document.createElement(tag);
    line.textContent = words;
    if (tag === "h2") { line.id = "past-title"; line.tabIndex = -1; }
    card.append(line);
  });
  const close = document.createElement("button");
  close.type = "button";
  close.textContent = "Close";
  close.dataset.close = "";
  card.append(close);
  dialog.replaceChildren(card);
  open();
  close.focus();
};
const settled = (answer) => {
  if (answer.error) explain(answer.error);
  else if (answer.words !== undefined) { dialog.close(); tell(answer.words); }
  else shown(answer.piece);
};

// ---- the dialog
const closed = () => {
  dialog.replaceChildren();
  if (opener?.isConnected) opener.focus({ preventScroll: true });
};
dialog.addEventListener("close", closed);
dialog.addEventListener("keydown", (event) => { if (event.key === "Escape") event.stopPropagation(); }); // it closes the dialog, and stops no reply
dialog.addEventListener("click", async (event) => {
  const link = event.target.closest("[data-close], a[data-past]");
  if (event.target !== dialog && !link) return;
  event.preventDefault();
  if (link?.matches("a[data-past]")) settled(await ask(link.href)); else dialog.close();
});
dialog.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = event.target;
  if (form.dataset.sending) return;
  form.dataset.sending = "yes";
  const answer = form.method === "get" ? await ask(`${form.action}?${sent(form)}`) : await ask(form.action, sent(form));
  delete form.dataset.sending;
  if (answer.words !== undefined && "stay" in form.dataset) { tell(answer.words); settled(await ask(`/chats/${chat}/branches`)); } else settled(answer);
  if (answer.words !== undefined && /\/(rewind|switch)$/.test(form.action)) toEnd(); // the story goes on there
});
document.querySelectorAll(".openers a[data-past]").forEach((link) => link.addEventListener("click", async (event) => {
  event.preventDefault();
  opener = null;
  settled(await ask(link.href));
}));

// ---- editing in place
const endEdit = (article) => {
  article.querySelector(".editor")?.remove();
  article.classList.remove("edited-now");
  const button = article.querySelector("button[data-act=edit]");
  if (article.contains(document.activeElement) || document.activeElement === document.body) button?.focus({ preventScroll: true });
};
const editor = (article, piece) => {
  article.querySelector(".editor")?.remove();
  article.classList.add("edited-now");
  article.querySelector(".prose").insertAdjacentHTML("afterend", piece);
  const box = article.querySelector(".editor textarea");
  box.style.height = `${Math.min(box.scrollHeight + 4, innerHeight * 0.6)}px`;
  box.focus();
};
const edit = async (article, path) => {
  if (article.querySelector(".editor")) return;
  const answer = await ask(path);
  if (answer.error) explain(answer.error); else editor(article, answer.piece);
};
turns.addEventListener("submit", async (event) => {
  if (!event.target.matches(".editor")) return;
  event.preventDefault();
  const article = event.target.closest(".turn");
  const answer = await ask(event.target.action, sent(event.target));
  if (answer.error) explain(answer.error);
  else if (answer.words === undefined) editor(article, answer.piece);
  else { endEdit(article); tell(answer.words); document.dispatchEvent(new CustomEvent("fabula:stale")); }
});
turns.addEventListener("keydown", (event) => {
  if (!event.target.closest(".editor")) return;
  if (event.key === "Escape" && !event.isComposing) { event.stopPropagation(); cancel(event.target.closest(".turn")); }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); event.target.form.requestSubmit(); }
});
const cancel = (article) => {
  endEdit(article);
  document.dispatchEvent(new CustomEvent("fabula:stale")); // what changed meanwhile was kept off
};

// ---- acts on a turn
const act = async (button) => {
  const article = button.closest(".turn");
  const path = button.getAttribute("formaction");
  const menu = button.closest("details.else");
  if (menu) { menu.open = false; menu.querySelector("summary").focus({ preventScroll: true }); }
  if (button.dataset.act === "edit") { await edit(article, path); return; }
  const direct = button.formMethod !== "get" || (button.dataset.act === "again" && newest() === article);
  button.disabled = true;
  const answer = await ask(path, direct ? new URLSearchParams() : null);
  button.disabled = false;
  settle(article);
  settled(answer);
};
turns.addEventListener("click", (event) => {
  const button = event.target.closest(".acts button");
  const close = event.target.closest(".editor [data-close]");
  if (!button && !close) return;
  event.preventDefault();
  if (close) cancel(close.closest(".turn")); else act(button);
});

// ---- undo
const nothing = () => document.getElementById("undo-last").getAttribute("aria-disabled") === "true";
const undo = async () => {
  if (nothing()) tell("There is nothing to undo."); else settled(await ask(`/chats/${chat}/undo`, new URLSearchParams()));
};
const idle = document.querySelector("#undo-last:disabled"); // from here on it keeps the place of whoever is on it
if (idle) { idle.disabled = false; idle.setAttribute("aria-disabled", "true"); }
document.addEventListener("submit", (event) => { if (event.target.id === "undo") { event.preventDefault(); undo(); } });
document.addEventListener("keydown", (event) => {
  const asked = event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
  const elsewhere = event.target.closest?.("input, textarea, select, [contenteditable]") || dialog.open;
  if (!asked || elsewhere || !document.getElementById("undo")) return;
  event.preventDefault();
  undo();
});
