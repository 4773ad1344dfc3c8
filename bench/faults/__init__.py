"""Voting days on which everything breaks: processes die, disks fill, clocks jump, the post is gone, and people vote."""
