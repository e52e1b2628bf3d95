// The composer: a turn is sent once however often it is tried, and what is typed outlives the page.
import { keepBottom } from "./reader.js";
import { toEnd } from "./transcript.js";
import { post, troubleCard } from "./trouble.js";

const { chat } = document.getElementById("chat").dataset;
const trouble = document.getElementById("trouble");
const box = document.getElementById("text");
const sendButton = document.getElementById("send");
const stopButton = document.getElementById("stop");
const draftKey = `fabula.draft.${chat}`;

const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
let key = newKey();
let tried = null;   // the text the key was used for: the same text again is the same turn, another is not
let sending = false;
const keep = (text) => {
  try { if (text) localStorage.setItem(draftKey, text); else localStorage.removeItem(draftKey); } catch { /* no storage: no draft */ }
};
const kept = () => { try { return localStorage.getItem(draftKey) || ""; } catch { return ""; } };
export const failed = (error) => {
  document.getElementById("trouble-send")?.remove();
  const card = troubleCard({ run_id: "send", state: "failed", error });
  card.querySelector(".actions").remove();
  keepBottom(() => trouble.append(card));
};
const submit = async () => {
  const text = box.value;
  if (sending || !text.trim()) return;
  sending = sendButton.disabled = true;
  if (tried !== null && tried !== text) key = newKey();
  tried = text;
  try {
    const answer = await fetch(`/api/chats/${chat}/turns`, {
      method: "POST",
      headers: { "content-type": "application/json", "idempotency-key": key },
      body: JSON.stringify({ text }),
    });
    if (!answer.ok) throw (await answer.json()).error;
    document.getElementById("trouble-send")?.remove();
    key = newKey();
    tried = null;
    if (box.value === text) box.value = "";
    keep(box.value);
    grow();
    toEnd();
  } catch (error) {
    failed(error?.what ? error : {
      what: "Your turn could not be sent.", means: "It is still in the box, and nothing was lost.",
      do: "Check that Fabula is running, then send it again.", detail: String(error),
    });
  } finally {
    sending = sendButton.disabled = false;
  }
};
const grow = () => { box.style.height = "auto"; box.style.height = `${Math.min(box.scrollHeight + 2, innerHeight * 0.4)}px`; };
const stop = () => post(`/api/chats/${chat}/stop`);
document.getElementById("composer").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
box.addEventListener("keydown", (event) => {
  const composing = event.isComposing || event.keyCode === 229; // 229: Safari ends a composition before its Enter
  if (event.key === "Enter" && !event.shiftKey && !composing) { event.preventDefault(); submit(); }
});
box.addEventListener("input", () => { grow(); keep(box.value); });
stopButton.addEventListener("click", stop);

if (!box.value) box.value = kept();
grow();
