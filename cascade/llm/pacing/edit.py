"""The pacing edit: the previous text, tightened where tension rises, loosened where it falls.

Rules only: sentences are cut or joined, hedges and verbs swapped from curated tables, and one line
says what the beat now does. It invents no names, props or events, is the same for the same brief,
never gives back the text it got, and replaces its own line instead of adding another, so that a
text edited again and again stays its size.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import assert_never

from cascade.llm.pacing import draft, english, indonesian, script
from cascade.llm.pacing.lines import ALL_TAILS, PROSE, lines_for, tails_for
from cascade.llm.pacing.rules import Direction, breathed, swapped, thinned
from cascade.llm.pacing.text import (
    Sentence,
    ended,
    join,
    paragraphs,
    sentences,
    words,
)
from cascade.story import kinds
from cascade.story.brief import Brief
from cascade.story.story import Language
from cascade.story.structures import STRUCTURES
from cascade.story.tension import HIGHEST, LOWEST

_DIRECTIONS: dict[Language, tuple[Direction, Direction]] = {
    "en": (english.RISING, english.FALLING),
    "id": (indonesian.RISING, indonesian.FALLING),
}
# Of the sentences a rule fits, the share that is edited, by how far the level moves.
_SHARE = (0.15, 0.25, 0.5, 0.75, 1.0)
# The length in words from which a sentence is cut, and up to which two are joined, by new level.
_CUT_FROM = {1: 16, 2: 14, 3: 12, 4: 9, 5: 6}
_JOIN_TO = {1: 26, 2: 24, 3: 20, 4: 17, 5: 14}
# A text of many thousand sentences is edited in this many places, to keep the edit quick.
_MOST = 400
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True, slots=True)
class Pace:
    """How one text is edited: which way, how much, and by which dice. `delta` is 0-4."""

    language: Language
    rising: bool
    level: int
    delta: int
    script: bool
    names: frozenset[str]
    dice: random.Random

    @property
    def direction(self) -> Direction:
        """The tables of this language and direction."""
        return _DIRECTIONS[self.language][0 if self.rising else 1]

    def some(self, count: int) -> set[int]:
        """Which of `count` possible edits are made; at least one where there is one."""
        wanted = min(_MOST, math.ceil(count * _SHARE[self.delta]))
        return set(self.dice.sample(range(count), wanted))


def _pace(brief: Brief) -> Pace:
    new = min(max(brief.new_level, LOWEST), HIGHEST)
    old = min(max(brief.previous_level, LOWEST), HIGHEST)
    parts = (brief.seed, brief.kind, brief.beat_key, brief.scene_number, old, new, brief.old_text)
    digest = hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).digest()
    return Pace(
        language=brief.language if brief.language in _DIRECTIONS else "en",
        # A level that does not move is edited toward the side it is already on.
        rising=new > old or (new == old and new >= 3),
        level=new,
        delta=abs(new - old),
        script=kinds.row(brief.kind).form == "fountain",
        names=_names(brief),
        dice=random.Random(int.from_bytes(digest)),
    )


def _names(brief: Brief) -> frozenset[str]:
    """The words that keep their capital in the middle of a sentence of this story."""
    sources = (brief.old_text, brief.synopsis, brief.source("prose"), brief.source("plot"))
    return frozenset(word for source in sources for word in _NAME.findall(source))


def edited(brief: Brief) -> str:
    """The new text of one brief: never empty, never the old text. Raises nothing."""
    pace = _pace(brief)
    old = brief.old_text
    lines = _in_turn(lines_for(brief.kind, pace.language, brief.beat_key, pace.rising), brief)
    if not old.strip():
        return draft.drafted(brief, pace.language, lines[0])
    finish: Callable[[str], str]
    form = kinds.row(brief.kind).form
    match form:
        case "fountain":
            body = script.bare(old)
            body = script.rewritten(body, lambda texts: _repaced(texts, pace))
            if pace.rising:
                body = script.spread(body, pace.some, thorough=pace.delta > 2)
            else:
                body = script.gathered(body, pace.some)

            def finish(line: str) -> str:
                return script.closed(body, line)

        case "action":
            action = _key_action(old, pace)
            if len(sentences(action)) > 1:
                lines = _in_turn(tails_for(pace.language, pace.rising), brief)

            def finish(line: str) -> str:
                return _with_tail(action, line) if line.startswith(" ") else _closed(action, line)

        case "prose" | "plot":
            prose = _prose(_bare(old), pace)

            def finish(line: str) -> str:
                return _closed(prose, line)

        case _:
            assert_never(form)

    # A line that stands in the text already would make the edit smaller than it has to be.
    lines.sort(key=lambda line: line in old)
    return next(text for text in map(finish, lines) if text != old)


def _in_turn(lines: Sequence[str], brief: Brief) -> list[str]:
    """The lines from another start for each seed, and for each scene or beat of one run.

    Drawn one by one, neighbouring scenes would often end alike.
    """
    start = hashlib.sha256(f"{brief.seed} {brief.kind}".encode("utf-8", "backslashreplace"))
    beats = STRUCTURES[brief.structure_type].keys if brief.structure_type in STRUCTURES else ()
    place = beats.index(brief.beat_key) if brief.beat_key in beats else 0
    first = (start.digest()[0] + (brief.scene_number or place)) % len(lines)
    return [*lines[first:], *lines[:first]]


def _prose(text: str, pace: Pace) -> str:
    pieces: list[str] = []
    for place, paragraph in enumerate(paragraphs(text)):
        pieces += re.split(r"(\n)", paragraph) if place % 2 == 0 else [paragraph]
    texts = [place for place, piece in enumerate(pieces) if piece.strip()]
    for place, new in zip(texts, _repaced([pieces[p] for p in texts], pace), strict=True):
        pieces[place] = new
    return "".join(pieces)


def _bare(text: str) -> str:
    """The text without the closing line of an earlier edit."""
    body = text.rstrip()
    for line in PROSE:
        if body.endswith(line) and not body[: -len(line)].rstrip(" \t")[-1:].isalnum():
            return body[: -len(line)].rstrip(" \t") + text[len(body) :]
    return text


def _closed(text: str, line: str) -> str:
    """The text with a closing line at the end of its last paragraph."""
    body = text.rstrip()
    if not body:
        return text + line
    # A last paragraph that was nothing but the old line is empty now: the new line fills it.
    fresh = "\n" in text[len(body) :] and _opens_paragraph(text[len(body) :])
    if fresh:
        return text + line
    return f"{ended(body)} {line}{text[len(body) :]}"


def _opens_paragraph(tail: str) -> bool:
    return tail.count("\n") > 1


def _key_action(text: str, pace: Pace) -> str:
    """A key action's own sentences, edited: two at most, whatever it had."""
    body = _bare(text.strip())
    stem, mark = _parted(body)
    for tail in ALL_TAILS:
        if stem.endswith(tail):
            body = stem.removesuffix(tail) + mark
            break
    parts = sentences(body)
    if not (pace.rising and len(parts) > 1):
        body = _repaced([body], pace, cuts=1)[0]
        parts = sentences(body)
    elif len(parts) > 1:
        body = _repaced([body], pace, cuts=0)[0]
        parts = sentences(body)
    if len(parts) > 2:
        middle = [part.text.rstrip(".") for part in parts[1:-1]]
        rest = "; ".join([*middle, parts[-1].text])
        return f"{parts[0].text} {rest}"
    return body.strip()


