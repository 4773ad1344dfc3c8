// Makes the proof of work that is asked for under pressure (ALTCHA, version 1), then sends the form by itself.
// Without it the page offers a button that goes on without a proof.
"use strict";
(async () => {
  const form = document.getElementById("toll");
  const progress = document.getElementById("progress");
  const { algorithm, challenge, maxnumber, salt, signature } = JSON.parse(form.dataset.challenge);
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return void (progress.textContent = progress.dataset.unable);
  progress.textContent = progress.dataset.working;

  const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const digest = async (number) => hex(await subtle.digest(algorithm, new TextEncoder().encode(salt + number)));
  const TOGETHER = 500;
  const begun = Date.now();
  for (let first = 0; first <= maxnumber; first += TOGETHER) {
    const found = await Promise.all(Array.from({ length: TOGETHER }, (_, more) => digest(first + more)));
    const place = found.indexOf(challenge);
    if (place === -1) continue;
    const solution = { algorithm, challenge, number: first + place, salt, signature, took: Date.now() - begun };
    form.elements.proof.value = btoa(JSON.stringify(solution));
    progress.textContent = progress.dataset.done;
    return form.submit();
  }
  progress.textContent = progress.dataset.unable;
})();
