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
Language = Literal["en", "id"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


def digest(text: str) -> str:
    """The name of a text's revision: the first 16 hex digits of its SHA-256.

    Derived from the text itself, so that a change made by any program is seen.
    """
    # Half a character, which JSON can carry, has a name too.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def piece_key(beat_key: str, kind: Kind | Literal["shots"], scene_number: int | None = None) -> str:
    """The key of one piece of content: `midpoint/beatContent`, `midpoint/script/5`."""
    return f"{beat_key}/{kind}" if scene_number is None else f"{beat_key}/{kind}/{scene_number}"


def describe_piece(key: str, structure: Structure) -> str:
    """A piece in words, for messages: `the key action of Midpoint`, `the script of scene 5`."""
    beat_key, kind, *rest = key.split("/")
    names = {"beatContent": "beat content", "keyAction": "key action", "scenePlot": "plot"}
    where = f"scene {rest[0]}" if rest else structure.beat(beat_key).label
    return f"the {names.get(kind, kind)} of {where}"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a story that somebody can change.

    `key` is a piece's key, or of a level its beat's; the header and the scenes as such have none.
    """

    cause: Literal["piece", "level", "header", "scenes"]
    key: str = ""

    @property
    def fields(self) -> dict[str, str]:
        """The part as the fields of an error name it."""
        name = {"piece": "piece", "level": "beat"}.get(self.cause)
        return {"cause": self.cause, **({name: self.key} if name else {})}

    def describe(self, structure: Structure) -> str:
        """The part in words, for messages."""
        match self.cause:
            case "piece":
                return describe_piece(self.key, structure)
            case "level":
                return f"the tension level of {structure.beat(self.key).label}"
            case "header":
                return "the story's title, synopsis, genre, tone, language or structure"
            case "scenes":
                return "its scenes, or who speaks in them"


@dataclass(frozen=True, slots=True)
class Scene:
    """One scene: its number is unique in the story; without a beat it is never planned."""

    number: int
    beat_key: str | None
    plot: str
    script: str
    shots: tuple[Any, ...] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Story:
    """One story version, whole. `levels` may leave beats out (they count as 3)."""

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

    @property
    def structure(self) -> Structure:
        """The beat sheet this story follows."""
        return structure(self.structure_type)

    @property
    def curve(self) -> dict[str, int]:
        """The saved tension curve: every beat of the structure, in order."""
        return full_curve(self.structure, self.levels)

    def scenes_of(self, beat_key: str) -> tuple[Scene, ...]:
        """The scenes that hang off a beat, by number."""
        return tuple(scene for scene in self.scenes if scene.beat_key == beat_key)

    def scene(self, number: int) -> Scene | None:
        """The scene of that number, if there is one."""
        return next((scene for scene in self.scenes if scene.number == number), None)

    def text(self, key: str) -> str:
        """The text of one piece by its key; empty where nothing is written yet."""
        beat_key, kind, *rest = key.split("/")
        if kind == "beatContent":
            return self.contents.get(beat_key, "")
        if kind == "keyAction":
            return self.key_actions.get(beat_key, "")
        scene = self.scene(int(rest[0]))
        if scene is None:
            return ""
        return scene.plot if kind == "scenePlot" else scene.script
