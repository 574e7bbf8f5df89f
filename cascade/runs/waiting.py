"""Requests as their readers see them: what each asks for, whether it still holds, what came of it.

However many there are, they are read in the same few statements.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from cascade.errors import Reason
from cascade.runs.validity import Keeping, Over, Rest, why_over
from cascade.store import made
from cascade.store.stories import Projects
from cascade.store.tables import (
    AWAITING_APPROVAL,
    CAPTURE,
    CreditAccount,
    CreditEntry,
    Decision,
    Request,
    RequestCause,
    Run,
    RunStatus,
    User,
)
from cascade.story.plan import Plan
from cascade.story.story import Part, Story

_IS_WAITING = Run.status == AWAITING_APPROVAL


@dataclass(frozen=True, slots=True)
class Comment:
    """What a decider wants changed; `by` is what they are called."""

    at: datetime
    by: str
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: who asks for what, why it has to be asked, and what has been said and decided.

    `user` is its editor as programs name them, `display_name` as people do. `failure` is why it
    was rejected, if it was; `decided_by` what whoever decided it is called; `server` to where its
    texts go, None for nowhere.
    """

    run_id: str
    story_id: str
    project_id: str
    user_id: str
    user: str
    display_name: str
    status: RunStatus
    plan: Plan
    plan_hash: str
    estimated_credits: int
    provider: str
    model: str
    server: str | None
    cause: RequestCause
    note: str | None
    comments: tuple[Comment, ...]
    asked_at: datetime
    decision: Decision | None
    decided_by: str | None
    decided_at: datetime | None
    failure: Reason | None
    rest: Rest | None

    @property
    def is_waiting(self) -> bool:
        """True until it has been decided, or has ended without that."""
        return self.decision is None

    def expires_at(self, keeping: Keeping) -> datetime:
        """When it ends, if nobody has decided it by then."""
        return self.asked_at + timedelta(days=keeping.days)


@dataclass(frozen=True, slots=True)
class Went:
    """How a run of a story went: what it was to change, and what it has used."""

    run_id: str
    status: RunStatus
    created_at: datetime
    estimated_credits: int
    used_credits: int


def waiting(session: Session, projects: Projects = None, *, most: int | None = None) -> list[Asked]:
    """The requests of some projects that wait, the oldest first."""
    found = _READ.where(_IS_WAITING, _of(projects)).order_by(Run.created_at, Run.id)
    return _read(session, found.limit(most))


def one(session: Session, run_id: str) -> Asked | None:
    """The request that a run was, whatever came of it; None where it was none."""
    found = _read(session, _READ.where(Run.id == run_id))
    return found[0] if found else None


def of_chain(session: Session, chain_id: str) -> list[Asked]:
    """The requests that runs of a chain were, whatever came of them, the oldest first."""
    wanted = _READ.where(Run.chain_id == chain_id).order_by(Run.created_at, Run.id)
    return _read(session, wanted)


def newest_of(session: Session, user_id: str, story_id: str) -> Asked | None:
    """The newest request of an editor for a story, whatever came of it."""
    wanted = _READ.where(Run.story_version_id == story_id, Run.user_id == user_id)
    found = _read(session, wanted.order_by(Run.created_at.desc(), Run.id.desc()).limit(1))
    return found[0] if found else None


def count(session: Session, projects: Projects, not_of: str | None) -> int:
    """How many requests of some projects wait, but for those of one editor."""
    wanted = sa.select(sa.func.count()).where(_IS_WAITING, _of(projects))
    if not_of is not None:
        wanted = wanted.where(Run.user_id != not_of)
    return session.scalar(wanted) or 0


def why_not(
    session: Session,
    asked: Sequence[Asked],
    there: Mapping[str, Story | None],
    keeping: Keeping,
) -> dict[str, Over]:
    """Of requests that wait those that can be approved no more, each with the reason, by run.

    `there` are their stories by id, as they are now: None is one that cannot be read, and one that
    is not among them is gone.
    """
    marks = _marks(session, asked, there)
    found = {}
    for each in asked:
        over = _why_not(each, there, marks, keeping)
        if over is not None:
            found[each.run_id] = over
    return found


