"""A run as its readers see it: row, plan, steps and credits in one value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from cascade.display import is_storable
from cascade.errors import AmbiguousRun, Reason, UnknownRun
from cascade.runs.chains import Chain, chain_of
from cascade.store import calls, stories
from cascade.store.calls import Tokens, Used
from cascade.store.stories import Projects
from cascade.store.tables import ACTIVE as ACTIVE  # noqa: PLC0414 - given on to the service
from cascade.store.tables import ENDED as ENDED  # noqa: PLC0414 - given on to the service
from cascade.store.tables import CreditAccount, CreditEntry, RunStep, User
from cascade.store.tables import Run as Run  # noqa: PLC0414 - given on to the service
from cascade.store.tables import RunStatus as RunStatus  # noqa: PLC0414 - given on to the service
from cascade.story.plan import Change, Plan

# In these nothing more is held of what was.
ENDED_AFTER_HOLD: tuple[RunStatus, ...] = ("done", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run as it is saved; `rejected_text` is one that failed its checks.

    `is_accepted` where the text is one that was rejected before, and that its editor took.
    `error_code` and `error_fields` say to programs what `error` says in English. `tokens` are
    those of all its calls, whatever became of them; None where none has been made.
    """

    key: str
    status: str
    credits: int
    error: str | None
    rejected_text: str | None
    error_code: str | None = None
    error_fields: Mapping[str, Any] = field(default_factory=dict)
    tokens: Used | None = None
    saved_at: datetime | None = None
    is_accepted: bool = False

    @property
    def failure(self) -> Reason | None:
        """Why it failed, if it did."""
        return Reason(self.error_code or "", self.error, self.error_fields) if self.error else None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as a reader sees it; `error_fields` and `error_code` are `error` for programs.

    `user` is who started it as programs name them, `display_name` as people do. `plan`, `steps` and
    credits are its own; of all that it is a part of `chain` speaks. `note` is its editor's.
    """

    id: str
    story_id: str
    status: RunStatus
    user: str
    display_name: str
    plan: Plan
    chain: Chain
    plan_hash: str
    estimated_credits: int
    used_credits: int
    released_credits: int
    steps: tuple[StepView, ...]
    provider: str
    server: str | None
    model: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    error_code: str | None
    resumed_from: str | None
    resumed_by: str | None
    tokens: tuple[Tokens, ...]
    error_fields: Mapping[str, Any] = field(default_factory=dict)
    note: str | None = None

    @property
    def failure(self) -> Reason | None:
        """Why it failed, if it did."""
        return Reason(self.error_code or "", self.error, self.error_fields) if self.error else None

    @property
    def is_active(self) -> bool:
        """True until the run has ended."""
        return self.status in ACTIVE

    @property
    def has_ended(self) -> bool:
        """True once nothing more becomes of it; one that waits for a decision is neither."""
        return self.status in ENDED

    @property
    def is_resumable(self) -> bool:
        """True where a stopped run left steps undone and no other has taken them up."""
        stopped = self.status in ("cancelled", "failed") and self.resumed_by is None
        left = any(step.status != "saved" for step in self.steps)
        return stopped and left and self.chain.restored_at is None


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A chain in a list: who, when, what, for how much, and what has become of it.

    `id`, `status`, `created_at` and `display_name` are its newest part's; what and for how much is
    all of it.
    """

    id: str
    status: RunStatus
    display_name: str
    created_at: datetime
    changes: tuple[Change, ...]
    estimated_credits: int
    used_credits: int
    parts: int = 1
    is_restored: bool = False

    @property
    def is_active(self) -> bool:
        """True until the run has ended."""
        return self.status in ACTIVE


def at_work(session: Session, projects: Projects = None) -> dict[str, str]:
    """The runs under way that these projects pay, by their stories, the oldest first."""
    rows = session.execute(
        sa.select(Run.story_version_id, Run.id)
        .where(Run.status.in_(ACTIVE), _of(projects))
        .order_by(Run.created_at, Run.id)
    )
    return dict(list(rows))


def find(session: Session, reference: str, projects: Projects = None) -> str:
    """The id of the run of this id, or of the only one whose id begins so.

    Runs that other projects than these pay do not count. Four characters at least are taken for a
    beginning. Raises UnknownRun, AmbiguousRun.
    """
    wanted = reference.strip()
    if len(wanted) > stories.LONGEST_BEGINNING or not is_storable(wanted):
        raise UnknownRun(reference)
    exact = session.scalar(sa.select(Run.id).where(Run.id == wanted, _of(projects)))
    if exact is not None:
        return exact
    beginning = sa.select(Run.id).where(Run.id.startswith(wanted, autoescape=True), _of(projects))
    ids = session.scalars(beginning.limit(2)).all()
    if len(wanted) < 4 or not ids:
        raise UnknownRun(reference)
    if len(ids) > 1:
        count = session.scalar(sa.select(sa.func.count()).select_from(beginning.subquery())) or 0
        raise AmbiguousRun(reference, count)
    return ids[0]


def project_of(session: Session, run_id: str) -> str:
    """The project that pays a run. Raises UnknownRun."""
    found = None
    if is_storable(run_id):
        found = session.scalar(
            sa.select(CreditAccount.project_id)
            .join(Run, CreditAccount.id == Run.account_id)
            .where(Run.id == run_id)
        )
    if found is None:
        raise UnknownRun(run_id)
    return found


