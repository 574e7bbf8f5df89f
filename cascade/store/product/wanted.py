"""What is looked for in a product's tables, by our names: the rows that all else here goes by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cascade.story import kinds
from cascade.story.kinds import BEAT_KINDS, SCENE_KINDS
from cascade.story.structures import STRUCTURES

# What a column has to be: a key or a reference to one, words that are only shown, a beat's key or
# a scene's number, a JSON map by beat, a text that is rewritten, a JSON value that is shown.
Use = Literal["id", "reference", "words", "key", "number", "map", "text", "value"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column as it is called here; `to` is the table that a reference goes to.

    `others` are names that are taken where they are the only ones there.
    """

    name: str
    use: Use
    is_needed: bool = True
    to: str = ""
    others: tuple[str, ...] = ()


PROJECTS, STORIES, SCENES = "projects", "story_versions", "scene_plots"
SCRIPTS, SHOTS = "scripts", "scene_shots"
# What a story may have of its own, or from its project, or not at all.
HEADER = ("title", "language", "synopsis", "genre", "tone")
LEVELS = "tension_levels"
# The texts of a structure's beats; a product may keep stories of one structure only.
MAPS_OF: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {type_: tuple(f"{type_}_{kinds.row(kind).kept}" for kind in BEAT_KINDS) for type_ in STRUCTURES}
)
# The texts of a scene, and the one of them that some products keep in a table of its own.
SCENE_TEXTS = tuple(kinds.row(kind).kept for kind in SCENE_KINDS)
SCRIPT = kinds.row("script").kept
MAPS = (LEVELS, *(name for names in MAPS_OF.values() for name in names))


def _maybe(*names: str) -> tuple[Wanted, ...]:
    return tuple(Wanted(name, "words", is_needed=False) for name in names)


WANTED: Mapping[str, tuple[Wanted, ...]] = MappingProxyType(
    {
        PROJECTS: (Wanted("id", "id"), *_maybe("name", *HEADER)),
        STORIES: (
            Wanted("id", "id"),
            Wanted("project_id", "reference", to=PROJECTS),
            *_maybe(*HEADER),
            Wanted("structure_type", "words"),
            *(Wanted(name, "map", is_needed=name == LEVELS) for name in MAPS),
        ),
        SCENES: (
            Wanted("id", "id"),
            Wanted("story_version_id", "reference", to=STORIES),
            Wanted("beat_key", "key"),
            Wanted("scene_number", "number"),
            *(Wanted(name, "text", is_needed=name != SCRIPT) for name in SCENE_TEXTS),
        ),
        SCRIPTS: (
            Wanted("id", "id", is_needed=False),
            Wanted("scene_plot_id", "reference", to=SCENES, others=("scene_id",)),
            Wanted("text", "text", others=("content", "script", "body")),
        ),
        SHOTS: (
            Wanted("id", "id", is_needed=False),
            Wanted("scene_plot_id", "reference", to=SCENES, others=("scene_id",)),
            Wanted("shot_number", "number", is_needed=False),
            Wanted("shot", "value", is_needed=False),
        ),
    }
)
# The tables as they are called where nothing else is said.
USUAL: Mapping[str, str] = MappingProxyType(
    {table: "scene_scripts" if table == SCRIPTS else table for table in WANTED}
)
# Without these there is nothing to work on; the others a product may do without.
NEEDED = (PROJECTS, STORIES, SCENES)
