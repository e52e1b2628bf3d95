// Where the reader is: at the bottom they stay there, and further up nothing moves under their eyes.
export const toBottom = () => scrollTo(0, document.documentElement.scrollHeight);
const atBottom = () => innerHeight + scrollY >= document.documentElement.scrollHeight - 120;
export const keepBottom = (change) => {
  const stick = atBottom();
  change();
  if (stick) toBottom();
};

// older turns come in above; Safari does not see to that by itself
const turns = document.getElementById("turns");
let heightBefore = 0;
if (!CSS.supports("overflow-anchor", "auto")) {
  turns.addEventListener("htmx:beforeSwap", () => { heightBefore = document.documentElement.scrollHeight; });
  turns.addEventListener("htmx:afterSettle", () => scrollBy(0, document.documentElement.scrollHeight - heightBefore));
}