def row(session: Session, run_id: str) -> tuple[Run, str]:
    """A run's row, and the project that pays it. Raises UnknownRun."""
    found = None
    if is_storable(run_id):
        found = session.execute(
            sa.select(Run, CreditAccount.project_id)
            .join(CreditAccount, CreditAccount.id == Run.account_id)
            .where(Run.id == run_id)
        ).one_or_none()
    if found is None:
        raise UnknownRun(run_id)
    return found[0], found[1]


def newest(
    session: Session,
    projects: Projects = None,
    *,
    story_id: str | None = None,
    limit: int | None = None,
) -> list[RunView]:
    """Runs that these projects pay, newest first; of one story or of all."""
    wanted = (
        sa.select(Run)
        .where(_of(projects))
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(limit)
    )
    if story_id is not None:
        wanted = wanted.where(Run.story_version_id == story_id)
    return [run_view(session, run) for run in session.scalars(wanted)]


def summaries(
    session: Session, story_id: str, projects: Projects = None, *, limit: int | None = None
) -> list[RunSummary]:
    """A story's runs that these projects pay, newest first, a chain as one; in one statement."""
    first, part, later = aliased(Run), aliased(Run), aliased(Run)
    of_chain = part.chain_id == Run.chain_id
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.credits), 0))
        .join(part, part.id == CreditEntry.run_id)
        .where(of_chain, CreditEntry.kind == "capture")
        .scalar_subquery()
    )
    parts = sa.select(sa.func.count()).select_from(part).where(of_chain).scalar_subquery()
    # Of a plan only its changes: the rest of it is as long as the story.
    wanted = (
        sa.select(
            Run.id,
            Run.status,
            User.display_name,
            Run.created_at,
            first.plan["changes"],
            first.estimated_credits,
            used,
            parts,
            first.restored_at,
        )
        .join(User, User.id == Run.user_id)
        .join(first, first.id == Run.chain_id)
        .where(
            Run.story_version_id == story_id,
            _of(projects),
            ~sa.select(later.id).where(later.resumed_from == Run.id).exists(),
        )
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(limit)
    )
    return [
        RunSummary(
            id=run_id,
            status=status,
            display_name=name,
            created_at=created_at,
            changes=tuple(Change(**change) for change in changes),
            estimated_credits=estimated,
            used_credits=int(captured),
            parts=int(count),
            is_restored=restored_at is not None,
        )
        for (
            run_id,
            status,
            name,
            created_at,
            changes,
            estimated,
            captured,
            count,
            restored_at,
        ) in session.execute(wanted)
    ]


def latest(session: Session, story_id: str) -> tuple[Run | None, Run | None]:
    """The rows of a story's newest run and of the one at work on it, which may be the same."""
    newest_id = (
        sa.select(Run.id)
        .where(Run.story_version_id == story_id)
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    is_newest, is_active = Run.id == newest_id, Run.status.in_(ACTIVE)
    rows = session.execute(
        sa.select(Run, is_newest).where(
            Run.story_version_id == story_id, sa.or_(is_newest, is_active)
        )
    ).all()
    newest_ = next((run for run, comes_last in rows if comes_last), None)
    return newest_, next((run for run, _ in rows if run.status in ACTIVE), None)


def active_on(session: Session, story_id: str) -> RunView | None:
    """The run that is at work on a story: there is one at most, whatever others say of time."""
    wanted = sa.select(Run).where(Run.story_version_id == story_id, Run.status.in_(ACTIVE))
    run = session.scalar(wanted)
    return run_view(session, run) if run is not None else None


def _of(projects: Projects) -> sa.ColumnElement[bool]:
    """The runs that these projects pay: known by our own tables, also where a story is gone."""
    if projects is None:
        return sa.true()
    accounts = sa.select(CreditAccount.id).where(CreditAccount.project_id.in_(list(projects)))
    return Run.account_id.in_(accounts)


def run_view(session: Session, run: Run) -> RunView:
    """The view of a run from its row."""
    steps = session.scalars(
        sa.select(RunStep).where(RunStep.run_id == run.id).order_by(RunStep.position)
    ).all()
    failed = [step.key for step in steps if step.status == "failed"]
    rejected = calls.rejected_texts(session, run.chain_id, failed)
    user = session.get(User, run.user_id)
    assert user is not None
    usage = calls.usage_of(session, run.id)
    plan = Plan.from_json(run.plan)
    chain = chain_of(session, run, plan)
    used, later = chain.part(run.id).used_credits, chain.after(run.id)
    return RunView(
        id=run.id,
        story_id=run.story_version_id,
        status=run.status,
        user=user.name,
        display_name=user.display_name,
        plan=plan,
        chain=chain,
        plan_hash=run.plan_hash,
        estimated_credits=run.estimated_credits,
        used_credits=used,
        # Of what was rejected or waits nothing was ever held.
        released_credits=run.estimated_credits - used if run.status in ENDED_AFTER_HOLD else 0,
        steps=tuple(
            _step_view(step, rejected.get(step.key), usage.by_step.get(step.key)) for step in steps
        ),
        provider=run.provider,
        server=run.server,
        model=run.model,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        error=run.error,
        error_code=run.error_code,
        error_fields=run.error_fields or {},
        resumed_from=run.resumed_from,
        tokens=usage.by_model,
        note=run.note,
        resumed_by=later.id if later is not None else None,
    )


def _step_view(step: RunStep, rejected_text: str | None, used: Used | None) -> StepView:
    return StepView(
        key=step.key,
        status=step.status,
        credits=step.credits,
        error=step.error,
        rejected_text=rejected_text,
        error_code=step.error_code,
        error_fields=step.error_fields or {},
        tokens=used,
        saved_at=step.saved_at,
        is_accepted=step.accepted_call_id is not None,
    )
