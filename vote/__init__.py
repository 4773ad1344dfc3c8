"""A public vote, built like a polling station.

contest        the question put to the public, with its dates
laureate       what one votes for
ballot         the filled choice; the voter's own browser holds it until it is cast
poll book      who has voted, as keyed hashes; a voter signs it once
envelope       a cast ballot with its arrival marks
suspicion      a rule that holds for some arrivals; it sets their envelopes aside until officers decide, blind
running count  the live figures, seen by the jury alone
results        the published figures, and only those
closure, extension, publication    acts of officers on the contest
minute         one line of the public record of what was done, by whom, when and why
refusal        a rule said no: a status and one human sentence
receipt code   the voter's tracking code: proves presence, never the choice
"""
