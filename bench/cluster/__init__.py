"""The documented cluster on one machine: its servers die, are cut off and change roles, and people vote."""
