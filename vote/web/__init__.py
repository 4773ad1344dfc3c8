"""The doors of the polling station: everything that speaks HTTP."""
