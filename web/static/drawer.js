// The drawer beside a chat: opens as a column where there is room and as a dialog where there is none, and keeps
// its pieces as the story goes on, except what the reader is just correcting.
import { keepPieces } from "./pieces.js";

const drawer = document.getElementById("drawer");
const opener = document.getElementById("drawer-open");
const parts = document.getElementById("parts");
const said = document.getElementById("drawer-said");
const wide = matchMedia("(min-width: 68rem)");
const key = "fabula.drawer";
const remember = (value) => { try { localStorage.setItem(key, value); } catch { /* no storage: as it comes */ } };
const remembered = () => { try { return localStorage.getItem(key); } catch { return null; } };

const live = () => drawer.open && document.getElementById("chat").dataset.live === "yes";
const { changed, refresh } = keepPieces(drawer, said, live);

// ---- open and closed
const unfold = () => htmx.trigger(parts, "unfold");
const show = () => {
  if (wide.matches) drawer.open = true; else drawer.showModal();
  opener.setAttribute("aria-expanded", "true");
  unfold();
  refresh();
};
const hide = () => drawer.close();
drawer.addEventListener("close", () => {
  if (drawer.open) return; // it only became a column, or a sheet, and the event comes after
  opener.setAttribute("aria-expanded", "false");
  opener.focus({ preventScroll: true });
});
opener.addEventListener("click", () => {
  if (drawer.open) { hide(); remember("closed"); } else { show(); if (wide.matches) { remember("open"); drawer.querySelector("#drawer-close").focus(); } }
});
document.getElementById("drawer-close").addEventListener("click", () => { hide(); if (wide.matches) remember("closed"); });
drawer.addEventListener("click", (event) => { if (event.target === drawer && drawer.matches(":modal")) hide(); });
wide.addEventListener("change", () => { if (drawer.open) { drawer.close(); if (wide.matches) show(); } });
// what you are called is asked for from elsewhere, too: the form is here, once the drawer has its pieces
const askName = () => {
  const edit = document.getElementById("edit-you");
  if (!edit) { parts.addEventListener("htmx:afterSettle", askName, { once: true }); return; }
  edit.open = true;
  edit.querySelector("#you-name").focus();
};
document.getElementById("you-link")?.addEventListener("click", (event) => {
  event.preventDefault();
  event.target.closest("details").open = false;
  if (!drawer.open) show();
  askName();
});
document.getElementById("drawer-link").hidden = true;
opener.hidden = false;

// ---- following the story
document.addEventListener("fabula:changed", (event) => changed(event.detail));

// htmx, too, begins its work at this event, and was there first
document.addEventListener("DOMContentLoaded", () => { if (wide.matches && remembered() !== "closed") show(); });
