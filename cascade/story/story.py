"""A story as plain values: what plans, briefs and pages read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from cascade.story.structures import Structure, structure
from cascade.story.tension import full_curve

Kind = Literal["beatContent", "keyAction", "scenePlot", "script"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_KIND_BY_NAME: Mapping[str, Kind] = {kind: kind for kind in KINDS}
Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
# Why something that stands in the database could not be read. `not_text`, `not_a_level`: a value
# of another kind; `not_a_map`: its column is no map from beats to values; `not_json`; `key_twice`:
# a map that has one key twice; `spelled_twice`: the beat in two spellings; `not_storable`: half a
# character; `not_a_language`: none of ours.
Unreadable = Literal[
    "not_text",
    "not_a_level",
    "not_a_map",
    "not_json",
    "key_twice",
    "spelled_twice",
    "not_storable",
    "not_a_language",
]


def digest(text: str) -> str:
    """The name of a text's revision: the first 16 hex digits of its SHA-256.

    Derived from the text itself, so that a change made by any program is seen.
    """
    # Half a character, which JSON can carry, has a name too.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def piece_key(beat_key: str, kind: Kind | Literal["shots"], scene_number: int | None = None) -> str:
    """The key of one piece of content: `midpoint/beatContent`, `midpoint/script/5`."""
    return f"{beat_key}/{kind}" if scene_number is None else f"{beat_key}/{kind}/{scene_number}"


def kind_of(key: str) -> Kind:
    """The kind of the text that a piece's key names. Raises KeyError for shots and levels."""
    return _KIND_BY_NAME[key.split("/")[1]]


def level_key(beat_key: str) -> str:
    """The key of a beat's tension level, beside those of its texts: `midpoint/level`."""
    return f"{beat_key}/level"


def describe_piece(key: str, structure: Structure) -> str:
    """A piece in words, for messages: `the key action of Midpoint`, `the script of scene 5`."""
    beat_key, kind, *rest = key.split("/")
    names = {
        "beatContent": "beat content",
        "keyAction": "key action",
        "scenePlot": "plot",
        "level": "tension level",
    }
    # A product may have given the story another structure since the key was made.
    labels = {beat.key: beat.label for beat in structure.beats}
    where = f"scene {rest[0]}" if rest else labels.get(beat_key, beat_key)
    return f"the {names.get(kind, kind)} of {where}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a story that somebody can change.

    `key` is a piece's key, or of a level its beat's; the header and the scenes as such have none.
    A scene that is gone, or hangs elsewhere now, is named by the piece that was to be written.
    """

    cause: Literal["piece", "level", "header", "scenes", "scene_gone", "scene_moved"]
    key: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The part as the fields of an error name it."""
        name = {"level": "beat", "header": None, "scenes": None}.get(self.cause, "piece")
        return {"cause": self.cause, **({name: self.key} if name else {})}

    def describe(self, structure: Structure) -> str:
        """The part in words, for messages."""
        match self.cause:
            case "piece":
                return describe_piece(self.key, structure)
            case "level":
                return describe_piece(level_key(self.key), structure)
            case "header":
                return "the story's title, synopsis, genre, tone, language or structure"
            case "scenes":
                return "its scenes, or who speaks in them"
            case "scene_gone":
                return f"scene {self.key.split('/')[-1]}, which is gone"
            case "scene_moved":
                return f"scene {self.key.split('/')[-1]}, which has another beat or number now"


# Why a scene has no key, so that no plan can name it. `unknown_beat`: one that its structure does
# not have; `number_twice`: another scene of its beat has the same.
Keyless = Literal["no_beat", "unknown_beat", "no_number", "number_twice"]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene. `number` is None where the product keeps none that is a whole number.

    `unreadable` says of a kind of its texts why it could not be read; that text is then empty.
    """

    number: int | None
    beat_key: str | None
    plot: str
    script: str
    shots: tuple[Any, ...] = ()
    id: str = ""
    unreadable: Mapping[Kind, Unreadable] = field(default_factory=dict)

    def text(self, kind: Kind) -> str:
        """Its plot or its script."""
        return self.plot if kind == "scenePlot" else self.script


@dataclass(frozen=True, slots=True)
class Story:
    """One story version, whole. `levels` may leave beats out (they count as 3).

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
    contents: Mapping[str, str] = field(default_factory=dict)
    key_actions: Mapping[str, str] = field(default_factory=dict)
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
        return tuple(scene for scene in self.scenes_of(beat_key) if self.keyless(scene) is None)

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

    def scene_of(self, key: str) -> Scene | None:
        """The scene that a piece hangs off, by the piece's key; None for a beat's own piece."""
        beat_key, _, *rest = key.split("/")
        return self.scene(beat_key or None, int(rest[0])) if rest else None

    def text(self, key: str) -> str:
        """The text of one piece by its key; empty where nothing is written yet."""
        beat_key, kind, *rest = key.split("/")
        match kind:
            case "beatContent":
                return self.contents.get(beat_key, "")
            case "keyAction":
                return self.key_actions.get(beat_key, "")
            case "scenePlot" | "script":
                scene = self.scene(beat_key or None, int(rest[0]))
                return scene.text(kind) if scene is not None else ""
        raise ValueError(f"{key} is no text of a story")

    def why_unreadable(self, key: str) -> Unreadable | None:
        """Why a piece or a level could not be read; None where it could."""
        match key.split("/"):
            case [_, "scenePlot" | "script" as kind, _]:
                scene = self.scene_of(key)
                return scene.unreadable.get(kind) if scene is not None else None
        return self.unreadable.get(key)

    def pieces_of(self, beat_key: str) -> tuple[str, ...]:
        """The keys of every text that hangs under a beat, in the order of the cascade."""
        numbers = [scene.number for scene in self.planned_scenes(beat_key)]
        return (
            piece_key(beat_key, "beatContent"),
            piece_key(beat_key, "keyAction"),
            *(piece_key(beat_key, "scenePlot", number) for number in numbers),
            *(piece_key(beat_key, "script", number) for number in numbers),
        )

    def unreadable_under(self, beat_key: str) -> tuple[str, ...]:
        """What a new level of a beat would have to replace and could not read: keys, in order."""
        keys = (level_key(beat_key), *self.pieces_of(beat_key))
        return tuple(key for key in keys if self.why_unreadable(key) is not None)
