"""The picture of a receipt code: the very modules that a library draws for the whole address."""

from __future__ import annotations

import re
import secrets

import segno

from vote import envelope, qr

PREFIX = "https://vote.example.org/en/urne?code="


def modules_of(picture: str) -> list[list[int]]:
    """Follow the path as a pen would."""
    path = re.findall(r'd="([^"]*)"', picture)[1]
    side = int(re.findall(r'viewBox="0 0 (\d+)', picture)[0]) - 2 * qr.BORDER
    found = [[0] * side for _ in range(side)]
    column, row = 0, 0
    for command, first, _, second in re.findall(r"([Mmh])(-?[\d.]+)( (-?[\d.]+))?", path):
        if command == "M":
            column, row = int(first) - qr.BORDER, int(float(second)) - qr.BORDER
        elif command == "m":
            column, row = column + int(first), row + int(second)
        else:
            for place in range(column, column + int(first)):
                found[row][place] = 1
            column += int(first)
    return found


def test_it_is_the_picture_that_a_library_draws_for_the_whole_address() -> None:
    for _ in range(5):
        code = envelope.receipt_code(secrets.token_bytes(10))
        drawn = modules_of(qr.picture(PREFIX, code).decode())
        same = [
            segno.make_qr(PREFIX + code, error="m", mode="byte", mask=mask, boost_error=False).matrix
            for mask in range(8)
        ]
        assert drawn in [[list(row) for row in matrix] for matrix in same]


def test_two_codes_have_two_pictures() -> None:
    pictures = {qr.picture(PREFIX, envelope.receipt_code(secrets.token_bytes(10))) for _ in range(50)}
    assert len(pictures) == 50
