// How it looks: the reader's theme and density, kept in this browser. Runs before anything is painted.
"use strict";
(() => {
  const root = document.documentElement;
  const CHOICES = { theme: ["light", "dark"], density: ["compact"] }; // anything else: as it comes
  const kept = (look) => { try { return localStorage.getItem(`fabula.${look}`) || ""; } catch { return ""; } };
  const keep = (look, value) => {
    try { if (value) localStorage.setItem(`fabula.${look}`, value); else localStorage.removeItem(`fabula.${look}`); } catch { /* no storage: for this page */ }
  };
  const wear = (look, value) => { if (CHOICES[look].includes(value)) root.dataset[look] = value; else delete root.dataset[look]; };
  const wearKept = () => Object.keys(CHOICES).forEach((look) => wear(look, kept(look)));
  const tick = () => document.querySelectorAll("[data-look] input").forEach((input) => {
    input.checked = input.value === (root.dataset[input.name] || "");
  });
  wearKept();
  addEventListener("storage", () => { wearKept(); tick(); }); // another tab chose
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("looks-open").hidden = false;
    tick();
    document.getElementById("looks").addEventListener("change", (event) => {
      if (!(event.target.name in CHOICES)) return;
      keep(event.target.name, event.target.value);
      wear(event.target.name, event.target.value);
    });
  });
})();
