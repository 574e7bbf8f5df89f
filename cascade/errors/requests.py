"""What a request, a plan that waits for a second person's decision, cannot come to."""

from __future__ import annotations

from typing import Literal

from cascade.errors.refused import Refused
from cascade.errors.root import said
from cascade.errors.usage import UsageError


class NotARequest(Refused):
    """A run that never waited for a decision."""

    code = "not_a_request"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"Run {run_id} waits for nobody's decision, and never did. `cascade approvals` lists "
            "what does.",
            run=run_id,
        )


class OwnRequest(Refused):
    """A request that whoever made it would decide."""

    code = "own_request"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"You have asked for run {run_id} yourself, so somebody else decides it. You can "
            "withdraw it.",
            run=run_id,
        )


class NotAsker(Refused):
    """A request that somebody else than its editor would withdraw."""

    code = "not_asker"

    def __init__(self, run_id: str, by: str) -> None:
        super().__init__(
            f"Only {said(by)}, who has asked for run {run_id}, can withdraw it. Whoever "
            "may approve it can decline it.",
            run=run_id,
            by=said(by),
        )


class AlreadyDecided(Refused):
    """A request that has come to its end; `cause` is to which, `by` who decided it."""

    code = "already_decided"

    def __init__(
        self,
        run_id: str,
        cause: Literal["approved", "declined", "withdrawn", "replaced", "expired", "void"],
        by: str,
    ) -> None:
        what = {
            "approved": f"approved by {said(by)} already",
            "declined": f"declined by {said(by)} already",
            "withdrawn": f"withdrawn by {said(by)}",
            "replaced": f"replaced by a newer one of {said(by)}",
            "expired": "not decided in time, and has ended",
            "void": "void, because the story has changed, and has ended",
        }[cause]
        super().__init__(
            f"The request for run {run_id} was {what}. `cascade approvals` lists what still waits.",
            run=run_id,
            cause=cause,
            by=said(by),
        )


class RequestVoid(Refused):
    """A request whose plan holds no more.

    `changed` is what of the story, as `story.story.Part` names it, or one of the causes `writer`,
    `story_gone`, `resumed` and `restored`.
    """

    code = "request_void"

    def __init__(self, run_id: str, what: str, **changed: str) -> None:
        super().__init__(
            f"The request for run {run_id} is void, because the story has changed since it was "
            f"made ({what}). Plan the change again, and ask again.",
            run=run_id,
            what=what,
            **changed,
        )


class RequestExpired(Refused):
    """A request that nobody has decided in the days that it may wait."""

    code = "request_expired"

    def __init__(self, run_id: str, days: int) -> None:
        super().__init__(
            f"The request for run {run_id} has waited longer than the {days} days that it may, and "
            "has ended. Plan the change again, and ask again.",
            run=run_id,
            days=days,
        )


class ReasonMissing(UsageError):
    """A request that would be declined, or sent back, without a word."""

    code = "reason_missing"

    def __init__(self) -> None:
        super().__init__(
            "To decline a request, or to ask for changes, takes a reason: its editor is told. Give "
            "one."
        )
