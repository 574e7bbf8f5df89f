"""Databases as earlier versions left them, with runs in every state, and what is in a schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cascade.errors import Reason
from cascade.llm.provider import Answer
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment, Written
from cascade.service import Service
from cascade.settings import Settings
from cascade.store import calls, migrate, startkeys
from cascade.store.calls import Call
from cascade.store.check import VERSION_TABLE
from cascade.store.database import Database
from cascade.store.tables import PREFIX, PRODUCT_TABLES, Base, is_own

OWN = [table.name for table in Base.metadata.sorted_tables if is_own(table.name)]
# Under the names that they had, and in an order in which rows can be put in.
LATER = {
    "cascade_made",
    "cascade_tokens",
    "cascade_start_keys",
    "cascade_audit",
    "cascade_project_rules",
    "cascade_outbox",
    "cascade_requests",
}
# The first version whose tables begin with the prefix.
NAMED_SO = "0005"
PLAIN = [name.removeprefix(PREFIX) for name in OWN if name not in LATER]
APPEND_ONLY = ("cascade_credit_entries", "cascade_audit")
Rows = Mapping[str, list[tuple[Any, ...]]]


def open_service(url: str) -> Service:
    return Service(Settings(database_url=url, provider="offline", offline_delay_ms=0))


def transact(service: Service, work: Any, *arguments: Any) -> Any:
    with service.database.write() as session:
        return work(session, *arguments)


def save_steps(service: Service, run_id: str, count: int, by: str = "") -> list[str]:
    """Takes a run into execution and saves its next steps; the keys of those that are left.

    Two runs write the same texts, unless each is told `by` whom they are.
    """
    keys = [key for group in transact(service, runs.begin, run_id) for key in group]
    for key in keys[:count]:
        found = transact(service, steps.announce, run_id, key)
        assert isinstance(found, Assignment)
        call = Call(1, "saved", "offline", "m", 5, prompt_tokens=10, completion_tokens=20)
        answer = Answer(f"“New” words é {key}{by}.", "stop", "m", "h")
        written = Written(answer, found.brief, "offline", "1", call)
        assert transact(service, steps.save, run_id, key, written) == "saved"
    return keys[count:]


def start(service: Service, story_id: str, beat: str) -> str:
    """Starts a run of one beat by the sample editor."""
    level = service.operator().story(story_id).curve[beat] % 5 + 1
    actor = service.actor("editor")
    return service.desk(actor).start(service.desk(actor).plan(story_id, {beat: level}).plan)


def make_busy(url: str) -> dict[str, str]:
    """Works on a database of samples until it has a run in every state; their ids by status."""
    found: dict[str, str] = {}
    with closing(open_service(url)) as service:
        editor = service.actor("editor")
        cat, hero, harmon = (story.id for story in service.operator().stories())
        found["done"] = start(service, harmon, "go")
        assert save_steps(service, found["done"], 99) == []
        transact(service, runs.finish, found["done"])
        found["cancelled"] = start(service, harmon, "need")
        assert save_steps(service, found["cancelled"], 1)
        service.desk(editor).cancel(found["cancelled"])
        transact(service, runs.finish, found["cancelled"])
        service.desk(editor).restore_piece(found["cancelled"], "need/beatContent")
        found["failed"] = start(service, harmon, "take")
        left = save_steps(service, found["failed"], 2)
        rejected = Call(1, "rejected", "offline", "m", 5, code="x", rejected_text="No.")
        failure = Reason("bad_output", "It was too short.", {"cause": "too_short", "count": 1})
        transact(service, steps.announce, found["failed"], left[0])
        transact(service, steps.fail, found["failed"], left[0], failure, rejected)
        transact(service, runs.finish, found["failed"])
        found["queued"] = start(service, harmon, "search")
        found["running"] = start(service, hero, "ordeal")
        left = save_steps(service, found["running"], 1)
        transact(service, calls.show_growing, found["running"], left[0], "It grows")
        found["cancelling"] = start(service, cat, "finale")
        save_steps(service, found["cancelling"], 1)
        assert transact(service, runs.cancel, found["cancelling"]) == "cancelling"
        service.operator().create_token("editor", 1)
        service.operator().set_project(None, {"time_zone": "Asia/Jakarta"})
        key = startkeys.Key("once before", "0" * 64)
        transact(service, startkeys.keep, editor.user_id, key, found["done"])
        service.desk(editor).save_draft(harmon, {"you": 5}, {"you": "keep it “off-stage”"})
        columns = [c.name for c in Base.metadata.tables["cascade_runs"].columns]
        rest = ", ".join(one for one in columns if one not in ("id", "status", "chain_id"))
        for status in ("awaiting_approval", "rejected"):
            found[status] = f"{found['done'][:-2]}{status[:2]}"
            insert = (
                f"INSERT INTO cascade_runs (id, chain_id, status, {rest}) "
                f"SELECT :id, :id, :status, {rest} FROM cascade_runs WHERE id = :done"
            )
            values = {"id": found[status], "status": status, "done": found["done"]}
            with service.database.write() as session:
                session.execute(sa.text(insert), values)
    return found


def migrate_to(database: Database, version: str) -> None:
    """What a version did whose newest migration this was."""
    config = Config()
    config.set_main_option("script_location", "cascade:store/migrations")
    config.attributes["version_table"] = VERSION_TABLE
    # Under their prefix tables are made anew, with what refers to them looked at only at the end.
    is_plain = version < NAMED_SO
    changing = database.engine.begin() if is_plain else migrate._changing_tables(database, None)
    with changing as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def make_earlier(url: str, version: str) -> None:
    """Makes a database of today what a version would have left, with the rows that it knew."""
    with closing(Database(url)) as database:
        kept = {}
        with database.engine.begin() as connection:
            for table in OWN:
                kept[table] = _values(connection, table)
            for name in (*reversed(OWN), VERSION_TABLE):
                connection.exec_driver_sql(f"DROP TABLE {name}")
            if not database.is_sqlite:
                for table in APPEND_ONLY:
                    connection.exec_driver_sql(f"DROP FUNCTION {table}_append_only()")
                if version < NAMED_SO:
                    connection.exec_driver_sql("ALTER SCHEMA cascade_dbos RENAME TO dbos")
        migrate_to(database, version)
        with database.engine.begin() as connection:
            if version >= NAMED_SO:
                connection.exec_driver_sql("DELETE FROM cascade_made")
                for table in tables_of(connection):
                    _put(connection, table, kept[table])
                return
            if version >= "0004":
                connection.exec_driver_sql("DELETE FROM cascade_made")
                _put(connection, "cascade_made", kept["cascade_made"])
            revisions = kept[f"{PREFIX}revisions"]
            # A version that marks texts keeps none of which it knows only what it was made from.
            revisions[:] = [row for row in revisions if row["is_kept"] in (1, "true")]
            for name in PLAIN:
                _put(connection, name, kept[PREFIX + name])
            connection.exec_driver_sql(
                "INSERT INTO pieces (story_version_id, key, out_of_date_since, locked) "
                "SELECT r.story_version_id, s.key, r.id, false FROM runs r "
                "JOIN run_steps s ON s.run_id = r.id AND s.status = 'pending' "
                "WHERE r.status = 'cancelled'"
            )


def tables_of(connection: sa.Connection) -> list[str]:
    """Those of today's tables that are there, in an order in which rows can be put in."""
    there = sa.inspect(connection).get_table_names()
    return [table for table in OWN if table in there]


