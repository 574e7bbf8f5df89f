"""A story as plain values: what plans, briefs and pages read."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, assert_never, get_args

from cascade.story.kinds import CASCADE, Kind
from cascade.story.piece import Piece
from cascade.story.structures import Structure, structure
from cascade.story.tension import full_curve

Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
# Why something that stands in the database could not be read. `not_text`, `not_a_level`: a value
# of another kind; `not_a_map`: its column is no map from beats to values; `not_json`; `key_twice`:
# a map that has one key twice; `spelled_twice`: the beat in two spellings; `kept_twice`: a script
# in two rows; `not_storable`: half a character; `not_a_language`: none of ours.
Unreadable = Literal[
    "not_text",
    "not_a_level",
    "not_a_map",
    "not_json",
    "key_twice",
    "spelled_twice",
    "kept_twice",
    "not_storable",
    "not_a_language",
]


def digest(text: str) -> str:
    """The name of a text's revision: the first 16 hex digits of its SHA-256.

    Derived from the text itself, so that a change made by any program is seen.
    """
    # Half a character, which JSON can carry, has a name too.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a story that somebody can change.

    `key` is a piece's key, or of a level its beat's; the header, the scenes as such and what is out
    of date have none.
    A scene that is gone, or hangs elsewhere now, is named by the piece that was to be written.
    """

    cause: Literal["piece", "level", "header", "scenes", "marks", "scene_gone", "scene_moved"]
    key: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The part as the fields of an error name it."""
        pieces = dict.fromkeys(("piece", "scene_gone", "scene_moved"), "piece")
        name = {"level": "beat", **pieces}.get(self.cause)
        return {"cause": self.cause, **({name: self.key} if name else {})}

    def describe(self, structure: Structure) -> str:
        """The part in words, for messages."""
        match self.cause:
            case "piece":
                return Piece.parse(self.key).describe(structure)
            case "level":
                return Piece(self.key, "level").describe(structure)
            case "header":
                return "the story's title, synopsis, genre, tone, language or structure"
            case "scenes":
                return "its scenes, or who speaks in them"
            case "marks":
                return "what of it is out of date"
            case "scene_gone":
                return f"scene {Piece.parse(self.key).scene}, which is gone"
            case "scene_moved":
                return f"scene {Piece.parse(self.key).scene}, which has another beat or number now"
            case _:
                assert_never(self.cause)


# Why a scene has no key, so that no plan can name it. `unknown_beat`: one that its structure does
# not have; `number_twice`: another scene of its beat has the same.
Keyless = Literal["no_beat", "unknown_beat", "no_number", "number_twice"]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene. `number` is None where the product keeps none that is a whole number.

    `texts` may leave kinds out (nothing is written there). `unreadable` says of a kind of them why
    it could not be read; that text is then empty.
    """

    number: int | None
    beat_key: str | None
    texts: Mapping[Kind, str] = field(default_factory=dict)
    shots: tuple[Any, ...] = ()
    id: str = ""
    unreadable: Mapping[Kind, Unreadable] = field(default_factory=dict)

    def text(self, kind: Kind) -> str:
        """Its text of a kind; empty where nothing is written yet."""
        return self.texts.get(kind, "")

    def with_text(self, kind: Kind, text: str) -> Scene:
        """The scene with one text replaced."""
        return replace(self, texts={**self.texts, kind: text})

    @property
    def plot(self) -> str:
        """Its plot."""
        return self.text("scenePlot")

    @property
    def script(self) -> str:
        """Its script."""
        return self.text("script")


