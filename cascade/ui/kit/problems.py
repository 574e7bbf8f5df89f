"""What went wrong, in the reader's language: made from an error's code and its fields.

The texts are `problem.CODE` for what was refused, `failure.CODE` for what stopped a run, and
`cause.CODE.CAUSE` for the reason that either gives. An error that the catalogues do not know, or
one of before its fields were kept, is told in its own English words.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from cascade.errors import CascadeError, Reason
from cascade.service import Diagnosis, flaw_in_words
from cascade.story.piece import Piece
from cascade.story.story import Part
from cascade.story.structures import BEATS
from cascade.ui.kit.language import language
from cascade.ui.kit.texts import listing, moment, text

# What keeps a request from being approved is what would keep its plan from being started.
_TOLD_AS = {"request_void": "stale_plan"}


def explain(error: CascadeError) -> str:
    """Why something could not be done, and what to do."""
    try:
        return _text(f"problem.{error.code}", _values(error.code, error.fields)) or error.message
    except (LookupError, ValueError):
        # Of a piece or beat that is named in no way we know: its own words are better than none.
        return error.message


def failure(reason: Reason) -> str:
    """Why a run or a step of it failed, and what to do."""
    return _text(f"failure.{reason.code}", _values(reason.code, reason.fields)) or reason.message


def diagnosis(found: Diagnosis) -> str:
    """What is wrong with the writer, and what to do; empty where nothing is."""
    return failure(found.problem) if found.problem else ""


def _text(key: str, values: Mapping[str, object]) -> str:
    """The text of a key; empty where there is none, or where a value of it is not known."""
    try:
        return text(key, **values)
    except KeyError:
        return ""


def _values(code: str, fields: Mapping[str, Any]) -> dict[str, object]:
    """What the places of a sentence are filled with: an error's fields, in words where they can."""
    values: dict[str, object] = {
        name: value for name, value in fields.items() if name not in ("what", "why")
    }
    if "known" in fields:
        values["known"] = listing(map(str, fields["known"]))
    if "roles" in fields:
        values["roles"] = listing(text(f"role.{role}") for role in fields["roles"])
    if code == "not_resumable" and "status" in fields:
        values["status"] = text(f"runs.state.{fields['status']}")
    if "anew" in fields:
        anew = datetime.fromisoformat(fields["anew"])
        values["anew"] = moment(anew, ZoneInfo(fields["zone"]))
    if "allowed" in fields:
        values["allowed"] = listing(map(str, fields["allowed"]))
    if "columns" in fields:
        values["columns"] = listing(map(str, fields["columns"]))
    if why := _why(code, values):
        values["why"] = why
    return values


def _why(code: str, fields: Mapping[str, Any]) -> str:
    if "piece" in fields and (number := Piece.parse(fields["piece"]).scene) is not None:
        fields = {**fields, "number": str(number)}
    for told in (code, _TOLD_AS.get(code)):
        if cause := _text(f"cause.{told}.{fields.get('cause')}", fields):
            return cause
    pieces = [*fields.get("pieces", ()), *([fields["piece"]] if "piece" in fields else [])]
    levels = [*fields.get("levels", ()), *([fields["beat"]] if "beat" in fields else [])]
    if pieces or levels:
        return listing([*map(_piece, pieces), *map(_level, levels)])
    if code == "bad_output":
        return flaw_in_words(fields, language())
    return ""


def named_part(part: Part) -> str:
    """A part of a story by its key: `the key action of Midpoint`, `the tension level of Finale`."""
    return _level(part.key) if part.cause == "level" else _piece(part.key)


def _piece(key: str) -> str:
    """A piece by its key: `the key action of Midpoint`, `the script of scene 5`."""
    if key == "language":
        return text("piece.language")
    piece = Piece.parse(key)
    return text(f"piece.{piece.kind}", number=piece.scene, beat=beat_label(piece.beat))


def _level(beat_key: str) -> str:
    return text("piece.level", beat=beat_label(beat_key))


def beat_label(beat_key: str) -> str:
    """A beat as people name it: `All Is Lost`; its key where no structure has it."""
    return next((beat.label for beat in BEATS if beat.key == beat_key), beat_key)
