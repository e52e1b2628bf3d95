// Light rendering of a text that is still being written; the server's rendering replaces it.
const PIECE = /(\(\([\s\S]*?(?:\)\)|$)|\*\*[^*\n]+(?:\*\*|\*?$)|\*[^*\n]+(?:\*|$))/;
export const render = (element, text) => {
  const paragraphs = text.split(/\n{2,}/).map((words) => {
    const p = document.createElement("p");
    words.split(PIECE).forEach((part) => {
      if (!part) return;
      const ooc = part.startsWith("((");
      const mark = ooc ? "" : /^\*{0,2}(?=[^*])/.exec(part)?.[0] || "";
      const tag = ooc ? "span" : ["", "em", "strong"][mark.length];
      const holder = tag ? document.createElement(tag) : p;
      if (ooc) holder.className = "ooc";
      const inner = mark ? part.slice(mark.length).replace(/\*+$/, "") : part;
      inner.split("\n").forEach((line, number) => {
        if (number) holder.append(document.createElement("br"));
        holder.append(line);
      });
      if (holder !== p) p.append(holder);
    });
    return p;
  });
  element.replaceChildren(...paragraphs);
};
