"""Tension levels and pending changes of a curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeGuard

from cascade.errors import BadLevel
from cascade.story.structures import Structure

LOWEST, HIGHEST, UNSET = 1, 5, 3
LEVELS = range(LOWEST, HIGHEST + 1)


def is_level(value: object) -> TypeGuard[int]:
    """Whether a value is a tension level: an integer 1-5."""
    # bool is an int to Python; a level of True is a mistake in somebody's document.
    return isinstance(value, int) and not isinstance(value, bool) and LOWEST <= value <= HIGHEST


def check_level(value: object, beat_key: str) -> int:
    """A tension level, an integer 1-5, given back. Raises BadLevel for anything else."""
    if not is_level(value):
        raise BadLevel(beat_key, value)
    return value


def full_curve(structure: Structure, levels: Mapping[str, int]) -> dict[str, int]:
    """The whole curve in structure order: `levels` where set, 3 where not."""
    return {key: levels.get(key, UNSET) for key in structure.keys}


def pending_changes(
    structure: Structure, saved: Mapping[str, int], edited: Mapping[str, int]
) -> dict[str, int]:
    """The levels in `edited` that differ from the saved curve, in structure order.

    A beat set back to its saved level is no change and is left out. Raises UnknownBeat, BadLevel.
    """
    for key, level in edited.items():
        structure.beat(key)
        check_level(level, key)
    curve = full_curve(structure, saved)
    return {
        key: edited[key] for key in structure.keys if key in edited and edited[key] != curve[key]
    }
