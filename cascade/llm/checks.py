"""The least a text must be before it may be saved. One plain reason otherwise."""

from __future__ import annotations

import math
import operator
import re
from collections import Counter
from itertools import pairwise
from typing import assert_never

from cascade.llm.flaws import Flaw
from cascade.llm.languages import in_language
from cascade.llm.lengths import length_allowed
from cascade.llm.remarks import is_preamble, is_refusal
from cascade.llm.screenplay import check_script
from cascade.story import kinds
from cascade.story.brief import Brief
from cascade.story.kinds import Form
from cascade.story.limits import LIMITS

__all__ = ["check", "is_refusal"]

# Of two texts' words, in order: more than this share in common is the same text.
_SAME = 0.95
# How far two texts are compared: steps that their words are worth, and some for short ones.
_STEPS_A_WORD, _FEWEST_STEPS = 10, 50_000

_FENCE = re.compile(r"^[^\S\n]*(?:```|~~~)", re.MULTILINE)
_HEADING = re.compile(r"^(?:#{1,6} .*|\*\*[^*\n]+\*\*:?[^\S\n]*)$", re.MULTILINE)
_ITEM = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)]) ")
_MARKS = re.compile(r"<{3}|>{3}|</?think")
_ESCAPES = re.compile(r'\\[n"]')
# The CJK ones so that such a text is told by its language.
_ENDS = ".!?…。！？"
_SCRIPT_ENDS = (*_ENDS, ":", "—", "–", "-", "<")
_CLOSERS = "\"'”’»)]*_"
# English, then Indonesian.
_ABBREVIATIONS = """dr mr mrs ms st jr sr prof no vs col gen lt sgt capt
    jl gg hj ir drs dra sdr bpk kol jend"""
_NOT_AN_END = frozenset(_ABBREVIATIONS.split())


def check(brief: Brief, text: str) -> Flaw | None:
    """Why `text` may not be saved for that brief; None if it may.

    The work grows with the text's length and no faster, whatever is in it: what it is first looked
    at for is its size.
    """
    if not text.strip():
        return Flaw("empty")
    if len(text) > (most := LIMITS[brief.kind]):
        return Flaw("too_large", {"count": len(text), "high": most})
    if is_refusal(text):
        return Flaw("refusal")
    if (flaw := _check_length(brief, text)) and flaw.name == "too_long":
        return flaw
    for name, pattern in (("fence", _FENCE), ("marks", _MARKS), ("escapes", _ESCAPES)):
        if pattern.search(text) and not pattern.search(brief.old_text):
            return Flaw(name)
    if is_preamble(text) and not is_preamble(brief.old_text):
        return Flaw("preamble")
    return (
        _check_form(brief, text)
        or _check_language(brief, text)
        or _check_end(brief, text)
        or flaw
        or _check_novelty(brief, text)
    )


def _check_form(brief: Brief, text: str) -> Flaw | None:
    form = kinds.row(brief.kind).form
    if form == "fountain":
        return check_script(brief, text)
    if _is_marked_up(text) and not _is_marked_up(brief.old_text):
        return Flaw("heading")
    match form:
        case "prose":
            count = _paragraphs(text)
            return None if 2 <= count <= 3 else Flaw("paragraphs", {"count": count})
        case "action":
            count = _sentences(text)
            return None if count <= 2 else Flaw("sentences", {"count": count})
        case "plot":
            return None
        case _:
            assert_never(form)


def _is_marked_up(text: str) -> bool:
    """True where prose has a Markdown heading in it, or a list of two items or more."""
    items = [_ITEM.match(line) is not None for line in text.split("\n") if line.strip()]
    return _HEADING.search(text) is not None or any(map(operator.and_, items, items[1:]))


def _check_language(brief: Brief, text: str) -> Flaw | None:
    if in_language(text, brief.language, brief.kind):
        return None
    return Flaw("language", {"language": brief.language})


