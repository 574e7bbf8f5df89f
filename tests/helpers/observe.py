"""What stands in a database before and after, read from outside; and waiting for it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
Event = dict[str, Any]


def wait_for(condition: Callable[[], T], what: str, timeout: float = 120.0) -> T:
    """Looks again and again until the condition gives something; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout:g} s in vain for {what}"
        time.sleep(0.01)
    return found


def tell(line: str) -> None:
    """A figure for whoever reads the report of the tests (`pytest -rA`)."""
    sys.stdout.write(f"{line}\n")


def lock_holder(path: Path) -> int | None:
    """The process that holds a lock on a file, as the kernel says."""
    if not path.exists():
        return None
    inode = str(path.stat().st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        parts = line.split()
        if parts[1] != "->" and parts[5].split(":")[-1] == inode:
            return int(parts[4])
    return None


CONTENT = (
    "projects",
    "cascade_project_members",
    "cascade_users",
    "story_versions",
    "scene_plots",
    "scene_shots",
)
RULED = (
    "cascade_pieces",
    "cascade_revisions",
    "cascade_credit_accounts",
    "cascade_credit_entries",
    "cascade_drafts",
    "cascade_runs",
    "cascade_run_steps",
    "cascade_run_events",
    "cascade_start_keys",
    "cascade_requests",
    "cascade_audit",
)

_LAYOUT_SQLITE = """
SELECT t.name, c.name, c.pk FROM sqlite_master t, pragma_table_info(t.name) c
WHERE t.type = 'table' ORDER BY t.name, c.cid"""
_LAYOUT_POSTGRES = """
SELECT t.relname, c.attname, coalesce(c.attnum = ANY (k.conkey), false)
FROM pg_class t JOIN pg_attribute c ON c.attrelid = t.oid
LEFT JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'p'
WHERE t.relkind = 'r' AND c.attnum > 0 AND NOT c.attisdropped AND pg_table_is_visible(t.oid)
AND t.relnamespace <> 'pg_catalog'::regnamespace ORDER BY t.relname, c.attnum"""


def _dicts(result: sa.CursorResult[Any]) -> list[Row]:
    """The rows of a result; its own mappings look up every column of every row by its name."""
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


class Database:
    """A database as a stranger sees it: raw rows by SQL, and edits behind the program's back."""

    def __init__(self, url: str) -> None:
        address = sa.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg2")
        self.is_sqlite = address.get_backend_name() == "sqlite"
        self._engine = sa.create_engine(
            address, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT"
        )

    def query(self, sql: str, **values: Any) -> list[Row]:
        """The rows that a statement gives."""
        with closing(self._engine.connect()) as connection:
            return _dicts(connection.execute(sa.text(sql), values))

    def value(self, sql: str, **values: Any) -> Any:
        """The first column of the first row; None without rows."""
        found = self.query(sql, **values)
        return next(iter(found[0].values())) if found else None

    def sessions(self) -> list[Row]:
        """The other sessions on it, each with its name and state; a file has none."""
        if self.is_sqlite:
            return []
        return self.query(
            "SELECT application_name, state FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    def execute(self, sql: str, **values: Any) -> int:
        """Changes rows; how many."""
        with closing(self._engine.connect()) as connection:
            return int(connection.execute(sa.text(sql), values).rowcount)

    def rows(self, *tables: str) -> Rows:
        """Whole tables by primary key, JSON as the text it is stored as."""
        found: Rows = {}
        with closing(self._engine.connect()) as connection:
            layout = self._layout(connection)
            for table in tables:
                columns = ", ".join(f"CAST({name} AS TEXT) AS {name}" for name in layout[table])
                keys = [name for name, is_key in layout[table].items() if is_key]
                rows = _dicts(connection.execute(sa.text(f"SELECT {columns} FROM {table}")))
                found[table] = {"/".join(str(row[k]) for k in keys): row for row in rows}
        return found

    def _layout(self, connection: sa.Connection) -> dict[str, dict[str, bool]]:
        """The columns of every table, in order, and whether each is of its primary key."""
        layout: dict[str, dict[str, bool]] = {}
        found = connection.exec_driver_sql(_LAYOUT_SQLITE if self.is_sqlite else _LAYOUT_POSTGRES)
        for table, column, is_key in found:
            layout.setdefault(table, {})[column] = bool(is_key)
        return layout

    def content(self) -> Rows:
        """Everything that is content, or that no run may touch."""
        return self.rows(*CONTENT)

    def everything(self) -> Rows:
        """Every row that the program's own rules are about."""
        return self.content() | self.rows(*RULED)

    def sign(self) -> int:
        """A number that is another one when a row of all that is another one: quick to take."""
        with closing(self._engine.connect()) as connection:
            found = (
                sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table}")))
                for table in (*CONTENT, *RULED)
            )
            return hash(tuple(map(tuple, found)))

    def plan_of(self, run_id: str) -> dict[str, Any]:
        """The plan that is stored with a run."""
        sql = "SELECT CAST(plan AS TEXT) FROM cascade_runs WHERE id = :id"
        plan: dict[str, Any] = json.loads(self.value(sql, id=run_id))
        return plan

    def edit_map(self, story_id: str, column: str, key: str, value: Any) -> None:
        """Another program's edit of one entry in a JSON map of a story; nothing else moves."""
        with self._engine.connect() as raw:
            connection = raw.execution_options(isolation_level="SERIALIZABLE")
            with connection.begin():
                lock = "" if self.is_sqlite else " FOR UPDATE"
                if self.is_sqlite:
                    # The driver begins at the first write: so write first, then read.
                    connection.execute(
                        sa.text("UPDATE story_versions SET id = id WHERE id = :id"),
                        {"id": story_id},
                    )
                stored = connection.scalar(
                    sa.text(
                        f"SELECT CAST({column} AS TEXT) FROM story_versions WHERE id = :id{lock}"
                    ),
                    {"id": story_id},
                )
                text = json.dumps({**json.loads(stored), key: value})
                connection.execute(
                    sa.text(f"UPDATE story_versions SET {column} = :new WHERE id = :id"),
                    {"id": story_id, "new": text},
                )


def assert_untouched(
    before: Rows, after: Rows, story_id: str, keys: Iterable[str], levels: Iterable[str]
) -> None:
    """Content is the same byte for byte, but for the pieces and levels named, of that story."""
    keys, levels = set(keys), set(levels)
    was, is_now = (masked(rows, story_id, keys, levels) for rows in (before, after))
    for table in was:
        assert is_now[table] == was[table], f"{table} changed outside {sorted(keys)}"


def masked(rows: Rows, story_id: str, keys: set[str], levels: set[str]) -> Rows:
    """Content rows without what may differ; a map that may differ, by its other entries."""
    rest = {table: {key: dict(row) for key, row in found.items()} for table, found in rows.items()}
    story = rest["story_versions"][story_id]
    kind = story["structure_type"]
    gone = {
        "tension_levels": levels,
        f"{kind}_beats": {key.split("/")[0] for key in keys if key.endswith("/beatContent")},
        f"{kind}_key_actions": {key.split("/")[0] for key in keys if key.endswith("/keyAction")},
    }
    for column, beats in gone.items():
        if beats:
            stored = json.loads(story[column] or "{}")
            story[column] = [(beat, text) for beat, text in stored.items() if beat not in beats]
    for scene in rest["scene_plots"].values():
        if scene["story_version_id"] == story_id:
            for column, step in (("plot", "scenePlot"), ("script", "script")):
                if f"{scene['beat_key']}/{step}/{scene['scene_number']}" in keys:
                    del scene[column]
    return rest


def assert_document_untouched(
    before: Row, after: Row, keys: Iterable[str], levels: Iterable[str]
) -> None:
    """The same for two documents of `show --json`."""
    keys, levels = set(keys), set(levels)

    def rest(document: Row) -> str:
        copy = json.loads(json.dumps(document))
        copy.pop("outOfDate", None)
        for beat in copy["beats"]:
            for name, step in (("content", "beatContent"), ("keyAction", "keyAction")):
                if f"{beat['key']}/{step}" in keys:
                    del beat[name]
            if beat["key"] in levels:
                del beat["tension"]
        for scene in copy["scenes"]:
            for name, step in (("plot", "scenePlot"), ("script", "script")):
                if f"{scene['beatKey']}/{step}/{scene['number']}" in keys:
                    del scene[name]
        return json.dumps(copy, ensure_ascii=False)

    assert rest(after) == rest(before)


def text_in(document: Row, key: str) -> str:
    """The text of one piece in a document of `show --json`."""
    beat_key, kind, *rest = key.split("/")
    if rest:
        scene = next(one for one in document["scenes"] if one["number"] == int(rest[0]))
        return str(scene["plot" if kind == "scenePlot" else "script"])
    beat = next(one for one in document["beats"] if one["key"] == beat_key)
    return str(beat["content" if kind == "beatContent" else "keyAction"])


def level_in(document: Row, beat_key: str) -> int:
    """The level of one beat in a document of `show --json`."""
    return int(next(one["tension"] for one in document["beats"] if one["key"] == beat_key))
