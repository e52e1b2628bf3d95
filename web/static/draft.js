// A draft of the person's next line, into the composer; it is theirs to send, change or throw away.
import { failed } from "./composer.js";
import { tell } from "./trouble.js";

const { chat } = document.getElementById("chat").dataset;
const box = document.getElementById("text");
const button = document.getElementById("draft");
const WORDS = button.textContent;
let under = null; // how the draft that is being written is given up

const put = (text) => {
  box.value = box.value.trim() ? `${box.value.trimEnd()}\n\n${text}` : text; // what is typed already stays
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
  box.setSelectionRange(box.value.length, box.value.length);
};
const draft = async () => {
  under = new AbortController();
  button.textContent = "Cancel draft";
  tell("Drafting your line…");
  try {
    const answer = await fetch(`/api/chats/${chat}/draft`, { method: "POST", signal: under.signal });
    const told = await answer.json();
    if (!answer.ok) throw told.error;
    document.getElementById("trouble-send")?.remove();
    put(told.text);
  } catch (error) {
    if (error?.name !== "AbortError") failed(error?.what ? error : {
      what: "Your line could not be drafted.", means: "Nothing was sent, and what you typed is still in the box.",
      do: "Check that Fabula is running, then try again.", detail: String(error),
    });
  } finally {
    under = null;
    button.textContent = WORDS;
    tell("");
  }
};
button.hidden = false;
button.addEventListener("click", () => { if (under) under.abort(); else draft(); });