def _with_tail(text: str, tail: str) -> str:
    stem, mark = _parted(text)
    return f"{stem}{tail}{mark or '.'}"


def _parted(text: str) -> tuple[str, str]:
    """A text and the stops and closing brackets at its end."""
    stem = text.rstrip(")").rstrip(".!?…")
    return stem, text[len(stem) :]


def _repaced(texts: list[str], pace: Pace, cuts: int | None = None) -> list[str]:
    """The texts (lines of one piece) with the pace changed; as many texts, in the same order.

    `cuts` is how often one sentence may be cut; by default it grows with the change of level.
    """
    units = [sentences(text) for text in texts]
    if pace.rising:
        most = (2 if pace.delta > 2 else 1) if cuts is None else cuts
        _rewrite(units, pace, lambda sentence, used: _tightened(sentence, pace, most, used))
    else:
        _rewrite(units, pace, lambda sentence, used: _calmed(sentence, pace, used))
        _breathe(units, texts, pace)
        _fuse(units, pace)
    return [join(unit) for unit in units]


def _rewrite(
    units: list[list[Sentence]], pace: Pace, change: Callable[[Sentence, set[str]], str | None]
) -> None:
    places = [(u, s) for u, unit in enumerate(units) for s in range(len(unit))]
    if len(places) > _MOST:
        places = sorted(pace.dice.sample(places, _MOST))
    found = [
        (u, s) for u, s in places if units[u][s].editable and change(units[u][s], set()) is not None
    ]
    used: set[str] = set()
    for number in sorted(pace.some(len(found))):
        u, s = found[number]
        new = change(units[u][s], used)
        if new is not None:
            units[u][s] = Sentence(new, units[u][s].gap)


