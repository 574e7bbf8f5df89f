"""What an error of the database means: try again, or never; and how it is told.

An outage passes: the connection is lost, the server starts or stops or is read-only, the disk is
full, somebody holds the lock. A clash is two transactions of which one has to begin again. All
else is a refusal, which comes again however often it is tried.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from cascade.errors import DatabaseAway, DatabaseRefused

# By the first two signs of the server's code: connection, resources, operator, system.
_OUTAGE_CLASSES = ("08", "53", "57", "58")
# read_only_sql_transaction; idle_in_transaction_session_timeout.
_OUTAGES = ("25006", "25P03")
# serialization_failure, deadlock_detected, lock_not_available.
_CLASHES = ("40001", "40P01", "55P03")
_SQLITE_OUTAGES = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
)
# A driver's errors that its server gave no code are about the connection, but for these.
_OF_THE_CALLER = ("ProgrammingError", "DataError", "IntegrityError", "NotSupportedError")

_MOST_OF_A_REASON = 300
# So many signs in a row that are a row's own are no coincidence.
_SHORTEST_QUOTE = 12
_TABLE = re.compile(r'^\s*(?:UPDATE|INSERT INTO|DELETE FROM)\s+(?:\w+\.)?"?(\w+)"?', re.IGNORECASE)
_READ = re.compile(r'\bFROM\s+(?:\w+\.)?"?(\w+)"?', re.IGNORECASE)
_SET = re.compile(r'"?(\w+)"?\s*=\s*%\((\w+)\)s')
_LIMIT = re.compile(r"^value too long for type character(?: varying)?\((\d+)\)")
_SQLITE_COLUMN = re.compile(r"^NOT NULL constraint failed: (\w+)\.(\w+)")


def is_outage(error: BaseException) -> bool:
    """True where the database is away or cannot write just now."""
    if isinstance(error, sa.exc.TimeoutError):
        return True  # No connection came free in time.
    if not isinstance(error, sa.exc.DBAPIError):
        return False
    if error.connection_invalidated or isinstance(error, sa.exc.InterfaceError):
        return True
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE_OUTAGES
    code = _server_code(cause)
    if code is None:
        return not type(cause).__name__.startswith(_OF_THE_CALLER)
    return code.startswith(_OUTAGE_CLASSES) or code in _OUTAGES


def is_clash(error: BaseException) -> bool:
    """True where another transaction was in the way, so that this one has to begin again."""
    return isinstance(error, sa.exc.DBAPIError) and _server_code(error.orig) in _CLASHES


def told(error: sa.exc.SQLAlchemyError, where: str) -> DatabaseAway | DatabaseRefused:
    """The error as a person meets it; `where` is the database's address without its password."""
    if is_outage(error) or is_clash(error):
        return DatabaseAway(where, reason(error))
    return DatabaseRefused(where, reason(error), *_place(error))


def reason(error: sa.exc.SQLAlchemyError) -> str:
    """The database's own reason in one line, without its details and without any row's text."""
    cause = getattr(error, "orig", None) or error
    primary = getattr(getattr(cause, "diag", None), "message_primary", None)
    lines = str(primary or cause).strip().splitlines()
    line = lines[0].strip().rstrip(".") if lines else ""
    line = _without_texts(line[:_MOST_OF_A_REASON], list(_texts(getattr(error, "params", None))))
    return line or "no reason given"


def _server_code(cause: BaseException | None) -> str | None:
    """The five signs with which a Postgres server names an error."""
    code = getattr(cause, "pgcode", None) or getattr(cause, "sqlstate", None)
    return code if isinstance(code, str) else None


def _texts(params: Any) -> Iterator[str]:
    """The texts that a statement was given."""
    if isinstance(params, str):
        yield params
    elif isinstance(params, dict):
        yield from _texts(list(params.values()))
    elif isinstance(params, list | tuple):
        for one in params:
            yield from _texts(one)


def _without_texts(line: str, texts: list[str]) -> str:
    """The line with every piece of those texts that it repeats taken out."""
    kept, at = "", 0
    while at < len(line):
        end = at + _SHORTEST_QUOTE
        if end <= len(line) and any(line[at:end] in text for text in texts):
            while end < len(line) and any(line[at : end + 1] in text for text in texts):
                end += 1
            kept, at = kept + "…", end
        else:
            kept, at = kept + line[at], at + 1
    for text in texts:
        if text and f'"{text}"' in kept:
            kept = kept.replace(f'"{text}"', '"…"')
    return kept


def _place(error: sa.exc.SQLAlchemyError) -> tuple[str | None, str | None]:
    """The table and the column that an error is about, as far as can be known."""
    cause = getattr(error, "orig", None)
    diagnosis = getattr(cause, "diag", None)
    table = getattr(diagnosis, "table_name", None)
    column = getattr(diagnosis, "column_name", None)
    if found := _SQLITE_COLUMN.match(str(cause)):
        return found[1], found[2]
    statement = getattr(error, "statement", None) or ""
    if table is None and (named := _TABLE.match(statement) or _READ.search(statement)):
        table = named[1]
    if column is None and (limit := _LIMIT.match(str(cause))):
        column = _too_long(statement, getattr(error, "params", None), int(limit[1]))
    return table, column


def _too_long(statement: str, params: Any, most: int) -> str | None:
    """The one column whose text is longer than that; the server does not name it."""
    # What is looked for in a row may be long too, and is never the fault.
    setting = statement.partition(" WHERE ")[0]
    columns = {parameter: column for column, parameter in _SET.findall(setting)}
    looked_for = {parameter for _, parameter in _SET.findall(statement)} - columns.keys()
    rows = params if isinstance(params, list | tuple) else [params]
    names = {
        columns.get(name, name.split("__")[0])
        for row in rows
        if isinstance(row, dict)
        for name, value in row.items()
        if isinstance(value, str) and len(value) > most and name not in looked_for
    }
    return names.pop() if len(names) == 1 else None
