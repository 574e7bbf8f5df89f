"""What is out of date, and why: derived from the texts and from what each was made from.

A text is made from all that stands above it: its beat's level, beat content and key action, its
scene's plot, for shots its script too. It is out of date where nothing that is known of its very
bytes was made from what stands there today, or where something above it is out of date. So the same
texts carry the same marks, whatever the order in which they came to stand there.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from cascade.story import kinds
from cascade.story.kinds import KINDS, Kind
from cascade.story.piece import Piece
from cascade.story.story import Scene, Story, digest
from cascade.story.tension import LEVELS

# What a text is made from, by its place: the level of its beat, or a kind of text above it.
Source = Literal["level", Kind]
# The digests of sources, by their place: so they hold when a scene is given another number.
Sources = Mapping[str, str]
# In the sources of a text that a version before this one had marked: the run that it was for.
MARKED_FOR = "markedFor"


@dataclass(frozen=True, slots=True)
class Made:
    """What is known of some bytes: what they were made from, or only who put them there, and when.

    `sources` are None where that is not known; `by` is the name of a person. `is_found`: they
    were there when Cascade first looked, and nobody knows who made them, or when.
    """

    digest: str
    sources: Sources | None
    at: datetime
    by: str = ""
    run_id: str = ""
    is_found: bool = False


@dataclass(frozen=True, slots=True)
class Stale:
    """Why a text is out of date.

    `level`: its beat's level is another one than it was written for (`before` and `now`);
    `source`: the text at `source` is another one; `above`: that one is itself out of date;
    `marked`: a version before this one had marked it. `since` and `by` say who changed that and
    when; both are unknown where it was changed outside Cascade.
    """

    cause: Literal["level", "source", "above", "marked"]
    source: Source | None = None
    before: int | None = None
    now: int | None = None
    since: datetime | None = None
    by: str = ""
    run_id: str = ""

    def describe(self) -> str:
        """The reason in words, for messages."""
        source = None if self.source == "level" else self.source
        noun = kinds.row(source).noun if source is not None else "level"
        match self.cause:
            case "level":
                what = f"the beat's level went from {self.before} to {self.now}"
            case "source":
                what = f"the {noun} above it is another one"
            case "above":
                return f"the {noun} above it is out of date"
            case "marked":
                return "a run that changed its beat did not reach it"
            case _:
                assert_never(self.cause)
        if self.since is None:
            return f"{what}, changed outside Cascade"
        return f"{what} {'on' if self.cause == 'level' else 'since'} {self.since:%-d %b %Y}"


def sources_of(piece: Piece) -> tuple[Source, ...]:
    """What stands above a piece, from the level down."""
    if piece.kind == "level":
        return ()
    if piece.kind == "shots":
        return ("level", *KINDS)
    return ("level", *kinds.row(piece.kind).written_from)


def marked_pieces(story: Story, beat_key: str) -> Iterator[Piece]:
    """The pieces under a beat that may be out of date, in the order of the cascade, then shots."""
    yield from (one for one in story.pieces_of(beat_key) if story.why_unreadable(one) is None)
    for scene in story.planned_scenes(beat_key):
        if scene.shots:
            yield Piece(beat_key, "shots", scene.number)


def digest_of(story: Story, piece: Piece) -> str:
    """The digest of what stands at a piece, a level or shots; of nothing that can be read, too."""
    if piece.kind == "level":
        unreadable = str(piece) in story.unreadable
        return digest("?" if unreadable else str(story.curve[piece.beat]))
    if piece.kind == "shots":
        scene = story.scene_of(piece)
        return digest_of_shots(scene) if scene is not None else digest("?")
    return digest("?" if story.why_unreadable(piece) else story.text(piece))


def digest_of_shots(scene: Scene) -> str:
    """The digest of a scene's shots, by their values."""
    return digest(json.dumps(list(scene.shots), ensure_ascii=False, sort_keys=True))


def standing(story: Story, piece: Piece) -> dict[str, str]:
    """The digests of what stands above a piece today, by place."""
    return {source: digest_of(story, place(piece, source)) for source in sources_of(piece)}


def place(piece: Piece, source: Source) -> Piece:
    """The piece that a source of another one is."""
    return Piece(piece.beat, "level") if source == "level" else piece.beside(source)


def out_of_date(story: Story, made: Mapping[str, Sequence[Made]]) -> dict[str, Stale]:
    """The pieces that are out of date, each with the reason, by key.

    `made` says of keys what is known of them, the newest last. Bytes of which nothing is known
    count as made from what stands there today.
    """
    found: dict[str, Stale] = {}
    for beat_key in story.structure.keys:
        for piece in marked_pieces(story, beat_key):
            stale = _why(story, piece, made, found)
            if stale is not None:
                found[str(piece)] = stale
    return found


def rewritable(found: Iterable[str], beat_keys: Collection[str]) -> list[str]:
    """Of the keys of what is out of date the texts under some beats: shots are never planned."""
    pieces = map(Piece.parse, found)
    return [str(one) for one in pieces if one.kind in KINDS and one.beat in beat_keys]


def price(keys: Iterable[str]) -> int:
    """What rewriting some texts costs, in credits."""
    return sum(kinds.row(Piece.parse(key).text_kind).credits for key in keys)


def makings(story: Story, piece: Piece, made: Mapping[str, Sequence[Made]]) -> list[Made]:
    """What is known that the bytes of a piece were made from, the newest last."""
    known = made.get(str(piece))
    own = digest_of(story, piece) if known else ""
    return [one for one in known or () if one.digest == own and one.sources is not None]


def _why(
    story: Story,
    piece: Piece,
    made: Mapping[str, Sequence[Made]],
    above: Mapping[str, Stale],
) -> Stale | None:
    known = makings(story, piece, made)
    if known:
        today = standing(story, piece)
        if not any(_stand(one.sources or {}, today) for one in known):
            return _difference(story, piece, known[-1], today, made)
    for source in sources_of(piece):
        why = above.get(str(place(piece, source)))
        if why is not None:
            return Stale("above", source, since=why.since, by=why.by, run_id=why.run_id)
    return None


def _stand(sources: Sources, today: Mapping[str, str]) -> bool:
    # What was no source when it was written is none that could have changed.
    same = all(sources.get(source, now) == now for source, now in today.items())
    return same and MARKED_FOR not in sources


def _difference(
    story: Story,
    piece: Piece,
    making: Made,
    today: Mapping[str, str],
    made: Mapping[str, Sequence[Made]],
) -> Stale:
    """The first source that is another one today, with whoever made it so first since then.

    Not who did so last: one that goes away and comes back is the difference that it was.
    """
    sources = making.sources or {}
    if MARKED_FOR in sources:
        return Stale("marked", run_id=sources[MARKED_FOR])
    # Of shots the nearest: their script. A text is told the highest, which the others follow from.
    order = sources_of(piece)[:: -1 if piece.kind == "shots" else 1]
    source: Source = next(
        source for source in order if sources.get(source, today[source]) != today[source]
    )
    changed = [
        one
        for one in made.get(str(place(piece, source)), ())
        if one.digest == today[source] and one.at >= making.at
    ]
    by = changed[0] if changed and not changed[0].is_found else None
    since, who, run_id = (by.at, by.by, by.run_id) if by is not None else (None, "", "")
    if source != "level":
        return Stale("source", source, since=since, by=who, run_id=run_id)
    before = next((level for level in LEVELS if digest(str(level)) == sources[source]), None)
    return Stale("level", source, before, story.curve[piece.beat], since, who, run_id)
