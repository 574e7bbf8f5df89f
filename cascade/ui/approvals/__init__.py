"""The page of requests: what waits for a decision, and the decision."""
