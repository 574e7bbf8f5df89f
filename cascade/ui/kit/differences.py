"""Two versions of a text, word by word: what went and what came. Pure values and their HTML."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

from markupsafe import Markup

from cascade.ui.kit.html import render

# A word carries the blanks after it; a break between lines is a token of its own.
_TOKENS = re.compile(r"\S+[^\S\n]*|\n\s*|[^\S\n]+")
# Fewer kept words than this between two changes are a coincidence ("the"), not a place to rest.
_FEWEST_KEPT = 2
# How far difflib may go for one pair of versions: a few tenths of a second.
_MOST_STEPS = 20_000_000


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the two versions: the same words in both, or what went and what came."""

    old: str
    new: str
    kept: bool


def differences(old: str, new: str) -> list[Part]:
    """The two versions as stretches that are kept or changed, in turn."""
    before, after = _TOKENS.findall(old), _TOKENS.findall(new)
    parts: list[Part] = []
    went: list[str] = []
    came: list[str] = []

    def close() -> None:
        if went or came:
            parts.append(Part("".join(went), "".join(came), kept=False))
            went.clear()
            came.clear()

    a = c = 0
    for one, other, size in _joined(_matches(_words(before), _words(after))):
        went += before[a:one]
        came += after[c:other]
        a, c = one + size, other + size
        same = before[one:a]
        changed = bool(went or came)
        last = a == len(before) and c == len(after)
        if changed and _is_slight(same) and not last:
            # Drawn into the change before it; the change after it then goes on from there.
            went += same
            came += after[other:c]
        elif same:
            close()
            parts.append(Part("".join(same), "".join(after[other:c]), kept=True))
    close()
    return parts


class _Stretch(NamedTuple):
    """A part as one version shows it: what is marked, and what stands unmarked around that."""

    before: str
    marked: str
    after: str


def side_by_side(old: str, new: str, titles: tuple[str, str], css_class: str = "") -> Markup:
    """Both versions as HTML, one beside the other, with what went and what came marked."""
    parts = differences(old.strip(), new.strip())
    return render(
        "kit/versions",
        titles=titles,
        old=[_stretch(part.old, part) for part in parts],
        new=[_stretch(part.new, part) for part in parts],
        style=css_class,
    )


def _matches(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int]]:
    """Where both have the same words: places in both and how many, in order.

    The last one, which may be empty, ends where both end. Lines that each version has once hold
    the two together; between them difflib compares, as far as that is worth its time: what goes
    round in circles would take it minutes, and is shown as changed whole.
    """
    budget = _MOST_STEPS
    at = beside = 0
    for one, other in [*_anchors(old, new), (len(old), len(new))]:
        size_old, size_new = one - at, other - beside
        start = _common(old, new, at, beside, min(size_old, size_new))
        if start:
            yield at, beside, start
        end = _common(old, new, one - 1, other - 1, min(size_old, size_new) - start, step=-1)
        left, right = old[at + start : one - end], new[beside + start : other - end]
        steps = _steps(left, right)
        if left and right and steps <= budget:
            budget -= steps
            matcher = SequenceMatcher(None, left, right, autojunk=False)
            for block in matcher.get_matching_blocks()[:-1]:
                yield at + start + block.a, beside + start + block.b, block.size
        if end:
            yield one - end, other - end, end
        at, beside = one, other
    yield len(old), len(new), 0


def _joined(matches: Iterable[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
    """The same matches, such as follow one another without a word between as one."""
    a = b = size = 0
    for one, other, more in matches:
        if (one, other) != (a + size, b + size):
            yield a, b, size
            a, b, size = one, other, 0
        size += more
    yield a, b, size


def _common(
    old: Sequence[str], new: Sequence[str], a: int, b: int, most: int, step: int = 1
) -> int:
    """How many words are the same from these two places on, `most` at most."""
    size = 0
    while size < most and old[a + size * step] == new[b + size * step]:
        size += 1
    return size


def _steps(old: Sequence[str], new: Sequence[str]) -> int:
    """How long difflib may take: it looks at each pair of equal words again for each match."""
    counts = Counter(new)
    return sum(counts[word] for word in old) * (min(len(old), len(new)) + 1)


def _anchors(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Where lines begin that both have once, in the same order in both, as many as there can be.

    None for texts that are short enough without.
    """
    if _steps(old, new) <= _MOST_STEPS:
        return []
    once_old, once_new = _lines_once(old), _lines_once(new)
    pairs = sorted((once_old[line], once_new[line]) for line in once_old.keys() & once_new.keys())
    # The longest rising sequence of places in the new version, by patience sorting.
    tops: list[int] = []
    piles: list[int] = []
    before: list[int] = []
    for place, (_, other) in enumerate(pairs):
        pile = bisect_left(tops, other)
        tops[pile : pile + 1] = [other]
        piles[pile : pile + 1] = [place]
        before.append(piles[pile - 1] if pile else -1)
    found: list[tuple[int, int]] = []
    place = piles[-1] if piles else -1
    while place >= 0:
        found.append(pairs[place])
        place = before[place]
    return found[::-1]


def _lines_once(words: Sequence[str]) -> dict[str, int]:
    """The lines that are there once, and where they begin."""
    places: dict[str, int] = {}
    counts: Counter[str] = Counter()
    start = 0
    for place, word in enumerate([*words, "\n"]):
        if word.startswith("\n"):
            line = " ".join(words[start:place])
            counts[line] += 1
            places[line] = start
            start = place + 1
    return {line: place for line, place in places.items() if line and counts[line] == 1}


def _words(tokens: Sequence[str]) -> list[str]:
    """Tokens as they are compared: how many blanks stand between two words is no change."""
    return [token.strip() or "\n" * token.count("\n") for token in tokens]


def _is_slight(tokens: Sequence[str]) -> bool:
    """Whether a kept stretch is too short to be read as kept; a line's end is always worth it."""
    words = _words(tokens)
    return "\n" not in "".join(words) and sum(map(bool, words)) < _FEWEST_KEPT


def _stretch(words: str, part: Part) -> _Stretch:
    marked = words.strip()
    if part.kept or not words:
        return _Stretch(words, "", "")
    if not marked:
        # A break between lines that went or came would not be seen by itself.
        return _Stretch("", "¶", words) if "\n" in words else _Stretch(words, "", "")
    # White space at the edges would be underlined and struck through.
    at = words.index(marked)
    return _Stretch(words[:at], marked, words[at + len(marked) :])
