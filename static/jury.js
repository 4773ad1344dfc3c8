// Keeps the figures of the jury's page up to date. Without it the page is read by reloading.
"use strict";
(() => {
  const figures = document.getElementById("figures");
  const connection = document.getElementById("connection");
  const stream = new EventSource(figures.dataset.stream);

  // Written only when it changes, so that screen readers do not repeat it at each figure.
  const say = (words) => {
    if (connection.textContent !== words) connection.textContent = words;
  };

  stream.addEventListener("figures", (event) => {
    const opened = figures.querySelector("details")?.open;
    const focused = figures.contains(document.activeElement);
    figures.innerHTML = event.data;
    const details = figures.querySelector("details");
    if (details && opened) details.open = true;
    if (details && focused) details.querySelector("summary").focus({ preventScroll: true });
    say(connection.dataset.live);
  });

  stream.addEventListener("stop", () => {
    stream.close();
    say(connection.dataset.stopped);
  });

  stream.addEventListener("error", () => {
    say(stream.readyState === EventSource.CLOSED ? connection.dataset.stopped : connection.dataset.lost);
  });
})();
