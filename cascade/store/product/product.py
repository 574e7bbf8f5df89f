"""The product's tables as SQLAlchemy has them, by our names; the rest of the store asks these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from cascade.store.columns import JsonText, ProductId
from cascade.store.product.found import Column
from cascade.store.product.take import Taken, Whole
from cascade.store.product.wanted import (
    HEADER,
    MAPS,
    MAPS_OF,
    PROJECTS,
    SCENE_TEXTS,
    SCENES,
    SCRIPT,
    SCRIPTS,
    SHOTS,
    STORIES,
    WANTED,
    Use,
)

# The signs of a UUID without its dashes.
_SHORTEST_ID = 32
_USES: Mapping[tuple[str, str], Use] = {
    (ours, one.name): one.use for ours, wanted in WANTED.items() for one in wanted
}


@dataclass(frozen=True, slots=True)
class Kept:
    """One of the product's tables: `table["title"]` is the column that we call so."""

    ours: str
    name: str
    table: sa.Table
    columns: Mapping[str, sa.Column[Any]]
    found: Mapping[str, Column]
    unknown: tuple[Column, ...]

    def __getitem__(self, ours: str) -> sa.Column[Any]:
        return self.columns[ours]

    def __contains__(self, ours: str) -> bool:
        return ours in self.columns

    def text(self, ours: str) -> sa.ColumnElement[Any]:
        """A column as a text, null where it is not there: to be shown or compared, not written."""
        if ours not in self.columns:
            return sa.cast(sa.null(), sa.Text)
        column = self.columns[ours]
        return column if self.found[ours].sort == "text" else sa.cast(column, sa.Text)

    def keeps_text(self, ours: str) -> bool:
        """Whether a column is of a text type: what another holds is not taken for a text."""
        return ours in self.found and self.found[ours].sort == "text"

    def changes_one(self, ours: str) -> bool:
        """Whether the server can change one value of a map, with nothing else of it sent."""
        return self.found[ours].sort == "jsonb"

    def with_one(self, ours: str, key: str, new: str) -> sa.ColumnElement[Any]:
        """Such a map with another value under one key; both are names of parameters.

        The key is given as the list of it, the value as its JSON.
        """
        path = sa.bindparam(key, type_=postgresql.ARRAY(sa.Text))
        value = sa.cast(sa.bindparam(new, type_=sa.Text()), postgresql.JSONB)
        column = self.columns[ours]
        return sa.func.jsonb_set(
            column, sa.cast(path, postgresql.ARRAY(sa.Text)), value, type_=postgresql.JSONB
        )

    def stored(self, ours: str, value: Any) -> Any:
        """A value as a new row has it: some products keep a scene's number as a text."""
        return str(value) if isinstance(value, int) and self.keeps_text(ours) else value

    def own_id(self, made: str) -> str | None:
        """An id for a new row, made from a UUID: without its dashes where those are too much.

        None where ids are the product's to give: a number, or a text with a default.
        """
        id_ = self.found.get("id")
        if id_ is None or id_.id_sort == "integer" or (id_.id_sort == "text" and id_.has_default):
            return None
        return made if id_.length is None or id_.length >= len(made) else made.replace("-", "")


