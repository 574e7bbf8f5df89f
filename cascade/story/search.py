"""Finding words in a story: which of its texts have them, and how they stand there."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS, Kind
from cascade.story.piece import Piece
from cascade.story.story import Scene, Story

# What of a text stands beside the words that were found: signs before and after them.
BEFORE, AFTER = 60, 100
# The marks that a letter of European languages may wear. Those of other scripts are their vowels.
_ACCENTS = re.compile("[\u0300-\u036f]")
# One sign is typed, another one is set.
_TYPED = str.maketrans("‘’‚“”„«»‐‑‒–—―", '\'\'\'"""""------')


@dataclass(frozen=True, slots=True)
class Hit:
    """A text that has the words: where it stands, how often it has them, and how the first time.

    `beat_key` is empty for a scene that hangs off no beat; `scene` is None for a beat's own text.
    `before`, `found` and `after` are one line of the text, its spaces and breaks made one space
    each.
    """

    beat_key: str
    scene: Scene | None
    kind: Kind
    times: int
    before: str
    found: str
    after: str


def search(story: Story, words: str, most: int) -> tuple[list[Hit], int]:
    """The texts that have `words` one after the other, in story order, and how many there are.

    At most so many of them are listed. Case, accents, line breaks and which quotation mark or dash
    it is do not matter.
    """
    wanted = _fold(_line(words)).strip()
    hits: list[Hit] = []
    count = 0
    if not wanted:
        return hits, count
    for beat_key, scene, kind, text in _texts(story):
        line = _line(text)
        times = _fold(line).count(wanted)
        count += bool(times)
        if times and len(hits) < most:
            hits.append(Hit(beat_key, scene, kind, times, *_around(line, wanted)))
    return hits, count


def _texts(story: Story) -> Iterator[tuple[str, Scene | None, Kind, str]]:
    keys = story.structure.keys
    for beat_key in keys:
        for kind in BEAT_KINDS:
            yield beat_key, None, kind, story.text(Piece(beat_key, kind))
        for scene in story.scenes_of(beat_key):
            for scene_kind in SCENE_KINDS:
                yield beat_key, scene, scene_kind, scene.text(scene_kind)
    for scene in story.scenes:
        if scene.beat_key not in keys:
            for scene_kind in SCENE_KINDS:
                yield "", scene, scene_kind, scene.text(scene_kind)


def _line(text: str) -> str:
    """A text on one line: its spaces and breaks made one space each."""
    return " ".join(text.split())


def _fold(line: str) -> str:
    """A line as it is compared, by Unicode's decomposition (UAX 15) and case folding."""
    if line.isascii():
        return line.lower()
    line = _ACCENTS.sub("", unicodedata.normalize("NFD", line))
    return line.translate(_TYPED).casefold()


def _around(line: str, wanted: str) -> tuple[str, str, str]:
    """The words where they stand first, as they are written, and what stands around them."""
    # Folded sign by sign, each knows where it comes from.
    folded = [(sign, at) for at, one in enumerate(line) for sign in _fold(one)]
    begin = "".join(sign for sign, _ in folded).index(wanted)
    first, last = folded[begin][1], folded[begin + len(wanted) - 1][1] + 1
    while last < len(line) and _ACCENTS.match(line[last]):
        last += 1
    return _end_of(line[:first]), line[first:last], _beginning_of(line[last:])


def _end_of(words: str) -> str:
    if len(words) <= BEFORE:
        return words
    cut = words[-BEFORE:]
    return "…" + (cut[cut.index(" ") :].lstrip() if " " in cut.rstrip() else cut)


def _beginning_of(words: str) -> str:
    if len(words) <= AFTER:
        return words
    cut = words[:AFTER]
    return (cut[: cut.rindex(" ")] if " " in cut.lstrip() else cut) + "…"
