"""Every error a person can meet: what happened and what to do next, in one sentence or two.

Each class has a `code` (stable, for programs) and its own `exit_code` (for the command line, see
the README). The message is complete English; other languages are made from `code` and the fields.
Where one code has several sentences, the field `cause` names which one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from cascade.display import one_line

USAGE, FAILED, REFUSED = 2, 4, 5


class CascadeError(Exception):
    """The root of all expected errors."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = FAILED

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


def _said(given: object) -> str:
    """What somebody has given, as a message repeats it: it may hold anything, at any length."""
    return one_line(given, 80)


class Unexpected(CascadeError):
    """What nobody foresaw; the log has the details."""

    code = "unexpected"

    def __init__(self, error: Exception) -> None:
        name = type(error).__name__
        super().__init__(
            f"Something unexpected went wrong in the program ({name}). Try again; if it stays so, "
            "the log has the details.",
            exception=name,
        )


class UsageError(CascadeError):
    """What was asked for does not exist or cannot be read: the asker mends it and asks again."""

    code = "usage"
    exit_code = USAGE


class BadSetting(UsageError):
    """An environment variable holds something the program cannot use."""

    code = "bad_setting"


class UnknownStructure(UsageError):
    """A structure type that is none of ours."""

    code = "unknown_structure"

    def __init__(self, type_: object, known: Sequence[str]) -> None:
        super().__init__(
            f'There is no structure "{_said(type_)}". Use one of: {", ".join(known)}.',
            structure=_said(type_),
        )


class UnknownBeat(UsageError):
    """A beat key that the story's structure does not have."""

    code = "unknown_beat"

    def __init__(self, key: str, structure_name: str, known: Sequence[str]) -> None:
        super().__init__(
            f'{structure_name} has no beat "{_said(key)}". Its beats are: {", ".join(known)}.',
            beat=_said(key),
            structure=structure_name,
            known=list(known),
        )


class BadLevel(UsageError):
    """A tension level outside 1-5, or no whole number."""

    code = "bad_level"

    def __init__(self, beat_key: str, value: object) -> None:
        super().__init__(
            f'"{_said(value)}" is not a tension level for {_said(beat_key)}. Use a whole number '
            "from 1 (calm) to 5 (highest pressure).",
            beat=_said(beat_key),
            value=_said(value),
        )


class UnknownStory(UsageError):
    """No story of that id."""

    code = "unknown_story"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f'There is no story "{_said(reference)}". `cascade stories` lists the ids there are.',
            story=_said(reference),
        )


class AmbiguousStory(UsageError):
    """A title, or a beginning of an id or title, that several stories have."""

    code = "ambiguous_story"

    def __init__(self, reference: str, count: int, cause: str) -> None:
        how = {"called": "are called", "begins": "begin with"}[cause]
        super().__init__(
            f'{count} stories {how} "{_said(reference)}". Give the id of the one that is meant: '
            "`cascade stories` lists them.",
            story=_said(reference),
            count=count,
            cause=cause,
        )


class UnknownRun(UsageError):
    """No run of that id."""

    code = "unknown_run"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f'There is no run "{_said(reference)}". `cascade runs` lists the ids there are.',
            run=_said(reference),
        )


class AmbiguousRun(UsageError):
    """A beginning of an id that several runs have."""

    code = "ambiguous_run"

    def __init__(self, reference: str, count: int) -> None:
        super().__init__(
            f'{count} runs begin with "{_said(reference)}". Give more of the id of the one that is '
            "meant: `cascade runs` lists them.",
            run=_said(reference),
            count=count,
        )


class UnknownUser(UsageError):
    """No user of that name."""

    code = "unknown_user"

    def __init__(self, name: str) -> None:
        super().__init__(
            f'There is no user "{_said(name)}". Set CASCADE_USER or --user to a known name; '
            "`cascade credits grant --user NAME N` adds an editor of that name.",
            user=_said(name),
        )


class BadDocument(UsageError):
    """A story file that cannot be imported; the message says where and what is wrong."""

    code = "bad_document"


class CannotImport(UsageError):
    """A story cannot be made in the product's tables: they need what a document does not say."""

    code = "cannot_import"

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(
            f"A story cannot be imported here: {', '.join(columns)} must not be empty, has no "
            "default, and is nothing that a story file says. Nothing was changed. Make the story "
            "in the product itself, or give the column a default.",
            columns=list(columns),
        )


class Refused(CascadeError):
    """A start that the rules do not allow: nothing was changed, nothing was charged."""

    code = "refused"
    exit_code = REFUSED


class NothingChanged(Refused):
    """Every level asked for is the saved one."""

    code = "nothing_changed"

    def __init__(self) -> None:
        super().__init__(
            "Nothing to regenerate: every level given is the saved one already. "
            "Change at least one beat's tension level."
        )


