"""Requests: asking for a run, and the decision on it. Each function is one caller's transaction.

A request is a run that waits: nothing is held for it, and it keeps nobody from the story. Of its
rows the story is locked first, where it is locked at all, then the run: a run that waits is saved
by nobody, so that nobody holds it and wants its story.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import (
    AlreadyDecided,
    InsufficientCredits,
    NotARequest,
    NotAsker,
    OwnRequest,
    Reason,
    RequestExpired,
    UnknownStory,
    UnreadableStory,
)
from cascade.runs import budgets, chains, events, lifecycle
from cascade.runs.fresh import check_free
from cascade.runs.lifecycle import Enqueue, Entry
from cascade.runs.plans import plan_of
from cascade.runs.validity import Keeping, Over, Rest, is_overdue, why_over
from cascade.store import accounts, audit, made, outbox, stories
from cascade.store.ids import new_id
from cascade.store.tables import (
    AWAITING_APPROVAL,
    CreditAccount,
    Decision,
    Request,
    Run,
    RunStep,
    User,
    now,
)
from cascade.store.tables import RequestCause as RequestCause  # noqa: PLC0414 - given on
from cascade.story.plan import Plan
from cascade.story.story import Part, Story


@dataclass(frozen=True, slots=True)
class Terms:
    """What says whether a plan of a price may start: its payers' credits, threshold and wish."""

    own: int
    project: int
    approve_above: int | None
    wished: bool = False

    def cause(self, credits: int) -> RequestCause | None:
        """Why a plan of that price has to be asked for; None where it may start at once.

        Raises InsufficientCredits where neither its editor nor the project could pay it.
        """
        if max(self.own, self.project) < credits:
            raise InsufficientCredits(credits, self.own)
        if self.approve_above is not None and credits > self.approve_above:
            return "threshold"
        if self.own < credits:
            return "credits"
        return "wish" if self.wished else None


def admit(
    session: Session,
    plan: Plan,
    entry: Entry,
    terms: Terms,
    enqueue: Enqueue,
    *,
    resumed_from: Run | None = None,
    accepted: Mapping[str, int] | None = None,
) -> str:
    """Starts a run of a plan, or asks for it where its terms say so; the run's id.

    Raises NothingChanged, StalePlan, RunActive, BudgetExceeded, InsufficientCredits; then nothing
    is written.
    """
    lifecycle.check(session, plan, resumed=resumed_from is not None)
    budgets.check(session, _project_of(session, entry.account_id), plan.estimated_credits)
    cause = terms.cause(plan.estimated_credits)
    if cause is None:
        return lifecycle.enter(
            session, plan, entry, enqueue, resumed_from=resumed_from, accepted=accepted
        )
    run_id = new_id()
    _replace(session, plan.story_id, entry.user_id, run_id)
    run = lifecycle.write(session, plan, entry, run_id, "awaiting_approval", accepted=accepted)
    resumes = resumed_from.id if resumed_from is not None else None
    session.add(Request(run_id=run_id, cause=cause, resumes=resumes, comments=[]))
    session.flush()
    body = {
        "type": "awaiting_approval",
        "estimatedCredits": plan.estimated_credits,
        "planHash": plan.hash,
    }
    events.append(session, run, body, once="asked")
    _tell(session, run, "request.ask", entry.user_id, None, entry.note)
    _send(session, run, "request.asked", {"planHash": plan.hash})
    return run_id


def approve(
    session: Session, run_id: str, *, by: str, keeping: Keeping, enqueue: Enqueue
) -> Over | None:
    """Holds the credits of a request and queues its run; what has ended it instead, if anything.

    Its editor's account pays where it has enough, else the project's; one of them pays it whole.
    Raises NotARequest, AlreadyDecided, OwnRequest, RunActive, BudgetExceeded, InsufficientCredits;
    then nothing is changed.
    """
    story_id = _story_of(session, run_id)
    row = None
    with suppress(UnknownStory):
        row = stories.lock_story(session, story_id)
    run, request, over = _of_others(
        session,
        run_id,
        by,
        keeping,
        lambda: None if row is None else stories.read_whole(session, row),
    )
    if over is not None:
        return over
    check_free(session, story_id)
    run.account_id = _pay(session, run)
    run.status, run.approved_by = "queued", by
    if request.resumes is not None:
        _join(session, run, request.resumes)
    _decide(session, run, request, "approved", by)
    _tell(session, run, "request.approve", by, "awaiting_approval")
    enqueue(session, run_id)
    return None


