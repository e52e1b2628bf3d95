// Where the reader is: at the end they stay there while the story grows, and anywhere else nothing moves under
// their eyes. Only they leave the end, by scrolling up, and only they come back to it.
const page = document.documentElement;
const chat = document.getElementById("chat");
const below = document.getElementById("below");
const NEAR = 24; // px that still are the end
let following = true;
let news = false;
let seen = scrollY;

const left = () => page.scrollHeight - innerHeight - scrollY;
const isAway = () => "away" in chat.dataset; // newer turns are not on the page at all
const show = () => {
  const end = following && !isAway();
  if (end) news = false;
  below.hidden = end || !(news || isAway() || left() > innerHeight);
  below.classList.toggle("news", news);
  below.textContent = news ? "New below" : "To the end";
};

export const toBottom = () => {
  following = true;
  if (!("draft" in chat.dataset)) scrollTo(0, page.scrollHeight); // an opening is read from its top
  show();
};
export const leave = () => { following = false; show(); };
export const isFollowing = () => following;
// something was told that the reader may not see
export const tellBelow = () => { if (!following || isAway()) { news = true; show(); } };

const look = () => {
  if (left() <= 1 || (scrollY > seen && left() <= NEAR)) following = !isAway();
  else if (scrollY < seen) following = false;
  seen = scrollY;
};
addEventListener("scroll", () => { look(); show(); }, { passive: true });

// a change that takes place above or at the end, in one go
export const keepBottom = (change) => {
  look(); // they may have scrolled just now, and the event is still to come
  change();
  if (following) toBottom();
};
// and what grows by itself: a reply line by line, the composer, a window made narrower
new ResizeObserver(() => { if (following) toBottom(); }).observe(document.body);
addEventListener("resize", () => { if (following) toBottom(); });
new MutationObserver(show).observe(chat, { attributes: true, attributeFilter: ["data-away"] });
