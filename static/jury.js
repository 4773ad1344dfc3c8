// Keeps the figures of the jury's page up to date, holds them still, and puts them on a wall. Without it the page is
// read by reloading.
"use strict";
(() => {
  const SPOKEN_EVERY = 60_000;
  const [figures, connection, spoken, pause, wall] = ["figures", "connection", "spoken", "pause", "wall"].map((id) =>
    document.getElementById(id),
  );
  let stream;
  let spokenAt = Date.now();

  // Written only when it changes, so that screen readers do not repeat it at each figure.
  const say = (words) => {
    if (connection.textContent !== words) connection.textContent = words;
  };

  // Screen readers are told the figures now and then, never at each vote.
  const speak = () => {
    const told = figures.querySelector("[data-told]").dataset.told;
    if (Date.now() - spokenAt < SPOKEN_EVERY || spoken.textContent === told) return;
    spoken.textContent = told;
    spokenAt = Date.now();
  };

  const show = (html) => {
    const opened = figures.querySelector("details")?.open;
    const focused = figures.contains(document.activeElement) && document.activeElement !== figures;
    figures.innerHTML = html;
    const details = figures.querySelector("details");
    if (details && opened) details.open = true;
    if (details && focused) details.querySelector("summary").focus({ preventScroll: true });
    say(connection.dataset.live);
    speak();
  };

  const listen = () => {
    stream = new EventSource(figures.dataset.stream);
    stream.addEventListener("figures", (event) => show(event.data));
    stream.addEventListener("stop", () => {
      stream.close();
      say(connection.dataset.stopped);
    });
    stream.addEventListener("error", () => {
      say(stream.readyState === EventSource.CLOSED ? connection.dataset.stopped : connection.dataset.lost);
    });
  };

  pause.addEventListener("click", () => {
    const paused = pause.getAttribute("aria-pressed") !== "true";
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) return listen();
    stream.close();
    return say(connection.dataset.paused);
  });
  wall.addEventListener("click", () => figures.requestFullscreen());
  pause.hidden = false;
  wall.hidden = !document.fullscreenEnabled;
  listen();
})();