def _values(connection: sa.Connection, table: str) -> list[dict[str, Any]]:
    """The rows of a table as the driver gives them; on Postgres as text."""
    names = [one["name"] for one in sa.inspect(connection).get_columns(table)]
    columns = ", ".join(f'"{name}"' for name in names)
    if connection.dialect.name != "sqlite":
        columns = ", ".join(f'"{name}"::text' for name in names)
    # By the column itself, and not by its text.
    order = "rowid" if connection.dialect.name == "sqlite" else f'{table}."{names[0]}"'
    found = connection.exec_driver_sql(f"SELECT {columns} FROM {table} ORDER BY {order}")
    return [dict(zip(names, row, strict=True)) for row in found]


def _put(connection: sa.Connection, table: str, rows: list[dict[str, Any]]) -> None:
    names = [one["name"] for one in sa.inspect(connection).get_columns(table)]
    columns = ", ".join(f'"{name}"' for name in names)
    sign = "?" if connection.dialect.name == "sqlite" else "%s"
    signs = ", ".join(sign for _ in names)
    for row in rows:
        values = tuple(row.get(name) for name in names)
        connection.exec_driver_sql(f"INSERT INTO {table} ({columns}) VALUES ({signs})", values)
    if connection.dialect.name != "sqlite" and f"{table}_id_seq" in sequences(connection):
        newest = f"SELECT setval('{table}_id_seq', (SELECT max(id) FROM {table}))"
        connection.exec_driver_sql(newest)


