"""A run's life: start, resume, begin, cancel, finish. Each function is one caller's transaction.

Rows are locked in the same order everywhere (run, story, rules of the project, account), so that no
two transactions can wait for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, defer

from cascade import ledger
from cascade.errors import (
    NothingChanged,
    NotResumable,
    Reason,
    StalePlan,
    UnknownRun,
)
from cascade.runs import budgets, chains, events
from cascade.runs.fresh import check_free, check_fresh
from cascade.runs.plans import plan_of
from cascade.store import calls, outbox, stories
from cascade.store.ids import new_id
from cascade.store.tables import (
    ACTIVE,
    ENDED,
    Base,
    CreditAccount,
    LiveText,
    Run,
    RunStatus,
    RunStep,
    User,
    now,
)
from cascade.story.piece import Piece
from cascade.story.plan import Plan, header_digest, resume_plan
from cascade.story.story import Part, Story

# Writes the run into the runner's queue, in the same transaction.
Enqueue = Callable[[Session, str], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """Who enters a run: by whose account, with which writer, and what they say of it."""

    user_id: str
    account_id: str
    provider: str
    model: str
    server: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run stands: what its steps have to know of its row."""

    id: str
    story_version_id: str
    user_id: str
    status: RunStatus
    last_seq: int


# Without its plan, which is long, and known to whoever has had the run before (`plan_of`).
_LOCKED = (
    sa.select(Run)
    .where(Run.id == sa.bindparam("run"))
    .options(defer(Run.plan))
    .with_for_update()
    .execution_options(populate_existing=True)
)

# Of the table: an object takes longer to make than the row to read, and a step does it twice.
_RUNS = Base.metadata.tables[Run.__tablename__]
_STANDING = (
    sa.select(*(_RUNS.c[one.name] for one in fields(Standing)))
    .where(_RUNS.c.id == sa.bindparam("run"))
    .with_for_update()
)

INTERRUPTED = Reason("interrupted", "The run was interrupted. Resume does what is left.")


def lock_run(session: Session, run_id: str) -> Run:
    """The run's row, locked until the transaction ends: saves and cancels take turns by it."""
    run = session.execute(_LOCKED, {"run": run_id}).scalar_one_or_none()
    if run is None:
        raise UnknownRun(run_id)
    return run


def lock_standing(session: Session, run_id: str) -> Standing:
    """The same lock, for who changes nothing of the row itself. Raises UnknownRun."""
    row = session.execute(_STANDING, {"run": run_id}).one_or_none()
    if row is None:
        raise UnknownRun(run_id)
    return Standing(*row)


def check(session: Session, plan: Plan, *, resumed: bool) -> None:
    """Locks the story of a plan, and sees that the plan still holds and nothing is in its way.

    Raises NothingChanged, StalePlan, RunActive.
    """
    if not plan.steps:
        raise NothingChanged
    row = stories.lock_story(session, plan.story_id)
    check_free(session, plan.story_id)
    check_fresh(session, plan, stories.read_whole(session, row), resumed=resumed)


def enter(
    session: Session,
    plan: Plan,
    entry: Entry,
    enqueue: Enqueue,
    *,
    resumed_from: Run | None = None,
    accepted: Mapping[str, int] | None = None,
) -> str:
    """Holds the estimate of a plan that was checked, writes its run, enqueues it; the run's id.

    `accepted` maps step keys to the calls whose rejected texts are saved instead of new ones.
    Raises BudgetExceeded, InsufficientCredits.
    """
    run_id = new_id()
    budgets.hold(session, entry.account_id, run_id, plan.estimated_credits)
    write(session, plan, entry, run_id, "queued", resumed_from=resumed_from, accepted=accepted)
    enqueue(session, run_id)
    return run_id