class UnreadablePieces(Refused):
    """A plan would replace something that stands in the database and could not be read.

    `pieces` maps keys to why (`story.story.Unreadable`), `what` says them in English.
    """

    code = "unreadable"

    def __init__(self, what: Sequence[str], pieces: Mapping[str, str]) -> None:
        super().__init__(
            f"Cannot be rewritten, because it is kept in a form that is not understood: "
            f"{', '.join(what)}. It was left as it is. `cascade db check` says which forms are "
            "read; other beats are not in its way.",
            what=list(what),
            pieces=dict(pieces),
        )


class UnreadableStory(Refused):
    """A story that cannot be shown or planned: its structure is none of ours.

    The causes: `structure` (with the one that stands there), `no_structure`.
    """

    code = "unreadable_story"

    def __init__(self, story: str, structure: str, known: Sequence[str]) -> None:
        named = f'"{structure}"' if structure else "missing"
        super().__init__(
            f'The story "{story}" cannot be shown: its structure is {named}, and not one of '
            f"{', '.join(known)}. It was left as it is; other stories are not in its way.",
            story=story,
            cause="structure" if structure else "no_structure",
            structure=structure,
            known=list(known),
        )


class InsufficientCredits(Refused):
    """The estimate is more than the account can hold."""

    code = "insufficient_credits"

    def __init__(self, needed: int, available: int) -> None:
        super().__init__(
            f"{needed - available} credits are missing: this needs {needed} and {available} are "
            "available. Change fewer beats, or have credits granted.",
            needed=needed,
            available=available,
            missing=needed - available,
        )


class StalePlan(Refused):
    """The story is no longer what the plan was made from.

    `changed` is what of it, as `story.story.Part` names it, or the cause `writer`.
    """

    code = "stale_plan"

    def __init__(self, what: str = "", **changed: str) -> None:
        detail = f" ({what})" if what else ""
        super().__init__(
            f"The story has changed since this plan was made{detail}. Nothing was started: "
            "look at the new plan and confirm again.",
            what=what,
            **changed,
        )


class RunActive(Refused):
    """Another run is at work on this story."""

    code = "run_active"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"Run {run_id} is still at work on this story. Wait until it has ended, or cancel it.",
            run=run_id,
        )


class StoryGone(Refused):
    """A run whose story the product has deleted; the run itself, its texts and credits are kept."""

    code = "story_gone"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"The story of run {run_id} has been deleted, so nothing was changed. What the run "
            f"wrote and used is kept: `cascade runs` and `cascade events {run_id}` show it.",
            run=run_id,
        )


class NotResumable(Refused):
    """A run that has not stopped half-way has nothing to resume.

    The causes: `status` (with the run's), `resumed` (with the `later` run), `saved` (every step
    is), `step_saved` and `nothing_rejected` (with the step).
    """

    code = "not_resumable"

    def __init__(self, run_id: str, why: str, cause: str, **fields: str) -> None:
        message = f"Run {run_id} cannot be resumed: {why}"
        super().__init__(message, run=run_id, why=why, cause=cause, **fields)


class EditedSince(Refused):
    """What a run wrote has been changed since, so that restoring would lose that change.

    `what` says it in English, `pieces` (by key) and `levels` (by beat) for programs.
    """

    code = "edited_since"

    def __init__(
        self, what: Sequence[str], *, pieces: Sequence[str] = (), levels: Sequence[str] = ()
    ) -> None:
        super().__init__(
            f"Changed after the run, so nothing was restored: {', '.join(what)}. "
            "Restore the other pieces one by one.",
            what=list(what),
            pieces=list(pieces),
            levels=list(levels),
        )


class NothingToRestore(Refused):
    """A run of which nothing stands any more, or that saved nothing."""

    code = "nothing_to_restore"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"Nothing that run {run_id} wrote stands any more, so there is nothing to restore.",
            run=run_id,
        )


class NotAllowed(Refused):
    """The actor's role does not cover the use case; `cause` is its name for programs."""

    code = "not_allowed"

    def __init__(self, user: str, action: str, roles: Sequence[str], cause: str) -> None:
        super().__init__(
            f"{_said(user)} may not {action}. That takes one of these roles in the project: "
            f"{', '.join(roles)}.",
            user=_said(user),
            action=action,
            roles=list(roles),
            cause=cause,
        )


class NotADemo(Refused):
    """A database whose contents are more than the samples.

    The causes: `tables` (that a product has made), `projects`, `users`, `stories` (of its own),
    `run_active`.
    """

    code = "not_a_demo"

    def __init__(self, why: str, cause: str) -> None:
        message = f"The demo was not reset: {why}. Nothing was changed."
        super().__init__(message, why=why, cause=cause)


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
