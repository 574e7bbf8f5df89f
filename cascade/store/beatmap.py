"""One of a story's JSON columns (levels, beat contents, key actions), read and changed by beat.

A *cell* is what stands under one beat: its JSON as text, or that there is none. A text is a JSON
string, or an object of which one property is the text; a level is a number or a numeric string.
What is neither is unreadable. A cell is written back in the kind and the spelling that were there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from cascade.display import is_storable
from cascade.store.jsonmap import JsonMap, UnreadableMap
from cascade.story.story import Unreadable
from cascade.story.structures import Structure
from cascade.story.tension import HIGHEST, LOWEST

# Cells that hold no JSON: the map has no such key; the column is null; the column is JSON's null.
ABSENT, NO_MAP, NULL_MAP = "absent", "no map", "null map"
_NOTHING = (ABSENT, NO_MAP, NULL_MAP)
# The properties of an object that may be its text, where just one of them is a string.
_TEXT_PROPERTIES = ("content", "text", "body", "description")
_LEVEL = re.compile(r'(?P<open>"\s*)?(?P<level>\d)(?P<zeros>\.0+)?(?(open)\s*")')
_CAPITAL = re.compile(r"(?<!^)(?=[A-Z])")


class UnreadableCell(ValueError):
    """A cell that is no text, or no level; `why` says so."""

    def __init__(self, why: Unreadable) -> None:
        super().__init__(why)
        self.why: Unreadable = why


@dataclass(frozen=True, slots=True)
class BeatMap:
    """A column as it stands, and under which key of it each beat of the structure is kept.

    `unreadable` says of a beat why its cell cannot be told; where the whole column is no map, of
    every beat. `unknown` are the keys that are no beat of the structure: they are left alone.
    """

    text: str | None
    parsed: JsonMap | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    unreadable: Mapping[str, Unreadable] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @classmethod
    def read(cls, text: str | None, structure: Structure) -> BeatMap:
        """Reads a column; nothing of it is refused, what cannot be read is told."""
        if text is None or text.strip() == "null":
            return cls(text)
        try:
            parsed = JsonMap.parse(text)
        except UnreadableMap as error:
            return cls(text, unreadable=dict.fromkeys(structure.keys, error.why))
        keys: dict[str, str] = {}
        unreadable: dict[str, Unreadable] = {}
        known: set[str] = set()
        for beat_key in structure.keys:
            here = [key for key in dict.fromkeys((beat_key, snake(beat_key))) if key in parsed]
            known.update(here)
            if len(here) > 1:
                unreadable[beat_key] = "spelled_twice"
            elif here:
                keys[beat_key] = here[0]
        unknown = tuple(key for key in parsed.members if key not in known)
        return cls(text, parsed, keys, unreadable, unknown)

    def cell(self, beat_key: str) -> str:
        """What stands under a beat. Raises UnreadableCell where that cannot be told."""
        if beat_key in self.unreadable:
            raise UnreadableCell(self.unreadable[beat_key])
        if self.text is None:
            return NO_MAP
        if self.parsed is None:
            return NULL_MAP
        return self.parsed.raw(self.keys[beat_key]) if beat_key in self.keys else ABSENT

    def with_cell(self, beat_key: str, cell: str) -> str | None:
        """The column's text with another cell under a beat; nothing else of it is changed."""
        key = self.keys.get(beat_key)
        there = self.parsed or JsonMap.parse("{}")
        text = there.text
        if cell not in _NOTHING:
            return there.with_raw(key or self._spelling(beat_key), cell)
        if key is not None:
            text = there.without(key)
        if cell == ABSENT or JsonMap.parse(text).members:
            return text
        return None if cell == NO_MAP else "null"

    def key_of(self, beat_key: str, cell: str) -> str | None:
        """Under which key alone a cell is written; None where the whole column has to be."""
        if self.parsed is None or cell in _NOTHING:
            return None
        return self.keys.get(beat_key) or self._spelling(beat_key)

    def _spelling(self, beat_key: str) -> str:
        """The key for a beat that the column does not have yet: spelled as its other keys are."""
        snaky = any(beat != key for beat, key in self.keys.items())
        return snake(beat_key) if snaky else beat_key


def snake(beat_key: str) -> str:
    """A beat's key as some products spell it: `break_into_two`."""
    return _CAPITAL.sub("_", beat_key).lower()


def text_of(cell: str, named: str | None = None) -> str:
    """The text in a cell; empty for none and for null. Raises UnreadableCell.

    `named` is the property that is an object's text, where the product's owner has said which.
    """
    literal = literal_of(cell, named)
    if is_nothing(literal):
        return ""
    text = str(json.loads(literal, strict=False))
    if not is_storable(text):
        raise UnreadableCell("not_storable")
    return text


def literal_of(cell: str, named: str | None = None) -> str:
    """The JSON string in a cell as it is spelled there; a cell of nothing is its own literal.

    Raises UnreadableCell.
    """
    prop = _text_property(cell, named)
    return cell if prop is None else JsonMap.parse(cell).raw(prop)


def cell_with_literal(cell: str, literal: str, named: str | None = None) -> str:
    """The cell with another JSON string in it: an object keeps all of its other properties."""
    prop = _text_property(cell, named)
    if prop is None or is_nothing(literal):
        return literal
    return JsonMap.parse(cell).with_raw(prop, literal)


def literal_for(text: str) -> str:
    """A text as the JSON string that is written for it."""
    return json.dumps(text, ensure_ascii=False)


def is_nothing(cell: str) -> bool:
    """Whether a cell holds neither a text nor a level, nor anything else."""
    return cell in _NOTHING or cell == "null"


def level_of(cell: str) -> int:
    """The level in a cell that holds something, an integer 1-5. Raises UnreadableCell."""
    match = _LEVEL.fullmatch(cell)
    if match is None or not LOWEST <= int(match["level"]) <= HIGHEST:
        raise UnreadableCell("not_a_level")
    return int(match["level"])


def cell_with_level(cell: str, level: int) -> str:
    """The cell with another level in it, of the kind that was there: `"3"` → `"5"`, 3.0 → 5.0."""
    match = _LEVEL.fullmatch(cell)
    if match is None:
        return str(level)
    return f"{cell[: match.start('level')]}{level}{cell[match.end('level') :]}"


def _text_property(cell: str, named: str | None) -> str | None:
    """The property that is the text of an object; None where the cell itself is a string."""
    if cell.startswith('"') or is_nothing(cell):
        return None
    if not cell.startswith("{"):
        raise UnreadableCell("not_text")
    try:
        found = JsonMap.parse(cell)
    except UnreadableMap as error:
        raise UnreadableCell(error.why) from None
    known = _TEXT_PROPERTIES if named is None else (named,)
    strings = [one for one in known if one in found and found.raw(one).startswith('"')]
    if len(strings) != 1:
        raise UnreadableCell("not_text")
    return strings[0]
