// The drawer beside a chat: opens as a column where there is room and as a dialog where there is none, and keeps
// its pieces as the story goes on, except what the reader is just correcting.
"use strict";
(() => {
  const drawer = document.getElementById("drawer");
  const opener = document.getElementById("drawer-open");
  const parts = document.getElementById("parts");
  const said = document.getElementById("drawer-said");
  const wide = matchMedia("(min-width: 68rem)");
  const key = "fabula.drawer";
  const remember = (value) => { try { localStorage.setItem(key, value); } catch { /* no storage: as it comes */ } };
  const remembered = () => { try { return localStorage.getItem(key); } catch { return null; } };

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
    opener.setAttribute("aria-expanded", "false");
    opener.focus({ preventScroll: true });
  });
  opener.addEventListener("click", () => {
    if (drawer.open) { hide(); remember("closed"); } else { show(); if (wide.matches) { remember("open"); drawer.querySelector("#drawer-close").focus(); } }
  });
  document.getElementById("drawer-close").addEventListener("click", () => { hide(); if (wide.matches) remember("closed"); });
  drawer.addEventListener("click", (event) => { if (event.target === drawer && drawer.matches(":modal")) hide(); });
  wide.addEventListener("change", () => { if (drawer.open) { drawer.close(); if (wide.matches) show(); } });
  document.getElementById("drawer-link").hidden = true;
  opener.hidden = false;

  // ---- following the story
  const due = new Set();
  let timer = null;
  const busy = (part) => part.querySelector("details.edit[open], .paged") !== null;
  const refresh = () => {
    clearTimeout(timer);
    timer = null;
    if (!drawer.open || document.getElementById("chat").dataset.live !== "yes") return;
    due.forEach((name) => {
      const part = document.getElementById(`part-${name}`);
      if (part === null || busy(part)) return;
      due.delete(name);
      htmx.trigger(part, "refresh");
    });
  };
  document.addEventListener("fabula:changed", (event) => {
    event.detail.forEach((name) => due.add(name));
    timer ??= setTimeout(refresh, 400);
  });
  drawer.addEventListener("toggle", (event) => { if (event.target.matches?.("details.edit") && due.size) refresh(); }, true);

  // ---- a piece that is replaced keeps what was open, and the reader's place
  let opened = new Map();
  let submitted = null;
  drawer.addEventListener("htmx:beforeRequest", (event) => {
    submitted = event.detail.elt.matches("form") ? event.detail.elt.closest("details.edit")?.id || null : null;
  });
  drawer.addEventListener("htmx:beforeSwap", (event) => {
    const html = (event.detail.xhr.getResponseHeader("content-type") || "").startsWith("text/html");
    if (!html) {
      event.detail.shouldSwap = false;
      said.textContent = "This could not be done. Close and open the drawer to see how things stand.";
      return;
    }
    opened = new Map([...drawer.querySelectorAll("details.relation[id]")].map((one) => [one.id, one.open]));
  });
  drawer.addEventListener("htmx:afterSwap", (event) => {
    opened.forEach((open, id) => { const one = document.getElementById(id); if (one && open) one.open = true; else if (one && !one.querySelector("[role=alert]")) one.open = open; });
    if (event.detail.requestConfig.verb === "get") return;
    const alert = drawer.querySelector("[role=alert]");
    if (alert) { alert.scrollIntoView({ block: "nearest" }); said.textContent = ""; return; }
    said.textContent = "Saved.";
    const summary = submitted && document.getElementById(submitted)?.querySelector("summary");
    if (summary) summary.focus({ preventScroll: true });
  });
  drawer.addEventListener("htmx:sendError", (event) => {
    const { part } = event.detail.elt.dataset;
    if (part) { due.add(part); return; } // fetched again when the server is back
    said.textContent = "Fabula cannot be reached just now. What you typed is still here.";
  });

  // htmx, too, begins its work at this event, and was there first
  document.addEventListener("DOMContentLoaded", () => { if (wide.matches && remembered() !== "closed") show(); });
})();
