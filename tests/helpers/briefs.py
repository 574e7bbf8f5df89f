"""Briefs for whatever is written from one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cascade.story.brief import Brief
from cascade.story.kinds import Kind, row
from cascade.story.story import Language

# Who speaks in the story of `brief`.
KNOWN = ("MIRA", "TAN", "PAK MULYONO")


def make_brief(kind: Kind = "beatContent", language: Language = "en", **given: Any) -> Brief:
    """A brief with nothing in it but what is given; that only as far as it belongs to the kind.

    So `sources`, `scene_number`, `before` and `after` may be those of a whole beat.
    """
    brief = Brief(
        kind=kind,
        language=language,
        title="The Letter",
        synopsis="",
        genre="drama",
        tone="quiet",
        structure_type="cat",
        beat_key="midpoint",
        beat_label="Midpoint",
        previous_level=2,
        new_level=4,
        prev_beat_level=3,
        next_beat_level=4,
        prev_beat_content="",
        next_beat_content="",
        direction="",
        old_text="",
        scene_number=None,
        before=None,
        after=None,
        seed="run-1/midpoint",
    )
    if "sources" in given:
        given["sources"] = {source: given["sources"][source] for source in row(kind).written_from}
    if kind not in ("scenePlot", "script"):
        given.pop("scene_number", None)
    if kind != "script":
        given.pop("before", None)
        given.pop("after", None)
    return replace(brief, **given)


def brief(kind: Kind, old_text: str = "", language: Language = "en", **changes: Any) -> Brief:
    """A brief of that kind for a story in which these speak, for what judges a text."""
    given = {"speakers": KNOWN, **changes}
    return replace(make_brief(kind, language), old_text=old_text, **given)
