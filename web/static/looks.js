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
    const looks = document.getElementById("looks");
    looks.addEventListener("change", (event) => {
      const { name, value } = event.target;
      if (!(name in CHOICES)) return;
      keep(name, value);
      const change = () => wear(name, value);
      // a page that keeps the reader's place makes the change itself
      if (document.dispatchEvent(new CustomEvent("fabula:wear", { detail: change, cancelable: true }))) change();
    });
    looks.addEventListener("toggle", () => {
      const at = document.getElementById("looks-open").getBoundingClientRect();
      looks.style.top = `${Math.max(8, at.bottom + 6)}px`;
      looks.style.left = `${Math.max(8, at.right - looks.offsetWidth)}px`;
    });
  });
})();
