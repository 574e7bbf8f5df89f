"""How long a text should be, and how long it may be, in words."""

from __future__ import annotations

from cascade.story import kinds
from cascade.story.brief import Brief

# Fewer than these are a note and no text ("to be written").
_NOTE = 6
_SHORTEST, _LONGEST = 0.4, 2.5
# More pressure needs no more words.
_LOW, _HIGH = 0.75, 1.35


def length_wanted(brief: Brief) -> tuple[int, int]:
    """How many words to ask for, at least and at most: near the old text's where there is one."""
    old = len(brief.old_text.split())
    row = kinds.row(brief.kind)
    if old < row.measured_from:
        return row.words
    return round(old * _LOW), round(old * _HIGH)


def length_allowed(brief: Brief) -> tuple[int, int]:
    """How many words may be saved: 0.4 to 2.5 times the old text's, or the usual number's.

    A short old text may stay short, and may grow to what is usual.
    """
    row = kinds.row(brief.kind)
    low, high = row.words
    old = len(brief.old_text.split())
    if old >= row.measured_from:
        low = high = old
    elif old >= _NOTE:
        low = min(low, old)
    # Up and down to whole words, so that a text of just 0.4 times the length passes.
    return -int(-_SHORTEST * low // 1), int(_LONGEST * high)