def write(
    session: Session,
    plan: Plan,
    entry: Entry,
    run_id: str,
    status: RunStatus,
    *,
    resumed_from: Run | None = None,
    accepted: Mapping[str, int] | None = None,
) -> Run:
    """Writes a run of a plan and its steps; its row."""
    chain_id = resumed_from.chain_id if resumed_from else run_id
    run = Run(
        id=run_id,
        story_version_id=plan.story_id,
        account_id=entry.account_id,
        user_id=entry.user_id,
        status=status,
        plan=plan.to_json(),
        plan_hash=plan.hash,
        estimated_credits=plan.estimated_credits,
        provider=entry.provider,
        model=entry.model,
        server=entry.server,
        resumed_from=resumed_from.id if resumed_from else None,
        chain_id=chain_id,
        note=entry.note,
        last_seq=0,
    )
    session.add(run)
    session.flush()
    session.add_all(
        RunStep(
            run_id=run_id,
            key=step.key,
            scene_id=step.scene_id or None,
            chain_id=chain_id,
            position=position,
            credits=step.credits,
            status="pending",
            accepted_call_id=(accepted or {}).get(step.key),
        )
        for position, step in enumerate(plan.steps)
    )
    session.flush()
    return run


def plan_to_resume(session: Session, run: Run, story: Story | None = None) -> Plan:
    """The unfinished part of a cancelled or failed run's plan, where it can be resumed now.

    `story` is the run's story as it is now, where it has been read already. Raises NotResumable,
    and RunActive and StalePlan as `start` would.
    """
    if run.status not in ("cancelled", "failed"):
        why = f"it is {run.status.replace('_', ' ')}."
        raise NotResumable(run.id, why, "status", status=run.status)
    later = session.scalar(sa.select(Run.id).where(Run.resumed_from == run.id).limit(1))
    if later is not None:
        why = f"run {later} has resumed it already; look at that one."
        raise NotResumable(run.id, why, "resumed", later=later)
    if chains.is_restored(session, run):
        why = "what it had written was restored. Plan the change again."
        raise NotResumable(run.id, why, "restored")
    saved = {
        key: digest
        for key, digest in session.execute(
            sa.select(RunStep.key, RunStep.saved_digest).where(
                RunStep.run_id == run.id, RunStep.status == "saved"
            )
        )
        if digest is not None
    }
    first = plan_of(session, run.id)
    if all(step.key in saved for step in first.steps):
        raise NotResumable(run.id, "every step of it was saved.", "saved")
    check_free(session, run.story_version_id)
    story = story or stories.read_story(session, run.story_version_id)
    if header_digest(story) != first.header:
        # Of another structure, it may lack the very beats of the plan.
        header = Part("header")
        raise StalePlan(header.describe(story.structure), **header.fields)
    plan = resume_plan(first, saved, story)
    check_fresh(session, plan, story, resumed=True)
    return plan


def accepted_so_far(session: Session, run: Run) -> dict[str, int]:
    """The calls whose rejected texts the editor took for steps that a run has not saved, by key."""
    rows = session.execute(
        sa.select(RunStep.key, RunStep.accepted_call_id).where(
            RunStep.run_id == run.id,
            RunStep.status != "saved",
            RunStep.accepted_call_id.is_not(None),
        )
    )
    return {key: call_id for key, call_id in rows if call_id is not None}


def rejected_call(session: Session, run: Run, plan: Plan, key: str) -> int:
    """The call whose rejected text may be taken for a step of a plan to resume a run with.

    Raises NotResumable where the step is saved already, or no text of it is kept.
    """
    if all(step.key != key for step in plan.steps):
        saved = session.scalar(
            sa.select(RunStep.key).where(
                RunStep.chain_id == run.chain_id, RunStep.key == key, RunStep.status == "saved"
            )
        )
        if saved is not None:
            raise NotResumable(run.id, f"{key} is saved already.", "step_saved", step=key)
    call = calls.last_rejected(session, run.chain_id, key)
    if call is None:
        why = f"no rejected text of {key} is kept."
        raise NotResumable(run.id, why, "nothing_rejected", step=key)
    return call.id


def begin(session: Session, run_id: str) -> list[list[str]]:
    """Takes a queued run into execution; its groups of step keys, none where it has ended."""
    run = lock_run(session, run_id)
    plan = plan_of(session, run.id)
    if run.status == "queued":
        run.status = "running"
        run.started_at = now()
        body = {
            "type": "start",
            "totalBeats": len(plan.changes),
            "estimatedCredits": plan.estimated_credits,
        }
        events.append(session, run, body, once="start")
    return plan.groups() if run.status == "running" else []