def decline(
    session: Session, run_id: str, reason: str, *, by: str, name: str, keeping: Keeping
) -> Over | None:
    """Ends a request for a reason, which its editor is told; what has ended it before, if anything.

    `name` is what the decider is called. Raises NotARequest, AlreadyDecided, OwnRequest.
    """
    run, request, over = _of_others(session, run_id, by, keeping)
    if over is not None:
        return over
    _decide(session, run, request, "declined", by, reason)
    message = f"Declined by {name}: {reason}"
    why = Reason("request_declined", message, {"by": name, "said": reason})
    lifecycle.reject(session, run, why)
    _tell(session, run, "request.decline", by, "awaiting_approval", reason)
    return None


def ask_for_changes(
    session: Session, run_id: str, comment: str, *, by: str, name: str, keeping: Keeping
) -> Over | None:
    """Tells a request's editor what is to be changed; it goes on waiting.

    What has ended it before is told, if anything. Raises NotARequest, AlreadyDecided, OwnRequest.
    """
    run, request, over = _of_others(session, run_id, by, keeping)
    if over is not None:
        return over
    at = now()
    said = {"at": at.isoformat(), "by": name, "text": comment}
    request.comments = [*request.comments, said]
    request.updated_at = at
    session.flush()
    _tell(session, run, "request.ask", by, "awaiting_approval", comment)
    return None


def withdraw(session: Session, run_id: str, *, by: str, keeping: Keeping) -> Over | None:
    """Takes a request back, for who has made it; what has ended it before, if anything.

    Raises NotARequest, AlreadyDecided, NotAsker.
    """
    run, request = _take(session, run_id)
    if run.user_id != by:
        raise NotAsker(run_id, _name(session, run.user_id))
    over = _end_where_over(session, run, request, keeping)
    if over is None:
        cancel(session, run, by=by)
    return over


def cancel(session: Session, run: Run, *, by: str) -> None:
    """Ends a request as cancelled, for whoever may cancel its run; the row must be locked."""
    request = session.get_one(Request, run.id)
    _decide(session, run, request, "withdrawn", by)
    lifecycle.cancel(session, run.id)
    _tell(session, run, "request.withdraw", by, "awaiting_approval")


def overdue(session: Session, days: int) -> list[str]:
    """The requests that have waited as long as they may."""
    wanted = sa.select(Run.id).where(
        Run.status == AWAITING_APPROVAL,
        Run.created_at <= now() - timedelta(days=days),
    )
    return list(session.scalars(wanted))


def expire(session: Session, run_id: str, days: int) -> None:
    """Ends a request that has waited as long as it may; any other run stays as it is."""
    run = lifecycle.lock_run(session, run_id)
    request = session.get(Request, run_id, populate_existing=True)
    waits = run.status == "awaiting_approval" and is_overdue(run.created_at, days)
    if request is not None and waits:
        _decide(session, run, request, "expired", None)
        lifecycle.reject(session, run, RequestExpired(run_id, days).reason)


def look(session: Session, run_id: str, keeping: Keeping) -> None:
    """Ends a request that is void or has waited too long; any other run stays as it is."""
    run = lifecycle.lock_run(session, run_id)
    request = session.get(Request, run_id, populate_existing=True)
    if request is not None and run.status == "awaiting_approval":
        _end_where_over(session, run, request, keeping)


def _of_others(
    session: Session,
    run_id: str,
    by: str,
    keeping: Keeping,
    read: Callable[[], Story | None] | None = None,
) -> tuple[Run, Request, Over | None]:
    """A request of somebody else, locked, and what has ended it; `read` gives a locked story.

    Raises NotARequest, AlreadyDecided, OwnRequest.
    """
    run, request = _take(session, run_id)
    if run.user_id == by:
        raise OwnRequest(run_id)
    return run, request, _end_where_over(session, run, request, keeping, read)


def _take(session: Session, run_id: str) -> tuple[Run, Request]:
    """A request that waits, its run locked. Raises NotARequest, AlreadyDecided."""
    run = lifecycle.lock_run(session, run_id)
    request = session.get(Request, run_id, populate_existing=True)
    if request is None:
        raise NotARequest(run_id)
    if request.decision is not None:
        by = _name(session, request.decided_by) if request.decided_by is not None else ""
        raise AlreadyDecided(run_id, request.decision, by)
    return run, request


