// Leads, in the voter's own browser, from a ballot to the root of the signed box (RFC 9162, section 2.1.3.2).
// Without it the page says in words how to do the same by hand.
"use strict";
(async () => {
  const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  const verdict = document.getElementById("verdict");
  const subtle = globalThis.crypto?.subtle;

  const say = (words, kind) => {
    verdict.textContent = words;
    if (kind) verdict.classList.add(kind);
  };
  const bytes = (text, pattern, base) => Uint8Array.from(text.match(pattern), (part) => parseInt(part, base));
  const readHex = (text) => bytes(text, /[0-9a-f]{2}/g, 16);
  const readBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const readCode = (text) => {
    const fives = [...text.replaceAll("-", "")].map((character) => CROCKFORD.indexOf(character));
    if (fives.length !== 16 || fives.includes(-1)) throw new RangeError("not a receipt code");
    return bytes(fives.map((five) => five.toString(2).padStart(5, "0")).join(""), /.{8}/g, 2);
  };
  const sha256 = async (...parts) => new Uint8Array(await subtle.digest("SHA-256", await new Blob(parts).arrayBuffer()));
  const same = (left, right) => left.length === right.length && left.every((byte, place) => byte === right[place]);

  const holds = async (text) => {
    const { code, commitment, position, size, proof, checkpoint } = JSON.parse(text);
    const [, signedSize, root] = checkpoint.split("\n");
    const committed = readHex(commitment);
    if (String(size) !== signedSize || !Number.isSafeInteger(position) || position < 0 || position >= size) return false;
    if (committed.length !== 32) return false;
    let digest = await sha256(Uint8Array.of(0), readCode(code), committed);
    let [place, last] = [position, size - 1];
    for (const step of proof.map(readBase64)) {
      if (last === 0 || step.length !== 32) return false;
      const fromLeft = place % 2 === 1 || place === last;
      digest = fromLeft ? await sha256(Uint8Array.of(1), step, digest) : await sha256(Uint8Array.of(1), digest, step);
      // A right edge without a sister is carried up unchanged.
      while (fromLeft && place % 2 === 0 && place > 0) [place, last] = [place / 2, Math.floor(last / 2)];
      [place, last] = [Math.floor(place / 2), Math.floor(last / 2)];
    }
    return last === 0 && same(digest, readBase64(root));
  };

  if (!subtle) return say(verdict.dataset.unable);
  const held = await holds(document.getElementById("proof").textContent).catch(() => false);
  say(held ? verdict.dataset.good : verdict.dataset.bad, held ? "good" : "alert");
})();
