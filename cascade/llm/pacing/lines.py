"""The closing lines of the pacing edit, out of `prompts/lines.*.toml`, where they are reviewed."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from cascade.story import kinds
from cascade.story.kinds import CASCADE, Kind
from cascade.story.story import LANGUAGES, Language

_RISING, _FALLING = "rising", "falling"


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines to choose from, for a level that rises and for one that falls."""

    rising: tuple[str, ...]
    falling: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        """All of them."""
        yield from self.rising
        yield from self.falling

    def way(self, rising: bool) -> tuple[str, ...]:
        """Those of one direction."""
        return self.rising if rising else self.falling


@dataclass(frozen=True, slots=True)
class _Language:
    """All lines of a language: by kind, a beat's own ones by beat, and tails of key actions."""

    general: Mapping[Kind, Lines]
    flavours: Mapping[str, Lines]
    tails: Lines


@cache
def lines_of(language: Language) -> _Language:
    """The lines of a language. Raises KeyError where a kind has none."""
    file = resources.files("cascade.llm").joinpath("prompts", f"lines.{language}.toml")
    found = tomllib.loads(file.read_text("utf-8"))
    return _Language(
        general={row.name: _lines(found[row.name]) for row in CASCADE},
        flavours={
            beat: Lines((flavour[_RISING],), (flavour[_FALLING],))
            for flavour in found["flavours"].values()
            for beat in flavour["beats"]
        },
        tails=_lines(found["tails"]),
    )


def _lines(table: Mapping[str, Any]) -> Lines:
    return Lines(tuple(table[_RISING]), tuple(table[_FALLING]))


def _every(*, screenplay: bool) -> Iterator[str]:
    for lines in map(lines_of, LANGUAGES):
        for kind, general in lines.general.items():
            if (kinds.row(kind).form == "fountain") == screenplay:
                yield from general
        if not screenplay:
            for flavour in lines.flavours.values():
                yield from flavour


# Every line there is, whichever level or kind it belongs to: what a new line takes the place of.
PROSE: frozenset[str] = frozenset(_every(screenplay=False))
ACTIONS: frozenset[str] = frozenset(_every(screenplay=True))
ALL_TAILS: frozenset[str] = frozenset(
    tail for language in LANGUAGES for tail in lines_of(language).tails
)


def lines_for(kind: Kind, language: Language, beat_key: str, rising: bool) -> tuple[str, ...]:
    """The lines to choose from, a beat's own flavour among them where the text is prose."""
    lines = lines_of(language)
    general = lines.general[kind].way(rising)
    flavour = lines.flavours.get(beat_key)
    if kinds.row(kind).form != "prose" or flavour is None:
        return general
    return (*flavour.way(rising), *general)


def tails_for(language: Language, rising: bool) -> tuple[str, ...]:
    """The tails to choose from for a key action that has two sentences."""
    return lines_of(language).tails.way(rising)