def sequences(connection: sa.Connection) -> list[str]:
    return sa.inspect(connection).get_sequence_names()


def rows_of(
    database: Database,
    prefix: str,
    leave_out: Mapping[str, set[str]] | None = None,
    plain: Sequence[str] = PLAIN,
) -> Rows:
    """All rows of Cascade's tables, by plain name, each value as the database spells it."""
    spelled = 'quote("{}")' if database.is_sqlite else '"{}"::text'
    found = {}
    with database.engine.connect() as connection:
        inspector = sa.inspect(connection)
        for name in plain:
            table = f"{prefix}{name}"
            names = [
                one["name"]
                for one in inspector.get_columns(table)
                if one["name"] not in (leave_out or {}).get(name, ())
            ]
            columns = ", ".join(spelled.format(one) for one in names)
            order = "rowid" if database.is_sqlite else "1, 2"
            rows = connection.exec_driver_sql(f"SELECT {columns} FROM {table} ORDER BY {order}")
            found[name] = [tuple(names), *(tuple(row) for row in rows)]
    return found


def content_of(database: Database) -> Rows:
    """All rows of the product's tables, each value as the database spells it."""
    spelled = 'quote("{}")' if database.is_sqlite else '"{}"::text'
    found = {}
    with database.engine.connect() as connection:
        for table in PRODUCT_TABLES:
            names = [one["name"] for one in sa.inspect(connection).get_columns(table)]
            columns = ", ".join(spelled.format(one) for one in names)
            rows = connection.exec_driver_sql(f"SELECT {columns} FROM {table} ORDER BY 1")
            found[table] = [tuple(row) for row in rows]
    return found


_ON_POSTGRES = {
    "columns": "SELECT a.attrelid::regclass::text, a.attnum, a.attname,"
    " format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0",
    "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = 'public'::regnamespace",
    "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    "triggers": "SELECT pg_get_triggerdef(t.oid), t.tgenabled FROM pg_trigger t"
    " JOIN pg_class c ON c.oid = t.tgrelid"
    " WHERE NOT t.tgisinternal AND c.relnamespace = 'public'::regnamespace",
    "functions": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
    "sequences": "SELECT c.relname, d.refobjid::regclass::text FROM pg_class c"
    " JOIN pg_depend d ON d.objid = c.oid AND d.deptype = 'a'"
    " WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace",
}


def shape_of(database: Database) -> dict[str, list[Any]]:
    """All that the database's own catalogue says of the tables, but for the runner's."""
    with database.engine.connect() as connection:
        if not database.is_sqlite:
            return {
                what: sorted(map(tuple, connection.exec_driver_sql(sql)), key=repr)
                for what, sql in _ON_POSTGRES.items()
            }
        known = {*OWN, *PRODUCT_TABLES, VERSION_TABLE}
        rows = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master")
        return {"all": sorted((tuple(row) for row in rows if row[2] in known), key=repr)}