def _tightened(sentence: Sentence, pace: Pace, cuts: int, used: set[str]) -> str | None:
    text = sentence.text
    thin = thinned(text, pace.direction)
    text = thin or text
    sharp = swapped(text, pace.direction, used)
    text = sharp or text
    split = pace.direction.split
    pieces = [text]
    for _ in range(cuts if split else 0):
        last = pieces[-1]
        more = split(last, pace.script) if split and len(last.split()) >= _cut_from(pace) else None
        if more is None:
            break
        pieces[-1:] = more
    new = " ".join(pieces)
    return new if new != sentence.text else None


def _cut_from(pace: Pace) -> int:
    # Action lines are short already: what counts as long there is less.
    return max(6, _CUT_FROM[pace.level] - (3 if pace.script else 0))


def _calmed(sentence: Sentence, pace: Pace, used: set[str]) -> str | None:
    thin = thinned(sentence.text, pace.direction)
    calm = swapped(thin or sentence.text, pace.direction, used)
    return calm or thin


def _breathe(units: list[list[Sentence]], texts: Iterable[str], pace: Pace) -> None:
    """Adds breathing words, each at most once a text: more would read as a tic."""
    known = "\n".join(texts).lower()
    inserts = [i for i in pace.direction.inserts if i.mark.lower() not in known]
    pace.dice.shuffle(inserts)
    taken: set[tuple[int, int]] = set()
    for insert in inserts[: pace.delta]:
        fits = [
            (u, s, new)
            for u, unit in enumerate(units)
            for s, sentence in enumerate(unit)
            if sentence.editable
            and (u, s) not in taken
            # Nothing has happened yet that a moment could follow.
            and ((u, s) != (0, 0) or insert.template.startswith("{who}"))
            and not any(word in sentence.text.lower() for word in _hushes(pace))
            and (new := breathed(sentence.text, insert, pace.direction, pace.names)) is not None
        ]
        if fits:
            u, s, new = pace.dice.choice(fits)
            taken.add((u, s))
            units[u][s] = Sentence(new, units[u][s].gap)


def _hushes(pace: Pace) -> frozenset[str]:
    return _DIRECTIONS[pace.language][0].soft


def _fuse(units: list[list[Sentence]], pace: Pace) -> None:
    fuse = pace.direction.fuse
    if fuse is None:
        return
    found: list[tuple[int, int, str]] = []
    for u, unit in enumerate(units):
        fits: list[tuple[bool, int, str]] = []
        for s, (first, second) in enumerate(pairwise(unit)):
            if first.editable and second.editable:
                new = fuse(first, second, _JOIN_TO[pace.level], pace.names)
                if new is not None:
                    leans = words(second.text)[0] in pace.direction.leads
                    fits.append((not leans, s, new))
        taken: set[int] = set()
        for _, s, new in sorted(fits):
            # Overlapping pairs would chain three statements into one breathless sentence.
            if not taken & {s, s + 1}:
                taken |= {s, s + 1}
                found.append((u, s, new))
    found.sort()
    # From the end, so that the places before stay what they were.
    for number in sorted(pace.some(len(found)), reverse=True):
        u, s, new = found[number]
        units[u][s : s + 2] = [Sentence(new, units[u][s + 1].gap)]
