"""`python -m vote`, for platforms that run a checkout without installing it."""

from vote.cli import main

main()
