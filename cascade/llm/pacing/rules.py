"""What a rule of the pacing edit is, and how one is applied to one sentence.

A rule is found by its first word, so a sentence costs one dictionary look-up a word however many
rules there are. The tables themselves are in `english` and `indonesian`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cascade.llm.pacing.text import Sentence, capitalised

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_LAST_WORD = re.compile(r"([^\W\d_]+(?:['’-][^\W\d_]+)*)[\s,]*\Z")


@dataclass(frozen=True, slots=True)
class Rule:
    """Replace a phrase: `pattern` must match at its first word, `not_after` bars a word before.

    An empty `replacement` takes the phrase out, with the space (or comma) that held it.
    """

    first: str
    pattern: re.Pattern[str]
    replacement: str
    not_after: frozenset[str] = frozenset()


def phrase(source: str, target: str, after: str = "", not_after: Iterable[str] = ()) -> Rule:
    """A rule for a fixed phrase (lower case); `after` is a regular expression of what must follow.

    Word boundaries are added; a hyphen counts as part of a word, so reduplicated words are safe.
    """
    pattern = re.compile(rf"{re.escape(source)}(?![\w'’-]){after}", re.IGNORECASE)
    return Rule(source.split(maxsplit=1)[0], pattern, target, frozenset(not_after))


def index(rules: Iterable[Rule]) -> dict[str, tuple[Rule, ...]]:
    """Rules by their first word, longest pattern first, so that a phrase wins over its start."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.first, []).append(rule)
    return {
        first: tuple(sorted(group, key=lambda rule: -len(rule.pattern.pattern)))
        for first, group in found.items()
    }


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction (rising or falling) of one language.

    `swaps` and `removals` are phrase rules by first word. `split` cuts a sentence in two or more
    (rising), `fuse` makes one sentence of two or gives None (falling), `insert` adds one breathing
    word (falling). Words of `keep_before` and `keep_after` beside a hedge keep it; a word of
    `negatives` before a verb keeps that; a `soft` word in a sentence keeps its verbs. A sentence
    that opens with one of `leads` leans on the one before: such pairs are joined first.
    """

    swaps: Mapping[str, tuple[Rule, ...]]
    removals: Mapping[str, tuple[Rule, ...]]
    keep_before: frozenset[str] = frozenset()
    keep_after: frozenset[str] = frozenset()
    articles: frozenset[str] = frozenset()
    negatives: frozenset[str] = frozenset()
    split: Callable[[str, bool], list[str] | None] | None = None
    fuse: Callable[[Sentence, Sentence, int, frozenset[str]], str | None] | None = None
    inserts: tuple[Insert, ...] = ()
    leads: frozenset[str] = frozenset()
    soft: frozenset[str] = frozenset()
    pronouns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Insert:
    """A breathing phrase: where `pattern` matches a sentence's start, `template` replaces it.

    The template may use `{who}`, `{low}` (the same in lower case) and `{verb}`. `mark` is what the
    phrase adds; a text that has it anywhere does not get it again.
    """

    mark: str
    pattern: re.Pattern[str]
    template: str


def swapped(text: str, direction: Direction, used: set[str]) -> str | None:
    """The sentence with one phrase swapped (the first that fits), or None where none does.

    A replacement in `used` is not taken again, and the one taken is added: twice is a tic.
    """
    low = text.lower()
    if direction.soft and any(word in low for word in direction.soft):
        return None
    for match in _WORD.finditer(text):
        for rule in direction.swaps.get(match.group().lower(), ()):
            hit = rule.pattern.match(text, match.start())
            if hit is None or _proper(text, match):
                continue
            before = _word_before(text, match.start())
            if before in rule.not_after or before in direction.negatives:
                continue
            if rule.replacement in used:
                continue
            used.add(rule.replacement)
            new = hit.expand(rule.replacement) if "\\" in rule.replacement else rule.replacement
            if match.group()[0].isupper():
                new = capitalised(new)
            head = _article(text[: match.start()], before, new, direction)
            return head + new + text[hit.end() :]
    return None


def _proper(text: str, match: re.Match[str]) -> bool:
    """A capital inside a sentence is a name; a word in capitals one too, or a sound to hear."""
    word = match.group()
    inside = word[0].isupper() and bool(text[: match.start()].strip("\"'“‘ "))
    return inside or (len(word) > 1 and word.isupper())


def _word_before(text: str, position: int) -> str:
    found = _LAST_WORD.search(text, max(0, position - 30), position)
    return found.group(1).lower() if found else ""


def _article(head: str, before: str, new: str, direction: Direction) -> str:
    if before not in direction.articles:
        return head
    old = head.rstrip()[-len(before) :]
    wanted = "an" if new[0].lower() in "aeiou" else "a"
    wanted = capitalised(wanted) if old[0].isupper() else wanted
    return head.rstrip()[: -len(before)] + wanted + head[len(head.rstrip()) :]


def thinned(text: str, direction: Direction) -> str | None:
    """The sentence without one hedge (the first that may go), or None where there is none."""
    for match in _WORD.finditer(text):
        for rule in direction.removals.get(match.group().lower(), ()):
            hit = rule.pattern.match(text, match.start())
            if hit is None or _proper(text, match):
                continue
            before = _word_before(text, match.start())
            if before in rule.not_after or before in direction.keep_before:
                continue
            result = _without(text, match.start(), hit.end(), direction)
            if result is not None:
                return result
    return None


def _without(text: str, start: int, end: int, direction: Direction) -> str | None:
    head, tail = text[:start], text[end:]
    after = _WORD.match(tail.lstrip(" ,"))
    if after and after.group().lower() in direction.keep_after:
        return None
    if not head.strip():
        rest = tail.lstrip(" ,")
        # A fragment of one or two words is left alone: the hedge may be all it says.
        return head + capitalised(rest) if len(rest.split()) > 2 else None
    if not head.endswith((" ", ", ")):
        return None
    if head.endswith(", "):
        # ", slowly," and ", slowly." held the hedge apart: its commas go with it.
        if tail[:1] == ",":
            return head[:-2] + tail[1:]
        if tail[:1] in {".", ";", "!", "?"}:
            return head[:-2] + tail
        # ", slowly turns" opens the next member: only the hedge goes.
        return head + tail.lstrip(" ") if tail[:1] == " " else None
    if tail[:1] == " ":
        return head + tail[1:]
    if tail[:1] in {".", ",", ";"} and len(head.split()) > 1:
        return head[:-1] + tail
    return None


def breathed(text: str, insert: Insert, direction: Direction, names: frozenset[str]) -> str | None:
    """The sentence with one breathing phrase, or None where it does not fit."""
    hit = insert.pattern.match(text)
    if hit is None:
        return None
    who, low = hit["who"], hit["who"].lower()
    # Only a pronoun loses its capital behind an opening phrase.
    low = low if low in direction.pronouns else who
    if who.lower() not in direction.pronouns and who not in names:
        return None
    return insert.template.format(who=who, low=low, verb=hit["verb"]) + text[hit.end() :]