def _check_end(brief: Brief, text: str) -> Flaw | None:
    """Whether the last sentence is finished; doing without a full stop may be the old habit."""
    form = kinds.row(brief.kind).form
    if _ended(text, form):
        return None
    habit = form == "action" or (form == "fountain" and brief.old_text.strip())
    if habit and not _ended(brief.old_text, form):
        return None
    return Flaw("cut_off")


def _ended(text: str, form: Form) -> bool:
    text = text.strip()
    if form != "fountain":
        return _ends_in(text, tuple(_ENDS))
    last = text.rpartition("\n")[2].strip()
    # "THE END", a shout, a song.
    return _ends_in(last, _SCRIPT_ENDS) or last == last.upper() or last[0] == "~"


def _ends_in(text: str, marks: tuple[str, ...]) -> bool:
    """True where one of the marks is the last sign but quotes, brackets and emphasis."""
    return text.rstrip(_CLOSERS).endswith(marks)


def _check_length(brief: Brief, text: str) -> Flaw | None:
    low, high = length_allowed(brief)
    count = len(text.split())
    if low <= count <= high:
        return None
    counts = {"count": count, "low": low, "high": high}
    return Flaw("too_short" if count < low else "too_long", counts)


def _check_novelty(brief: Brief, text: str) -> Flaw | None:
    if brief.stays:
        return None  # Under a level that stays, a text may turn out to fit nearly as it is.
    old, new = _folded(brief.old_text), _folded(text)
    if old == new:
        return Flaw("unchanged")
    both = len(old) + len(new)
    most = math.ceil(both * (1 - _SAME)) - 1
    return Flaw("hardly_changed") if _within(old, new, most) else None


def _within(old: list[str], new: list[str], most: int) -> bool:
    """True where at most so many words were taken out or put in (Myers' greedy difference).

    Not difflib: a model that goes round in circles makes that take minutes. Where it would take
    more steps than the texts' length allows, they count as two texts.
    """
    counts = Counter(old)
    counts.subtract(new)
    if sum(map(abs, counts.values())) > most:  # quick, and right about nearly every new text
        return False
    steps = _FEWEST_STEPS + _STEPS_A_WORD * (len(old) + len(new))
    furthest = {1: 0}  # by diagonal: how far into the old text
    for edits in range(most + 1):
        for diagonal in range(-edits, edits + 1, 2):
            below, above = furthest.get(diagonal - 1, -1), furthest.get(diagonal + 1, -1)
            at = start = above if below < above else below + 1
            while at < len(old) and at - diagonal < len(new) and old[at] == new[at - diagonal]:
                at += 1
            furthest[diagonal] = at
            if at >= len(old) and at - diagonal >= len(new):
                return True
            steps -= 1 + at - start
            if steps < 0:
                return False
    return False


def _folded(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def _paragraphs(text: str) -> int:
    by_empty_line = [part for part in re.split(r"\n[^\S\n]*\n", text) if part.strip()]
    if len(by_empty_line) > 1:
        return len(by_empty_line)
    # Some models part paragraphs by a single line end.
    return sum(1 for line in text.splitlines() if line.strip())


def _sentences(text: str) -> int:
    words = text.split()
    ends = [
        place
        for place, (word, following) in enumerate(pairwise([*words, ""]))
        if (bare := _before_the_stop(word)) and (not following or _is_end(bare, following))
    ]
    return len(ends) + (not ends or ends[-1] < len(words) - 1)


def _before_the_stop(word: str) -> str:
    """A word without the full stop after it; "" for a word that has none."""
    word = word.rstrip("\"'”’»)]")
    bare = word.rstrip(".!?…")
    return "" if bare == word else bare or word[:-1]


def _is_end(word: str, following: str) -> bool:
    """Tells a full stop from an abbreviation, an initial, and a question inside a sentence."""
    bare = word.strip("\"'“‘(«[").lower()
    if bare in _NOT_AN_END or (len(bare) == 1 and bare.isalpha()):
        return False
    return not following.lstrip("\"'“‘(«[-–—")[:1].islower()
