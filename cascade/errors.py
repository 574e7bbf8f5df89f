"""Every error a person can meet: what happened and what to do next, in one sentence or two.

Each class has a `code` (stable, for programs) and its own `exit_code` (for the command line, see
the README). The message is complete English; other languages are made from `code` and the fields.
Where one code has several sentences, the field `cause` names which one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

USAGE, FAILED, REFUSED = 2, 4, 5


class CascadeError(Exception):
    """The root of all expected errors."""

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = FAILED

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


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
            f'There is no structure "{type_}". Use one of: {", ".join(known)}.',
            structure=str(type_),
        )


class UnknownBeat(UsageError):
    """A beat key that the story's structure does not have."""

    code = "unknown_beat"

    def __init__(self, key: str, structure_name: str, known: Sequence[str]) -> None:
        super().__init__(
            f'{structure_name} has no beat "{key}". Its beats are: {", ".join(known)}.', beat=key
        )


class BadLevel(UsageError):
    """A tension level outside 1-5, or no whole number."""

    code = "bad_level"

    def __init__(self, beat_key: str, value: object) -> None:
        super().__init__(
            f'"{value}" is not a tension level for {beat_key}. Use a whole number from 1 (calm) '
            "to 5 (highest pressure).",
            beat=beat_key,
            value=str(value),
        )


class UnknownStory(UsageError):
    """No story of that id."""

    code = "unknown_story"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f'There is no story "{reference}". `cascade stories` lists the ids there are.',
            story=reference,
        )


class UnknownRun(UsageError):
    """No run of that id."""

    code = "unknown_run"

    def __init__(self, reference: str) -> None:
        super().__init__(
            f'There is no run "{reference}". `cascade runs` lists the ids there are.', run=reference
        )


class UnknownUser(UsageError):
    """No user of that name."""

    code = "unknown_user"

    def __init__(self, name: str) -> None:
        super().__init__(
            f'There is no user "{name}". Set CASCADE_USER or --user to a known name; '
            "`cascade credits grant --user NAME N` adds an editor of that name.",
            user=name,
        )


class BadDocument(UsageError):
    """A story file that cannot be imported; the message says where and what is wrong."""

    code = "bad_document"


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

    `changed` is what of it, as `story.document.Part` names it, or the cause `writer`.
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


class NotResumable(Refused):
    """A run that has not stopped half-way has nothing to resume.

    The causes: `status` (with the run's), `resumed` (with the `later` run), `saved` (every step
    is), `nothing_rejected` (with the step).
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
            f"{user} may not {action}. That takes one of these roles in the project: "
            f"{', '.join(roles)}.",
            user=user,
            action=action,
            roles=list(roles),
            cause=cause,
        )


class NotADemo(Refused):
    """A database whose contents are more than the samples.

    The causes: `users` (of its own), `run_active`.
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


class DatabaseRefused(DatabaseError):
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
