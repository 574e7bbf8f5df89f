"""The page of all runs of one's projects."""