def cancel(session: Session, run_id: str) -> RunStatus:
    """Asks a run to stop; the status it then has. One that has ended stays as it is.

    A queued run ends here and now, with its hold released; a running one is ended by its
    executor, and from this moment on no step of it is saved.
    """
    run = lock_run(session, run_id)
    if run.status in ("queued", "awaiting_approval"):
        _end(session, run, "cancelled")
    elif run.status == "running":
        run.status = "cancelling"
    return run.status


def finish(session: Session, run_id: str) -> None:
    """Ends a run that has nothing more to do, as what its steps say; releases what is left."""
    run = lock_run(session, run_id)
    if run.status in ENDED or run.status == "awaiting_approval":
        return
    if run.status == "cancelling":
        _end(session, run, "cancelled")
        return
    steps = session.scalars(
        sa.select(RunStep).where(RunStep.run_id == run_id).order_by(RunStep.position)
    ).all()
    failed = next((step for step in steps if step.status == "failed"), None)
    if failed is not None:
        why = Reason(failed.error_code or "", failed.error or "", failed.error_fields or {})
        _end(session, run, "failed", why, Piece.parse(failed.key).beat)
    elif all(step.status == "saved" for step in steps):
        _end(session, run, "done")
    else:
        fail(session, run_id, INTERRUPTED)


def finish_cancelled(session: Session, run_id: str) -> None:
    """Ends a run that is cancelling, whatever its executor does; any other stays as it is."""
    run = lock_run(session, run_id)
    if run.status == "cancelling":
        _end(session, run, "cancelled")


def reject(session: Session, run: Run, why: Reason) -> None:
    """Ends a run that waits for a decision and is not to be; its row must be locked."""
    _end(session, run, "rejected", why)


def fail(session: Session, run_id: str, failure: Reason) -> None:
    """Ends a run as failed for a reason outside its steps."""
    run = lock_run(session, run_id)
    if run.status in ACTIVE:
        _end(session, run, "failed", failure)


def beat_index(plan: Plan, beat_key: str) -> int:
    """The place of a beat among the plan's changes, from 0."""
    return next(n for n, change in enumerate(plan.changes) if change.beat_key == beat_key)


def _end(
    session: Session,
    run: Run,
    status: RunStatus,
    failure: Reason | None = None,
    beat_key: str | None = None,
) -> None:
    plan = plan_of(session, run.id)
    run.status, run.finished_at = status, now()
    used = ledger.captured_by(session, run.id)
    if ledger.held_for(session, run.id) or used:
        ledger.release(session, run.id)
    body: dict[str, Any]
    if failure is not None:
        run.error, run.error_code = failure.message, failure.code
        run.error_fields = dict(failure.fields)
    if status == "rejected":
        body = {"type": "rejected", "reason": run.error}
    elif failure is not None:
        body = {"type": "error", "error": failure.message, "code": failure.code}
        if beat_key is not None:
            body["beatIndex"] = beat_index(plan, beat_key)
    else:
        body = {
            "type": status,
            "totalCreditsUsed": used,
            "beatsRegenerated": _beats_regenerated(session, run.id, plan),
        }
    session.execute(sa.delete(LiveText).where(LiveText.run_id == run.id))
    events.append(session, run, body, once="end")
    if status == "failed":
        _tell_failed(session, run, used)


def _tell_failed(session: Session, run: Run, used: int) -> None:
    """Has it told elsewhere that a run failed; only by its code: a reason may repeat a text."""
    project_id, user = session.execute(
        sa.select(CreditAccount.project_id, User.name)
        .join(User, User.id == run.user_id)
        .where(CreditAccount.id == run.account_id)
    ).one()
    fields = {
        "runId": run.id,
        "storyId": run.story_version_id,
        "user": user,
        "code": run.error_code,
        "estimatedCredits": run.estimated_credits,
        "usedCredits": used,
    }
    outbox.tell(session, "run.failed", project_id, fields)


def _beats_regenerated(session: Session, run_id: str, plan: Plan) -> int:
    saved = set(
        session.scalars(
            sa.select(RunStep.key).where(RunStep.run_id == run_id, RunStep.status == "saved")
        )
    )
    return sum(
        all(step.key in saved for step in plan.steps_of(change.beat_key)) for change in plan.changes
    )
