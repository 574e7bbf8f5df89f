"""One piece of a story, and its key: `midpoint/beatContent`, `midpoint/script/5`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from cascade.story import kinds
from cascade.story.kinds import KINDS, Kind
from cascade.story.structures import Structure

# What hangs off a beat or a scene and is no text of the cascade.
Other = Literal["level", "shots"]
_KNOWN: dict[str, Kind | Other] = {name: name for name in (*KINDS, *get_args(Other))}


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: its beat (empty for a scene of none), its kind, and its scene's number if any."""

    beat: str
    kind: Kind | Other
    scene: int | None = None

    @classmethod
    def parse(cls, key: str) -> Piece:
        """The piece that a key names. Raises ValueError for what is no key."""
        match key.split("/"):
            case [beat, kind] if kind in _KNOWN:
                return cls(beat, _KNOWN[kind])
            case [beat, kind, number] if kind in _KNOWN:
                return cls(beat, _KNOWN[kind], int(number))
        raise ValueError(f'"{key}" is no key of a piece')

    def __str__(self) -> str:
        """Its key."""
        place = f"{self.beat}/{self.kind}"
        return place if self.scene is None else f"{place}/{self.scene}"

    @property
    def text_kind(self) -> Kind:
        """The kind of its text. Raises ValueError for a level and for shots, which are none."""
        if self.kind == "level" or self.kind == "shots":
            raise ValueError(f"{self} is no text of a story")
        return self.kind

    def beside(self, kind: Kind) -> Piece:
        """The piece of another kind at the same scene, or at the same beat."""
        return Piece(self.beat, kind, self.scene if kinds.row(kind).per_scene else None)

    def is_written_from(self, other: Piece) -> bool:
        """Whether it is written from the text of another piece, which stands above it."""
        sources = kinds.row(self.text_kind).written_from
        return any(self.beside(source) == other for source in sources)

    def describe(self, structure: Structure) -> str:
        """In words, for messages: `the key action of Midpoint`, `the script of scene 5`."""
        row = kinds.named(self.kind)
        noun = row.noun if row is not None else "tension level" if self.kind == "level" else "shots"
        # A product may have given the story another structure since the key was made.
        labels = {beat.key: beat.label for beat in structure.beats}
        where = labels.get(self.beat, self.beat) if self.scene is None else f"scene {self.scene}"
        return f"the {noun} of {where}"


def level_key(beat_key: str) -> str:
    """The key of a beat's tension level, beside those of its texts."""
    return str(Piece(beat_key, "level"))