def went(session: Session, story_ids: Collection[str], most: int) -> dict[str, list[Went]]:
    """How the last runs of some stories went, by story, the newest first; in one statement."""
    if not story_ids:
        return {}
    place = sa.func.row_number().over(
        partition_by=Run.story_version_id, order_by=(Run.created_at.desc(), Run.id.desc())
    )
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.credits), 0))
        .where(CreditEntry.run_id == Run.id, CreditEntry.kind == CAPTURE)
        .scalar_subquery()
    )
    ranked = (
        sa.select(
            Run.story_version_id.label("story"),
            Run.id.label("run"),
            Run.status.label("status"),
            Run.created_at.label("at"),
            Run.estimated_credits.label("estimated"),
            used.label("used"),
            place.label("place"),
        )
        # What was never executed says nothing of how it goes.
        .where(Run.story_version_id.in_(list(story_ids)), Run.started_at.is_not(None))
        .subquery()
    )
    rows = session.execute(
        sa.select(ranked).where(ranked.c.place <= most).order_by(ranked.c.story, ranked.c.place)
    )
    found: dict[str, list[Went]] = {}
    for story, run, status, at, estimated, captured, _ in rows:
        found.setdefault(story, []).append(Went(run, status, at, estimated, int(captured)))
    return found


def _why_not(
    asked: Asked,
    there: Mapping[str, Story | None],
    marks: Mapping[str, Collection[str]],
    keeping: Keeping,
) -> Over | None:
    story: Story | Part | None = there.get(asked.story_id)
    if story is None and asked.story_id in there:
        story = Part("header")
    return why_over(
        asked.run_id,
        asked.asked_at,
        asked.plan,
        asked.rest,
        story,
        lambda: marks.get(asked.story_id, ()),
        keeping,
    )


def _marks(
    session: Session, asked: Sequence[Asked], there: Mapping[str, Story | None]
) -> Mapping[str, Collection[str]]:
    """What is out of date in the stories of requests to bring that back in line, by story."""
    staying = {one.story_id for one in asked if any(change.stays for change in one.plan.changes)}
    return made.out_of_date_in(
        session, [story for id_ in staying if (story := there.get(id_)) is not None]
    )


_BY = aliased(User)
_FIRST, _RESUMED, _LATER = aliased(Run), aliased(Run), aliased(Run)
_RESUMED_BY = (
    sa.select(sa.func.min(_LATER.id))
    .where(_LATER.resumed_from == Request.resumes)
    .scalar_subquery()
)
_RESTORED_AT = (
    sa.select(_FIRST.restored_at)
    .join(_RESUMED, _RESUMED.chain_id == _FIRST.id)
    .where(_RESUMED.id == Request.resumes)
    .scalar_subquery()
)
_READ = (
    sa.select(
        Run,
        Request,
        CreditAccount.project_id,
        User.name,
        User.display_name,
        _BY.display_name,
        _RESUMED_BY,
        _RESTORED_AT,
    )
    .join(Request, Request.run_id == Run.id)
    .join(CreditAccount, CreditAccount.id == Run.account_id)
    .join(User, User.id == Run.user_id)
    .outerjoin(_BY, _BY.id == Request.decided_by)
)


def _of(projects: Projects) -> sa.ColumnElement[bool]:
    if projects is None:
        return sa.true()
    accounts = sa.select(CreditAccount.id).where(CreditAccount.project_id.in_(list(projects)))
    return Run.account_id.in_(accounts)


def _read(session: Session, wanted: sa.Select[Any]) -> list[Asked]:
    return [
        Asked(
            run_id=run.id,
            story_id=run.story_version_id,
            project_id=project_id,
            user_id=run.user_id,
            user=name,
            display_name=display_name,
            status=run.status,
            plan=Plan.from_json(run.plan),
            plan_hash=run.plan_hash,
            estimated_credits=run.estimated_credits,
            provider=run.provider,
            model=run.model,
            server=run.server,
            cause=request.cause,
            note=run.note,
            comments=tuple(
                Comment(datetime.fromisoformat(one["at"]), one["by"], one["text"])
                for one in request.comments
            ),
            asked_at=run.created_at,
            decision=request.decision,
            decided_by=by,
            decided_at=request.decided_at,
            failure=_failure(run),
            rest=None
            if request.resumes is None
            else Rest(request.resumes, resumed_by, restored_at is not None),
        )
        for run, request, project_id, name, display_name, by, resumed_by, restored_at in (
            session.execute(wanted)
        )
    ]


def _failure(run: Run) -> Reason | None:
    if run.status != "rejected" or run.error is None:
        return None
    return Reason(run.error_code or "", run.error, run.error_fields or {})
