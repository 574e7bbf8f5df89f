"""The rows and rules of a run: start, steps, events, restore, and reading them. Knows no DBOS."""
