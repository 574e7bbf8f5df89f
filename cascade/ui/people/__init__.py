"""The page of people: who is what in which project, and their tokens."""
