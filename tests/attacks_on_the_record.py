"""Attacks on the minutes, the contest and the poll book."""

from __future__ import annotations

from attacks import ELSEWHERE, Act, named
from intruder import Intruder
from people import CONTEST

SIGNATURE = f"INSERT INTO poll_book VALUES ('{CONTEST}', zeroblob(32))"
ENVELOPE = ("INSERT INTO envelopes (ballot_code, contest, laureate, salt, window_at) VALUES "
            f"(randomblob(10), '{CONTEST}', 'ilot-femmes', randomblob(32), '2019-11-18 09:00:00.000000')")  # fmt: skip
REST = 'at, act, who, why, before, "after", hash'
COUNTED = "UPDATE running_count SET votes = votes + 1 WHERE laureate = 'ilot-femmes'"


def minute(number: int, change: str) -> str:
    return f"UPDATE minutes SET {change} WHERE number = {number}"


def chained(*statements: str) -> Act:
    """These statements, then the whole chain made right again."""

    def act(intruder: Intruder) -> None:
        for statement in statements:
            intruder.do(statement)
        intruder.chain()

    return act


MINUTES = named("minutes", {
    "edit who": minute(3, "who = 'Dominique'"),
    "edit why": minute(3, "why = 'Panne'"),
    "edit when": minute(3, "at = '2019-11-18 08:00:00.000000'"),
    "edit the act": minute(3, "act = 'consultation'"),
    "edit before": minute(3, "before = '{\"closes_at\":\"2019-11-20T23:00:00+00:00\"}'"),
    "edit after": minute(3, "after = '{\"closes_at\":\"2019-11-24T23:00:00+00:00\"}'"),
    "empty after": minute(3, "after = NULL"),
    "write something unreadable": minute(3, "after = '{'"),
    "edit a hash": minute(3, "hash = zeroblob(32)"),
    "edit the last line's hash": minute(6, "hash = zeroblob(32)"),
    "edit the closure": minute(5, "why = 'Fin normale'"),
    "edit the publication": minute(6, "who = 'Dominique'"),
    "renumber": "UPDATE minutes SET number = number + 10",
    "swap two lines": "UPDATE minutes SET number = -1 WHERE number = 3;"
    "UPDATE minutes SET number = 3 WHERE number = 4; UPDATE minutes SET number = 4 WHERE number = -1",
    "drop the first line": "DELETE FROM minutes WHERE number = 1",
    "drop a middle line": "DELETE FROM minutes WHERE number = 4",
    "drop the last line": "DELETE FROM minutes WHERE number = 6",
    "drop all lines": "DELETE FROM minutes",
    "drop a middle line and close the ranks": "DELETE FROM minutes WHERE number = 4;"
    "UPDATE minutes SET number = number - 1 WHERE number > 4",
    "move a line to another contest": ELSEWHERE +
    "UPDATE minutes SET contest = 'ailleurs' WHERE number = 6",
    "repeat a line at the end": f"INSERT INTO minutes SELECT contest, 7, {REST} FROM minutes WHERE number = 4",
    "edit a line and chain all anew": chained(minute(3, "why = 'Panne'")),
    "edit the first line and chain all anew": chained(minute(1, "who = 'Dominique'")),
    "drop a line and chain all anew": chained("DELETE FROM minutes WHERE number = 4"),
    "drop the last line and chain all anew": chained("DELETE FROM minutes WHERE number = 6"),
    "insert a line and chain all anew": chained(
        "UPDATE minutes SET number = -number WHERE number > 3",
        "UPDATE minutes SET number = 1 - number WHERE number < 0",
        f"INSERT INTO minutes SELECT contest, 4, {REST} FROM minutes WHERE number = 3"),
})  # fmt: skip

RESULTS = "UPDATE contests SET results = replace(results, '{}', '{}')"
EDITION = "UPDATE contests SET edition = replace(edition, '{}', '{}')"


CONTEST_ROW = named("contest", {
    "change the results": RESULTS.format('"ilot-femmes": 1', '"ilot-femmes": 2'),
    "change the turnout": RESULTS.format('"signatures": 300', '"signatures": 3000'),
    "change the number of ballots": RESULTS.format('"ballots": 300', '"ballots": 299'),
    "remove the results": "UPDATE contests SET results = NULL",
    "take the publication back": "UPDATE contests SET results = NULL, published_at = NULL",
    "date the publication back": "UPDATE contests SET published_at = '2019-11-18 10:00:00.000000'",
    "extend in silence": "UPDATE contests SET closes_at = '2019-11-30 22:00:00.000000'",
    "open earlier in silence": "UPDATE contests SET opens_at = '2019-11-01 22:00:00.000000'",
    "reopen in silence": "UPDATE contests SET closed_at = NULL",
    "date the closure back": "UPDATE contests SET closed_at = '2019-11-18 10:00:00.000000'",
    "edit the edition": EDITION.format("Coup de C", "Choc de C"),
    "swap two laureates' names": EDITION.format("Îlot Femmes", "Ilot Hommes"),
    "add a laureate to the ballot": f"INSERT INTO laureates VALUES ('{CONTEST}', 'inconnu')",
})  # fmt: skip

POLL_BOOK = named("poll book and counts", {
    "delete a signature": "DELETE FROM poll_book "
    "WHERE voter_key = (SELECT voter_key FROM poll_book ORDER BY voter_key LIMIT 1)",
    "add a signature": SIGNATURE,
    "empty the poll book": "DELETE FROM poll_book",
    "add an envelope without a signature": f"{ENVELOPE}; {COUNTED}",
    "add an envelope and a signature": f"{ENVELOPE}; {SIGNATURE}",
    "add an envelope, a signature and a count after the publication": f"{ENVELOPE}; {SIGNATURE}; {COUNTED}",
    "move the running count": f"{COUNTED}; UPDATE running_count SET votes = votes - 1 "
    "WHERE laureate = 'bien-etre-medical'",
    "raise the running count": COUNTED,
    "empty the running count": "DELETE FROM running_count",
    "raise the turnout": "UPDATE turnout SET votes = votes + 1",
    "empty the turnout": "DELETE FROM turnout",
})  # fmt: skip

WAITING = named("while ballots wait", {
    "change the choice in an envelope": "UPDATE envelopes SET laureate = 'permis-de-construire'",
    "throw an envelope away": "DELETE FROM envelopes WHERE ballot_code = (SELECT min(ballot_code) FROM envelopes)",
    "throw an envelope and a signature away":
        "DELETE FROM envelopes WHERE ballot_code = (SELECT min(ballot_code) FROM envelopes);"
        "DELETE FROM poll_book WHERE voter_key = (SELECT voter_key FROM poll_book ORDER BY voter_key LIMIT 1)",
    "copy an envelope": "INSERT INTO envelopes (ballot_code, contest, laureate, salt, window_at) "
    "SELECT zeroblob(10), contest, laureate, salt, window_at FROM envelopes LIMIT 1",
    "count a vote that was not cast": COUNTED,
    "publish in silence": "UPDATE contests SET published_at = '2019-11-18 12:00:00.000000', "
    'results = \'{"votes":{"ilot-femmes":300},"signatures":300,"ballots":300}\'',
    "close in silence": "UPDATE contests SET closed_at = '2019-11-18 12:00:00.000000'",
    "extend in silence again": "UPDATE contests SET closes_at = '2019-11-30 22:00:00.000000'",
    "roll back the box": lambda intruder: intruder.put_back_yesterday("ballot_box", "tiles", "lots", "checkpoints"),
})  # fmt: skip
