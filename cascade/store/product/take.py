"""What is there taken for what is wanted: by the names that were said, by our own, by its keys.

A name that was said decides. Else a column of our name is taken, and for a reference the only
foreign key to the table that it goes to. Nothing is taken that does not fit, and each thing that
is missing or does not fit is a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from cascade.store.product.found import Column, Reflection, Table
from cascade.store.product.names import Names
from cascade.store.product.wanted import (
    MAPS_OF,
    NEEDED,
    PROJECTS,
    SCENES,
    SCRIPT,
    SCRIPTS,
    STORIES,
    USUAL,
    WANTED,
    Wanted,
)

_SORTS_OF_A_MAP = ("text", "json", "jsonb")


@dataclass(frozen=True, slots=True)
class Taken:
    """One of the product's tables: `columns` are the real ones by our names.

    `missing` are the needed ones, by our names, that are not there; `unfit` those whose type keeps
    the program from working, as `id (numeric)`.
    """

    ours: str
    table: Table | None
    columns: Mapping[str, Column] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()

    @property
    def unknown(self) -> list[Column]:
        """The columns that are never read or written."""
        if self.table is None:
            return []
        known = {column.name for column in self.columns.values()}
        return [one for one in self.table.columns.values() if one.name not in known]


@dataclass(frozen=True, slots=True)
class Whole:
    """All of the product's tables that are there, and what keeps the program from them.

    `in_the_map` is what the file of names says wrong; `elsewhere` the schemas that hold tables of
    stories, where statements see none and there are several; `left` the table that might hold
    scripts and is not taken for one, because the scenes have a column for them.
    """

    names: Names
    tables: Mapping[str, Taken]
    in_the_map: tuple[str, ...]
    elsewhere: tuple[str, ...] = ()
    left: str | None = None

    @property
    def is_there(self) -> bool:
        """True where there is any table that holds stories or hangs off one."""
        return any(one.table is not None for ours, one in self.tables.items() if ours != PROJECTS)

    @property
    def title_is_the_projects_name(self) -> bool:
        """Whether a story is called as its project is, because nothing else is kept."""
        stories, projects = self.tables[STORIES].columns, self.tables[PROJECTS].columns
        return "title" not in stories and "title" not in projects and "name" in projects

    @property
    def scripts(self) -> tuple[str, ...]:
        """Where scripts are kept; empty where that is not known."""
        for ours, name in ((SCENES, SCRIPT), (SCRIPTS, "text")):
            one = self.tables[ours]
            if one.table is not None and name in one.columns:
                return (f"{one.table.name}.{one.columns[name].name}",)
        return ()

    @property
    def fits(self) -> bool:
        """True where the program can work on what is there."""
        return self.is_there and not self.gaps and not self.in_the_map

    @property
    def gaps(self) -> tuple[str, ...]:
        """What the tables lack; empty where none of them is there, so that they can be made."""
        projects = self.tables[PROJECTS]
        if self.is_there:
            return tuple(_gaps(self))
        id_ = projects.columns.get("id")
        if projects.table is not None and (id_ is None or id_.id_sort != "text"):
            return (
                f"{projects.table.name} has no text for its id, so that no stories can be made",
            )
        return ()


def take(reflection: Reflection, names: Names) -> Whole:
    """Looks at a database. Writes nothing, and refuses nothing."""
    problems = list(names.problems)
    found, elsewhere = _found(reflection, names)
    there = {ours: found.get(names.table(ours)) for ours in WANTED}
    for ours in WANTED:
        if there[ours] is None and ours in names.tables:
            problems.append(f"[{ours}] names a table that is not there: {names.tables[ours]}")
        elif there[ours] is None and names.columns.get(ours):
            problems.append(f"[{ours}] names columns of a table that is not there: {USUAL[ours]}")
    tables = {ours: _take(ours, there, names, problems) for ours in WANTED}
    scripts = tables[SCRIPTS].table
    _scripts_once(tables, names)
    left = scripts.name if scripts is not None and tables[SCRIPTS].table is None else None
    if names.schema is not None and not any(there.values()):
        problems.append(f'schema names one without such tables: "{names.schema}"')
    return Whole(names, tables, tuple(problems), elsewhere, left)


def _found(reflection: Reflection, names: Names) -> tuple[dict[str, Table], tuple[str, ...]]:
    """The tables that are there, by their names; and the schemas that they might be in.

    What is said decides; then what statements see; then the only one that has tables of stories.
    """
    wanted = [names.table(ours) for ours in WANTED]
    found = reflection.tables(wanted, names.schema)
    if names.schema is not None or names.table(STORIES) in found:
        return found, ()
    schemas = reflection.schemas_with((names.table(STORIES), names.table(SCENES)))
    if len(schemas) == 1:
        return reflection.tables(wanted, schemas[0]), ()
    return found, tuple(schemas)


def _take(ours: str, there: Mapping[str, Table | None], names: Names, problems: list[str]) -> Taken:
    table = there[ours]
    if table is None:
        return Taken(ours, None)
    columns: dict[str, Column] = {}
    missing: list[str] = []
    unfit: list[str] = []
    for wanted in WANTED[ours]:
        said = names.column(ours, wanted.name)
        if said is not None and said not in table.columns:
            problems.append(f"{ours}.{wanted.name} names a column that {table.name} lacks: {said}")
            continue
        column = table.columns[said] if said is not None else _by_itself(wanted, table, there)
        if column is None:
            missing += [wanted.name] if wanted.is_needed else []
        elif _fits(wanted, column):
            columns[wanted.name] = column
        elif wanted.is_needed or wanted.use == "map" or said is not None:
            unfit.append(f"{column.name} ({column.type})")
    if ours == STORIES:
        missing += _of_structures(columns)
    return Taken(ours, table, columns, tuple(missing), tuple(unfit))


def _of_structures(columns: Mapping[str, Column]) -> list[str]:
    """The columns of texts that are missing: a structure has all of its own or none."""
    lacking = {
        type_: [name for name in names if name not in columns] for type_, names in MAPS_OF.items()
    }
    begun = [one for type_, one in lacking.items() if len(one) < len(MAPS_OF[type_])]
    return [name for one in begun or lacking.values() for name in one]


def _by_itself(wanted: Wanted, table: Table, there: Mapping[str, Table | None]) -> Column | None:
    """The column that is meant where nothing is said of it."""
    if wanted.name in table.columns:
        return table.columns[wanted.name]
    to = there.get(wanted.to)
    if to is not None:
        keys = [name for name, end in table.refers.items() if end == (to.schema, to.name)]
        if len(keys) == 1:
            return table.columns[keys[0]]
    others = [table.columns[name] for name in wanted.others if name in table.columns]
    others = [column for column in others if _fits(wanted, column)]
    return others[0] if len(others) == 1 else None


def _fits(wanted: Wanted, column: Column) -> bool:
    """Whether a column can be worked with; what a row of it holds is looked at row by row."""
    match wanted.use:
        case "id" | "reference":
            return column.id_sort is not None
        case "map" | "value":
            return column.sort in _SORTS_OF_A_MAP
        case "words" | "key":
            return column.sort in ("text", "words")
        case "number" | "text":
            # Of another type each of its values is unreadable, and none of them is in a plan.
            return True


def _scripts_once(tables: dict[str, Taken], names: Names) -> None:
    """Scripts are in the scenes' own column where there is one, unless a table of them is named."""
    of_scenes = tables[SCENES].columns
    if SCRIPTS in names.tables and names.column(SCENES, SCRIPT) is None:
        rest = {name: column for name, column in of_scenes.items() if name != SCRIPT}
        tables[SCENES] = replace(tables[SCENES], columns=rest)
    elif SCRIPT in of_scenes:
        tables[SCRIPTS] = Taken(SCRIPTS, None)
    scenes, scripts = tables[SCENES], tables[SCRIPTS]
    if scenes.table is not None and SCRIPT not in scenes.columns and scripts.table is None:
        tables[SCENES] = replace(scenes, missing=(*scenes.missing, SCRIPT))


def _gaps(whole: Whole) -> Iterator[str]:
    for ours, one in whole.tables.items():
        if one.table is None:
            if ours in NEEDED:
                yield f"there is no table {whole.names.table(ours)}"
            continue
        if one.missing:
            yield f"{one.table.name} lacks {', '.join(one.missing)}"
        for column in one.unfit:
            yield f"{one.table.name} has a column that does not fit: {column}"
        yield from _of_other_keys(whole, one)


def _of_other_keys(whole: Whole, one: Taken) -> Iterator[str]:
    """The references whose type is not that of the key they go to: no row would be found."""
    for wanted in WANTED[one.ours]:
        here = one.columns.get(wanted.name)
        to = whole.tables.get(wanted.to)
        there = to.columns.get("id") if to is not None else None
        if here is None or to is None or there is None or wanted.to == PROJECTS:
            continue
        if here.id_sort != there.id_sort:
            assert one.table is not None
            assert to.table is not None
            yield (
                f"{one.table.name}.{here.name} ({here.type}) is of another type than "
                f"{to.table.name}.{there.name} ({there.type})"
            )
