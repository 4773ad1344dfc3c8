"""The picture of an address that holds a receipt code, drawn so quickly that every voter gets one with the receipt.

A QR code (ISO/IEC 18004) is linear: with version, level and mask fixed, flipping a bit of the text always flips the
same modules, error correction included. So the modules of one address are found once, and what each bit of a letter
flips; any other code is a few exclusive ors away.
"""

from __future__ import annotations

from functools import cache, lru_cache
from operator import getitem

import segno

from vote.envelope import BALLOT_CODE_BYTES, CROCKFORD, receipt_code

BORDER = 2
BLANK = receipt_code(bytes(BALLOT_CODE_BYTES))  # stands for any code in the address that is found once

Plate = tuple[int, int, tuple[dict[str, int], ...]]


def picture(prefix: str, code: str) -> bytes:
    """The address `prefix` + receipt code as an SVG element that scales with its box; styled by class only."""
    side, modules, flips = _plate(prefix)
    for letter, flip in zip(code, flips, strict=True):
        modules ^= flip[letter]
    width = -(-side // 8)
    strokes = map(getitem, _strokes(side, width), modules.to_bytes(side * width))
    return b"".join((_opening(side, width), *strokes, b'"/></svg>'))


@cache
def _opening(side: int, width: int) -> bytes:
    """What comes before the strokes: a white ground, and the pen at the end of the row above the first."""
    whole = side + 2 * BORDER
    return (
        f'<svg class="qr" viewBox="0 0 {whole} {whole}"><path fill="#fff" d="M0 0h{whole}v{whole}h-{whole}z"/>'
        f'<path stroke="#000" d="M{BORDER + 8 * width} {BORDER - 0.5}'
    ).encode()


@lru_cache(maxsize=8)
def _plate(prefix: str) -> Plate:
    """Side, the modules of the blank code, and what each letter in each place flips of them."""
    first = segno.make_qr(prefix + BLANK, error="m", mode="byte", boost_error=False)
    side = len(first.matrix)

    def modules(text: str) -> int:
        code = segno.make_qr(text, error="m", mode="byte", version=first.version, mask=first.mask, boost_error=False)
        padding = bytes(-side % 8)
        return int("".join("".join(map(str, [*row, *padding])) for row in code.matrix), 2)

    base = modules(prefix + BLANK)
    flips: list[dict[str, int]] = []
    for place, letter in enumerate(BLANK):
        if letter not in CROCKFORD:
            flips.append({letter: 0})
            continue
        head, tail = prefix + BLANK[:place], BLANK[place + 1 :]
        bits = [base ^ modules(head + chr(ord(letter) ^ 1 << bit) + tail) for bit in range(7)]
        flips.append({other: _together(bits, ord(other) ^ ord(letter)) for other in CROCKFORD})
    return side, base, tuple(flips)


def _together(bits: list[int], which: int) -> int:
    flipped = 0
    for place, bit in enumerate(bits):
        if which >> place & 1:
            flipped ^= bit
    return flipped


@cache
def _strokes(side: int, width: int) -> list[list[bytes]]:
    """For each byte of the modules, the path that draws it; each ends where the next begins, or before the next row."""
    strokes = []
    for eight in range(256):
        runs = f"{eight:08b}".replace("01", "0 1").replace("10", "1 0").split()
        drawn = "".join(f"h{len(run)}" if run[0] == "1" else f"m{len(run)} 0" for run in runs)
        strokes.append(drawn.encode())
    firsts = [b"m%d 1%s" % (-8 * width, stroke) for stroke in strokes]
    return [firsts, *[strokes] * (width - 1)] * side
