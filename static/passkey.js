// Has a passkey made or presented, and sends the form with its answer. Without it the page says what is missing.
"use strict";
(() => {
  const form = document.getElementById("passkey");
  const [says, button, field] = ["[role=status]", "button", "[data-answer]"].map((name) => form.querySelector(name));
  const read = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));
  const write = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  if (!globalThis.PublicKeyCredential) return void (says.textContent = says.dataset.unable);

  const publicKey = JSON.parse(form.dataset.question);
  publicKey.challenge = read(publicKey.challenge);
  if (publicKey.user) publicKey.user.id = read(publicKey.user.id);
  for (const key of publicKey.allowCredentials ?? publicKey.excludeCredentials) key.id = read(key.id);

  const ask = async () => {
    const made = await navigator.credentials[publicKey.user ? "create" : "get"]({ publicKey });
    const parts = ["clientDataJSON", "attestationObject", "authenticatorData", "signature"];
    const told = parts.filter((part) => part in made.response).map((part) => [part, write(made.response[part])]);
    const answer = { id: made.id, rawId: made.id, type: made.type, response: Object.fromEntries(told) };
    field.value = JSON.stringify(answer);
    form.submit();
  };

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    button.disabled = true;
    says.textContent = "";
    ask().catch((problem) => {
      button.disabled = false;
      says.textContent = problem.name === "SecurityError" ? says.dataset.unable : says.dataset.failed;
    });
  });
  says.textContent = "";
  button.hidden = false;
})();
