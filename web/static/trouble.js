// What a person is told of work under way, and of what went wrong with it.
const status = document.getElementById("status");

export const tell = (words) => { status.textContent = words; };
export const post = (path) => fetch(path, { method: "POST" }).catch(() => tell("Fabula cannot be reached just now."));

const adder = (card) => (tag, words, className) => {
  const element = document.createElement(tag);
  element.textContent = words;
  if (className) element.className = className;
  card.append(element);
  return element;
};
const button = (actions, words, path) => {
  const element = adder(actions)("button", words);
  element.type = "button";
  element.addEventListener("click", () => { element.disabled = true; post(path); });
};

// a stage that a person has paused is no failure, and nothing but a person ends it
const tellPaused = (told, add) => {
  add("h2", told.stage === "narrate" ? "Narration is paused." : `The stage “${told.stage}” is paused.`);
  add("p", "Your turn is safe, and is answered as soon as it goes on.");
  const actions = add("p", "", "actions");
  button(actions, "Resume", `/api/stages/${told.stage}/resume`);
  const desk = adder(actions)("a", "To the desk", "button");
  desk.href = "/desk";
};

export const isPaused = (told) => told.paused && told.state === "ready";
export const troubleCard = (told) => {
  const card = document.createElement("section");
  card.className = isPaused(told) ? "card" : "card error";
  card.id = `trouble-${told.run_id}`;
  card.setAttribute("role", "alert");
  const add = adder(card);
  if (isPaused(told)) {
    tellPaused(told, add);
    return card;
  }
  const error = told.error || { what: "This step failed.", means: "", do: "", detail: "" };
  add("h2", error.what);
  if (error.means) add("p", error.means);
  if (error.do) add("p", error.do, "do");
  if (told.state === "backoff") {
    const count = add("p", "", "quiet");
    const tick = () => {
      const left = Math.max(0, Math.ceil((told.due - Date.now()) / 1000));
      count.textContent = `Next try in ${left} s.`;
      if (card.isConnected && left) setTimeout(tick, 1000);
    };
    queueMicrotask(tick);
  } else add("p", "It is not tried again by itself any more.", "quiet");
  if (error.detail) {
    const details = document.createElement("details");
    const summary = document.createElement("summary");
    summary.textContent = "Technical detail";
    const pre = document.createElement("pre");
    pre.textContent = error.detail;
    details.append(summary, pre);
    card.append(details);
  }
  const actions = add("p", "", "actions");
  button(actions, "Retry now", `/api/runs/${told.run_id}/retry`);
  button(actions, "Discard", `/api/runs/${told.run_id}/discard`);
  if (told.stage === "narrate") adder(actions)("a", "The model", "button").href = "/endpoints";
  return card;
};
