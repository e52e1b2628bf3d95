// The bar under the composer: what would be sent, asked for when the person pauses and never while a reply is on
// its way. Its place is kept, so nothing moves when it changes.
const root = document.getElementById("chat");
const holder = document.getElementById("budget");
const box = document.getElementById("text");
const stop = document.getElementById("stop");
const PAUSE_MS = 700;
const QUIET_MS = 1500;
let timer = 0;
let asked = null;

const ask = async () => {
  if (document.hidden || !stop.hidden || root.hidden) return;
  asked?.abort();
  asked = new AbortController();
  const open = holder.querySelector("details")?.open ?? false;
  try {
    const answer = await fetch(`/chats/${root.dataset.chat}/budget`, {
      method: "POST", body: new URLSearchParams({ text: box.value, open: open ? "yes" : "" }), signal: asked.signal,
    });
    if (answer.status !== 200) return;
    const html = await answer.text();
    const focused = holder.contains(document.activeElement);
    holder.innerHTML = html;
    if (focused) holder.querySelector("summary").focus();
  } catch { /* the next pause asks again */ }
};
const later = (ms) => { clearTimeout(timer); timer = setTimeout(ask, ms); };

box.addEventListener("input", () => later(PAUSE_MS));
document.addEventListener("fabula:changed", () => later(QUIET_MS));
document.addEventListener("visibilitychange", () => { if (!document.hidden) later(PAUSE_MS); });
new MutationObserver(() => { if (stop.hidden) later(QUIET_MS); }).observe(stop, { attributeFilter: ["hidden"] });
later(PAUSE_MS);
