"""What the rules do not allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from cascade.errors.root import CascadeError, said


class Refused(CascadeError):
    """A start that the rules do not allow: nothing was changed, nothing was charged."""

    code = "refused"


class NothingChanged(Refused):
    """Every level asked for is the saved one, and no text asked for is out of date."""

    code = "nothing_changed"

    def __init__(self) -> None:
        super().__init__(
            "Nothing to regenerate: no level given differs from the saved one, and no text asked "
            "for is out of date. Change at least one beat's tension level."
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


class BudgetExceeded(Refused):
    """The estimate is more than the project's budget of the month has left.

    `anew` is when it begins anew, by the clock of the project's `zone`; kept as ISO writes it.
    """

    code = "budget_exceeded"

    def __init__(
        self, *, needed: int, budget: int, used: int, held: int, anew: datetime, zone: str
    ) -> None:
        left = max(0, budget - used - held)
        super().__init__(
            f"The project's budget is {budget} credits a month: {used} are used, {held} held by "
            f"runs, so {left} are left, and this needs {needed}. It begins anew on {anew:%F} at "
            f"{anew:%R} ({zone}). Change fewer beats, wait until then, or have the budget "
            "raised.",
            needed=needed,
            budget=budget,
            used=used,
            held=held,
            left=left,
            anew=anew.isoformat(),
            zone=zone,
        )


class WriterNotAllowed(Refused):
    """The writer of this process is none of those that the project allows."""

    code = "writer_not_allowed"

    def __init__(self, writer: str, allowed: Sequence[str]) -> None:
        super().__init__(
            f"The project does not allow {writer} to write: it allows {', '.join(allowed)}. Have "
            "it allowed, or another writer set.",
            writer=writer,
            allowed=list(allowed),
        )


class CorrectionTooLarge(Refused):
    """More credits would be taken back than are available."""

    code = "correction_too_large"

    def __init__(self, credits: int, available: int) -> None:
        super().__init__(
            f"{credits} credits cannot be taken back: {available} are available. Take back no more "
            "than that; what runs hold comes back when they end.",
            credits=credits,
            available=available,
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
    is), `restored` (what its chain wrote), `step_saved` and `nothing_rejected` (with the step).
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


class SourceOutOfDate(Refused):
    """What stands above a piece is out of date itself, so nothing can be said to fit it."""

    code = "source_out_of_date"

    def __init__(self, what: str, piece: str) -> None:
        super().__init__(
            f"Nothing can be said to fit {what}, because that is out of date itself. Look at that "
            "first, from the top down.",
            piece=piece,
        )


class NotAllowed(Refused):
    """The actor's role does not cover the use case; `cause` is its name for programs."""

    code = "not_allowed"

    def __init__(self, user: str, action: str, roles: Sequence[str], cause: str) -> None:
        super().__init__(
            f"{said(user)} may not {action}. That takes one of these roles in the project: "
            f"{', '.join(roles)}.",
            user=said(user),
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
