// A file that is too large is refused before it is sent.
"use strict";
(() => {
  const file = document.querySelector("input[type=file][data-most]");
  file?.addEventListener("change", () => {
    const [chosen] = file.files;
    const most = Number(file.dataset.most);
    const megabytes = (bytes) => (bytes / 1e6).toFixed(1);
    const problem = chosen && chosen.size > most
      ? `${chosen.name} has ${megabytes(chosen.size)} MB; a snapshot has at most ${megabytes(most)} MB.` : "";
    file.setCustomValidity(problem);
    if (problem) file.reportValidity();
  });
})();
