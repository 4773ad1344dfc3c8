"""How much of a cheat gets through, and what honest people feel of the guard: the whole contest of 2019, simulated."""