@dataclass(frozen=True, slots=True)
class Story:
    """One story version, whole. `levels` may leave beats out (they count as 3).

    `texts` are those of the beats, by kind and beat; the others are with their scenes.
    `unreadable` says by key (`midpoint/keyAction`, `midpoint/level`, `language`) why something
    that stands in the database could not be read; it counts as empty here, and is in no plan.
    Scenes are in story order: by number, those without one last.
    """

    title: str
    language: Language
    structure_type: str
    synopsis: str = ""
    genre: str = ""
    tone: str = ""
    levels: Mapping[str, int] = field(default_factory=dict)
    texts: Mapping[Kind, Mapping[str, str]] = field(default_factory=dict)
    scenes: tuple[Scene, ...] = ()
    id: str = ""
    project_id: str = ""
    unreadable: Mapping[str, Unreadable] = field(default_factory=dict)

    @property
    def structure(self) -> Structure:
        """The beat sheet this story follows."""
        return structure(self.structure_type)

    @property
    def curve(self) -> dict[str, int]:
        """The saved tension curve: every beat of the structure, in order."""
        return full_curve(self.structure, self.levels)

    def scenes_of(self, beat_key: str) -> tuple[Scene, ...]:
        """The scenes that hang off a beat, by number; also those that no plan can name."""
        return tuple(scene for scene in self.scenes if scene.beat_key == beat_key)

    def planned_scenes(self, beat_key: str) -> tuple[Scene, ...]:
        """The scenes of a beat that have a number of their own, so that a plan can name them."""
        if beat_key not in self.structure.keys:
            return ()
        under = self.scenes_of(beat_key)
        numbers = Counter(scene.number for scene in under)
        return tuple(one for one in under if one.number is not None and numbers[one.number] == 1)

    def keyless(self, scene: Scene) -> Keyless | None:
        """Why a scene has no key; None where it has one."""
        if scene.beat_key is None:
            return "no_beat"
        if scene.beat_key not in self.structure.keys:
            return "unknown_beat"
        if scene.number is None:
            return "no_number"
        twins = sum(one.number == scene.number for one in self.scenes_of(scene.beat_key))
        return "number_twice" if twins > 1 else None

    def scene(self, beat_key: str | None, number: int) -> Scene | None:
        """The one scene of that number in a beat (or among those of none), if there is one."""
        found = [s for s in self.scenes if s.beat_key == beat_key and s.number == number]
        return found[0] if len(found) == 1 else None

    def scene_by_id(self, scene_id: str) -> Scene | None:
        """The scene of that id, whatever its number and beat are now."""
        return next((scene for scene in self.scenes if scene.id == scene_id), None)

    def scene_of(self, piece: Piece) -> Scene | None:
        """The scene that a piece hangs off; None for a beat's own piece."""
        return self.scene(piece.beat or None, piece.scene) if piece.scene is not None else None

    @property
    def contents(self) -> Mapping[str, str]:
        """What happens in each beat that has a content, by beat key."""
        return self.texts.get("beatContent", {})

    @property
    def key_actions(self) -> Mapping[str, str]:
        """The key action of each beat that has one, by beat key."""
        return self.texts.get("keyAction", {})

    def text(self, key: Piece | str) -> str:
        """The text of one piece; empty where nothing is written yet.

        Raises ValueError for a level, shots, and what is no key.
        """
        piece = _piece(key)
        kind = piece.text_kind
        if piece.scene is None:
            return self.texts.get(kind, {}).get(piece.beat, "")
        scene = self.scene_of(piece)
        return scene.text(kind) if scene is not None else ""

    def with_text(self, key: Piece | str, text: str) -> Story:
        """The story with the text of one piece replaced; its scene, if any, must be there."""
        piece = _piece(key)
        kind = piece.text_kind
        if piece.scene is None:
            there = self.texts.get(kind, {})
            return replace(self, texts={**self.texts, kind: {**there, piece.beat: text}})
        own = self.scene_of(piece)
        scenes = (one.with_text(kind, text) if one is own else one for one in self.scenes)
        return replace(self, scenes=tuple(scenes))

    def why_unreadable(self, key: Piece | str) -> Unreadable | None:
        """Why a piece or a level could not be read; None where it could."""
        piece = _piece(key)
        if piece.scene is None:
            return self.unreadable.get(str(piece))
        scene = self.scene_of(piece)
        return scene.unreadable.get(piece.text_kind) if scene is not None else None

    def pieces_of(self, beat_key: str) -> tuple[Piece, ...]:
        """Every text that hangs under a beat, in the order of the cascade."""
        numbers = [scene.number for scene in self.planned_scenes(beat_key)]
        return tuple(
            Piece(beat_key, row.name, number)
            for row in CASCADE
            for number in (numbers if row.per_scene else [None])
        )

    def unreadable_under(self, beat_key: str) -> tuple[Piece, ...]:
        """What a new level of a beat would have to replace and could not read, in order."""
        under = (Piece(beat_key, "level"), *self.pieces_of(beat_key))
        return tuple(piece for piece in under if self.why_unreadable(piece) is not None)


def _piece(key: Piece | str) -> Piece:
    return key if isinstance(key, Piece) else Piece.parse(key)
