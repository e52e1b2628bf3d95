// Every page: times in the reader's own words and time zone.
"use strict";
(() => {
  const STEPS = [["year", 31536000], ["month", 2592000], ["week", 604800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  const tell = () => document.querySelectorAll("time[datetime]").forEach((element) => {
    const at = new Date(element.dateTime);
    const seconds = (at - Date.now()) / 1000;
    const step = STEPS.find(([, size]) => Math.abs(seconds) >= size);
    element.textContent = step ? words.format(Math.trunc(seconds / step[1]), step[0]) : "just now";
    element.title = at.toLocaleString();
  });
  tell();
  setInterval(tell, 60000);
})();
