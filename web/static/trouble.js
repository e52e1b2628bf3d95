// What a person is told of work under way, and of what went wrong with it.
const status = document.getElementById("status");

export const tell = (words) => { status.textContent = words; };
export const post = (path) => fetch(path, { method: "POST" }).catch(() => tell("Fabula cannot be reached just now."));

export const troubleCard = (told) => {
  const card = document.createElement("section");
  card.className = "card error";
  card.id = `trouble-${told.run_id}`;
  card.setAttribute("role", "alert");
  const add = (tag, words, className) => {
    const element = document.createElement(tag);
    element.textContent = words;
    if (className) element.className = className;
    card.append(element);
    return element;
  };
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
  }
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
  [["Retry now", "retry"], ["Discard", "discard"]].forEach(([words, act]) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = words;
    button.addEventListener("click", () => { button.disabled = true; post(`/api/runs/${told.run_id}/${act}`); });
    actions.append(button);
  });
  return card;
};
