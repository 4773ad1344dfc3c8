"""Attackers' tools against the real site: see `make scan`."""
