"""The page of one story: head, curve, dialog, beats."""