def _end_where_over(
    session: Session,
    run: Run,
    request: Request,
    keeping: Keeping,
    read: Callable[[], Story | None] | None = None,
) -> Over | None:
    story: Story | Part | None
    try:
        story = _story(session, run) if read is None else read()
    except UnreadableStory:
        story = Part("header")

    def marked() -> Collection[str]:
        return made.out_of_date(session, story) if isinstance(story, Story) else ()

    over = why_over(
        run.id,
        run.created_at,
        plan_of(session, run.id),
        _rest(session, request.resumes),
        story,
        marked,
        keeping,
    )
    if over is not None:
        ended: Decision = "expired" if isinstance(over, RequestExpired) else "void"
        _decide(session, run, request, ended, None)
        lifecycle.reject(session, run, over.reason)
    return over


def _rest(session: Session, resumes: str | None) -> Rest | None:
    if resumes is None:
        return None
    later = session.scalar(sa.select(Run.id).where(Run.resumed_from == resumes).limit(1))
    return Rest(resumes, later, chains.is_restored(session, session.get_one(Run, resumes)))


def _replace(session: Session, story_id: str, user_id: str, newer: str) -> None:
    """Ends an editor's older request for a story; the story must be locked."""
    waiting = session.scalar(
        sa.select(Run.id).where(
            Run.story_version_id == story_id,
            Run.user_id == user_id,
            Run.status == "awaiting_approval",
        )
    )
    if waiting is None:
        return
    run = lifecycle.lock_run(session, waiting)
    if run.status == "awaiting_approval":
        _decide(session, run, session.get_one(Request, run.id), "replaced", user_id)
        message = f"Replaced by a newer request of the same editor: {newer}."
        lifecycle.reject(session, run, Reason("request_replaced", message, {"run": newer}))
        session.flush()


def _pay(session: Session, run: Run) -> str:
    """Holds the credits of a run; the account that pays it. Raises InsufficientCredits."""
    try:
        budgets.hold(session, run.account_id, run.id, run.estimated_credits)
        return run.account_id
    except InsufficientCredits:
        shared = accounts.shared_account(session, _project_of(session, run.account_id))
        if shared is None:
            raise
        budgets.hold(session, shared.id, run.id, run.estimated_credits)
        return shared.id


def _join(session: Session, run: Run, resumes: str) -> None:
    """Makes a run a part of the chain of the one that it resumes."""
    run.resumed_from = resumes
    run.chain_id = session.get_one(Run, resumes).chain_id
    session.execute(
        sa.update(RunStep)
        .where(RunStep.run_id == run.id)
        .values(chain_id=run.chain_id)
        .execution_options(synchronize_session=False)
    )


def _decide(
    session: Session,
    run: Run,
    request: Request,
    decision: Decision,
    by: str | None,
    reason: str | None = None,
) -> None:
    request.decision, request.decided_by, request.reason = decision, by, reason
    request.decided_at = request.updated_at = now()
    session.flush()
    decider = session.get_one(User, by).name if by is not None else None
    _send(session, run, "request.decided", {"decision": decision, "decidedBy": decider})


def _send(session: Session, run: Run, kind: outbox.Kind, more: Mapping[str, str | None]) -> None:
    """Has it told elsewhere; no word that anybody has written is in it."""
    fields = {
        "runId": run.id,
        "storyId": run.story_version_id,
        "user": session.get_one(User, run.user_id).name,
        "estimatedCredits": run.estimated_credits,
        **more,
    }
    outbox.tell(session, kind, _project_of(session, run.account_id), fields)


def _tell(
    session: Session,
    run: Run,
    deed: audit.Deed,
    by: str,
    before: str | None,
    reason: str | None = None,
) -> None:
    """Has the audit keep a deed; what its object was before and is now, with its price."""
    project_id = _project_of(session, run.account_id)
    price = {"credits": run.estimated_credits}
    was = None if before is None else {"status": before, **price}
    entry = audit.Entry(deed, run.id, by, project_id, was, {"status": run.status, **price}, reason)
    audit.write(session, entry)


def _story(session: Session, run: Run) -> Story | None:
    try:
        return stories.read_story(session, run.story_version_id)
    except UnknownStory:
        return None


def _project_of(session: Session, account_id: str) -> str:
    return session.get_one(CreditAccount, account_id).project_id


def _story_of(session: Session, run_id: str) -> str:
    found = session.scalar(sa.select(Run.story_version_id).where(Run.id == run_id))
    assert found is not None
    return found


def _name(session: Session, user_id: str) -> str:
    user = session.get_one(User, user_id)
    return user.display_name or user.name
