"""What the database cannot do or does not let be done."""

from __future__ import annotations

from collections.abc import Sequence

from cascade.errors.root import CascadeError


class DatabaseError(CascadeError):
    """The database cannot be used as it is."""

    code = "database"


class DatabaseUnavailable(DatabaseError):
    """It cannot be opened."""

    code = "database_unavailable"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"The database {where} cannot be opened: {why}. Check CASCADE_DATABASE_URL, and that "
            "the place exists and may be written to.",
            where=where,
            why=why,
        )


class DatabaseAway(DatabaseError):
    """It was there and does not answer now: restarted, locked too long, or out of disk."""

    code = "database_away"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"The database {where} does not answer: {why}. What is saved stays saved; try again "
            "in a moment.",
            where=where,
            why=why,
        )


class DatabaseRejection(DatabaseError):
    """It answers, and does not do what was asked; trying again does not help."""


class DatabaseRefused(DatabaseRejection):
    """It answers, and does not take or give what was asked: a limit, a rule, a missing right.

    `reason` is the database's own, in its words and without any row's text; `place` is the table,
    with the column where that is known, or else the database's address.
    """

    code = "database_refused"

    def __init__(
        self, where: str, reason: str, table: str | None = None, column: str | None = None
    ) -> None:
        place = f"{table}.{column}" if table and column else table or where
        super().__init__(
            f"The database refused this ({place}): {reason}. Nothing of it was saved or charged. "
            "That has to be changed in the database; then try again.",
            place=place,
            table=table,
            column=column,
            reason=reason,
        )


class NotWritten(DatabaseRejection):
    """The database took a write without an error and changed no row: nothing was saved.

    Row-level security that hides the row, a trigger that returns nothing, a row that is gone.
    """

    code = "not_written"

    def __init__(self, table: str) -> None:
        super().__init__(
            f"The database changed no row of {table}, so nothing was saved and nothing charged. "
            f"The row is gone, or a policy or trigger of {table} keeps this role from it: grant "
            f"UPDATE on {table} and let its policies pass the role.",
            table=table,
        )


class DatabasePooled(DatabaseError):
    """Its address leads to a pooler whose transactions each get another session.

    Who executes holds a lock of its session: there it would be lost, and two would execute.
    """

    code = "database_pooled"

    def __init__(self, where: str) -> None:
        super().__init__(
            f"Nothing is executed through {where}: it leads to a pooler that gives each "
            "transaction another session. Set CASCADE_EXECUTOR_URL to an address of the database "
            "itself, or of a pooler that gives a connection its own session. Reading goes on, and "
            "so do runs that another process executes.",
            where=where,
        )


class DatabaseReadOnly(DatabaseError):
    """It can be read but not written, and what is to be done writes."""

    code = "database_read_only"

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"The database {where} cannot be written: {why}. Nothing was changed. Point "
            "CASCADE_DATABASE_URL at the server that takes writes, or let the file and its folder "
            "be written, then try again.",
            where=where,
            why=why,
        )


class MissingRights(DatabaseRejection):
    """The database's user may not do what the program needs.

    The causes: `grant` (with the statements that mend it), `policy` (row-level security forbids a
    row), `owner` (a table of ours belongs to somebody else), `other`.
    """

    code = "missing_rights"

    def __init__(self, where: str, role: str, why: str, cause: str, grants: str = "") -> None:
        what_to_do = {
            "grant": f"Let the owner of the tables execute: {grants};",
            "policy": f'Give "{role}" a policy that allows it, or BYPASSRLS.',
            "owner": f'Start once as the owner of the tables, or make "{role}" their owner.',
            "other": f'Give "{role}" that right.',
        }[cause]
        super().__init__(
            f"The database {where} does not let its user do this: {why}. {what_to_do}",
            where=where,
            role=role,
            why=why,
            cause=cause,
            grants=grants,
        )


class RowsHidden(DatabaseError):
    """Row-level security hides every story from the database's user."""

    code = "rows_hidden"

    def __init__(self, where: str, role: str, tables: Sequence[str]) -> None:
        super().__init__(
            f'The database {where} hides every row of {" and ".join(tables)} from "{role}" by '
            "row-level security. Nothing was changed. Give that role a policy for them, or "
            "BYPASSRLS.",
            where=where,
            role=role,
            tables=list(tables),
        )


class DatabaseTooNew(DatabaseError):
    """A later version of the program has migrated it."""

    code = "database_too_new"

    def __init__(self, where: str, revision: str) -> None:
        super().__init__(
            f"The database {where} is newer than this program (its schema is {revision}). "
            "Update the program, or point CASCADE_DATABASE_URL at another database.",
            where=where,
            revision=revision,
        )


class SchemaGap(DatabaseError):
    """The product's tables are there but lack what the program needs, or are of another kind.

    `problems` are what is missing and what does not fit, a few words each.
    """

    code = "schema_gap"

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        super().__init__(
            f"The database {where} does not fit: {'; '.join(problems)}. Nothing was changed. "
            "`cascade db check` shows every table; put that right, then start again.",
            where=where,
            problems=list(problems),
        )