class Product:
    """All of a product's tables, each as it is. Made of what was found whole.

    `language` is that of stories of which none is kept.
    """

    def __init__(self, whole: Whole, language: str) -> None:
        def kept(ours: str) -> Kept:
            return _kept(whole.tables[ours])

        def kept_if_there(ours: str) -> Kept | None:
            return None if whole.tables[ours].table is None else kept(ours)

        self.language = language
        self.text_property = whole.names.text
        self.projects = kept(PROJECTS)
        self.stories = kept(STORIES)
        self.scenes = kept(SCENES)
        self.scripts = kept_if_there(SCRIPTS)
        self.shots = kept_if_there(SHOTS)
        self._title_is_the_projects_name = whole.title_is_the_projects_name

    def keeps(self, structure_type: str) -> bool:
        """Whether stories of a structure are kept: it has its own columns."""
        return all(name in self.stories for name in MAPS_OF.get(structure_type, ("",)))

    @property
    def orders_by_number(self) -> bool:
        """Whether scenes' numbers are kept as numbers, so that the database can order by them."""
        return self.scenes.found["scene_number"].is_number

    @cached_property
    def header(self) -> Mapping[str, sa.ColumnElement[Any]]:
        """What a story has of its own, from its project, or not at all: each as a text or null."""
        found = {}
        for name in HEADER:
            column = self.stories.text(name)
            theirs = "name" if name == "title" and self._title_is_the_projects_name else name
            if theirs in self.projects:
                of_project = self.projects.text(theirs)
                column = (
                    sa.func.coalesce(column, of_project) if name in self.stories else of_project
                )
            found[name] = column.label(name)
        return found

    @cached_property
    def stories_with_projects(self) -> sa.FromClause:
        """The stories, beside their projects where those have any of it."""
        of_project = any(name in self.projects for name in HEADER)
        if not (of_project or self._title_is_the_projects_name):
            return self.stories.table
        here, there = self.stories["project_id"], self.projects["id"]
        same = sa.cast(here, sa.Text) == sa.cast(there, sa.Text)
        if self.stories.found["project_id"].id_sort == self.projects.found["id"].id_sort:
            same = here == there
        return self.stories.table.outerjoin(self.projects.table, same)

    @cached_property
    def story_rows(self) -> sa.Select[Any]:
        """Each story by our names: its keys, header, structure and maps."""
        return sa.select(
            self.stories["id"].label("id"),
            self.stories["project_id"].label("project_id"),
            *self.header.values(),
            self.stories.text("structure_type").label("structure_type"),
            *(self.stories[name].label(name) for name in MAPS if name in self.stories),
        ).select_from(self.stories_with_projects)

    @cached_property
    def scene_rows(self) -> sa.Select[Any]:
        """Each scene by our names; one with several scripts comes several times.

        `script_of` is null where scripts have a table of their own and it has none.
        """
        scenes, script_of = self.scenes, self.scenes["id"]
        source: sa.FromClause = scenes.table
        if self.scripts is not None:
            script_of = self.scripts["scene_plot_id"]
            source = scenes.table.outerjoin(self.scripts.table, script_of == scenes["id"])
        return sa.select(
            scenes["id"].label("id"),
            scenes["beat_key"].label("beat_key"),
            scenes["scene_number"].label("scene_number"),
            *(_readable(*self.place_of(name)).label(name) for name in SCENE_TEXTS),
            script_of.label("script_of"),
        ).select_from(source)

    def place_of(self, kept: str) -> tuple[Kept, str]:
        """The table that has a text of a scene, and the column of it."""
        if kept == SCRIPT and self.scripts is not None:
            return self.scripts, "text"
        return self.scenes, kept

    def keeps_text(self, kept: str) -> bool:
        """Whether a text of a scene is in a column of a text type."""
        table, column = self.place_of(kept)
        return table.keeps_text(column)

    def cannot_fill(self, *, project: bool) -> list[str]:
        """The columns, as `table.column`, that a new story must fill and that are not known here.

        Those of a project too where there is none yet. A new row cannot be made where there is one.
        """
        tables = [self.stories, self.scenes, self.scripts, self.shots]
        found = [f"{self.projects.name}.{name}" for name in _unfilled(self.projects)]
        return (found if project else []) + [
            f"{one.name}.{name}" for one in tables if one is not None for name in _unfilled(one)
        ]


def _readable(table: Kept, ours: str) -> sa.ColumnElement[Any]:
    """A text that can be rewritten; null where its column holds something else."""
    return table[ours] if table.keeps_text(ours) else sa.cast(sa.null(), sa.Text)


def _unfilled(table: Kept) -> list[str]:
    names = [column.name for column in table.unknown if column.must_be_filled]
    id_ = table.found.get("id")
    if id_ is not None and id_.must_be_filled:
        # Which number comes next is the product's to say, and short texts are not for our ids.
        is_short = id_.length is not None and id_.length < _SHORTEST_ID
        if id_.id_sort == "integer" or is_short:
            names.insert(0, id_.name)
    return names


def _kept(taken: Taken) -> Kept:
    assert taken.table is not None
    columns: dict[str, sa.Column[Any]] = {}
    real: dict[str, sa.Column[Any]] = {}
    for ours, column in taken.columns.items():
        # One column may be two things: the levels of every structure's beats, for example.
        made = real.setdefault(column.name, sa.Column(column.name, _type(taken.ours, ours, column)))
        columns[ours] = made
    table = sa.Table(taken.table.name, sa.MetaData(), *real.values(), schema=taken.table.schema)
    return Kept(
        taken.ours,
        taken.table.name,
        table,
        columns,
        taken.columns,
        tuple(taken.unknown),
    )


def _type(table: str, ours: str, column: Column) -> sa.types.TypeEngine[Any]:
    match _USES[table, ours]:
        case "id" | "reference":
            assert column.id_sort is not None
            return ProductId(column.id_sort)
        case "map" | "value":
            return JsonText()
        case "number" if column.sort == "integer":
            return sa.Integer()
        case "number" if column.sort == "number":
            return sa.Numeric()
        case _:
            return sa.Text()
