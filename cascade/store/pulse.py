"""Pulses: whether an open page about a story, or about what waits, has anything new to show."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.accounts import Actor
from cascade.store.product import product_of
from cascade.store.stories import Projects
from cascade.store.tables import (
    ACTIVE,
    AWAITING_APPROVAL,
    CreditAccount,
    Draft,
    Request,
    Revision,
    Run,
)


@dataclass(frozen=True, slots=True)
class Pulse:
    """Signs that change with what a page shows: the user's draft, and all the rest as one word."""

    draft_at: datetime | None
    rest: str


def take(session: Session, actor: Actor, story_id: str, may: Collection[str]) -> Pulse:
    """The signs of a story's runs and texts, of the user's draft and credits, and what they `may`.

    Equal as long as none of these has changed. A text that another program writes leaves no sign
    until a run or a plan meets it.
    """
    newest = (
        sa.select(Run.id.concat(" ").concat(Run.status))
        .where(Run.story_version_id == story_id)
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(1)
    )
    # By its state: machines differ about which run is the newest, never about which is at work.
    active = sa.select(Run.id.concat(" ").concat(Run.status)).where(
        Run.story_version_id == story_id, Run.status.in_(ACTIVE)
    )
    revision = sa.select(sa.func.max(Revision.id)).where(Revision.story_version_id == story_id)
    credits = sa.select(sa.func.sum(CreditAccount.available)).where(
        CreditAccount.user_id == actor.user_id
    )
    stories = product_of(session).stories
    story = sa.select(stories["id"]).where(stories["id"] == story_id)
    draft = sa.select(Draft.updated_at).where(
        Draft.story_version_id == story_id, Draft.user_id == actor.user_id
    )
    # What a producer has said to a request that goes on waiting.
    said = (
        sa.select(sa.func.max(sa.func.length(sa.cast(Request.comments, sa.Text))))
        .join(Run, Run.id == Request.run_id)
        .where(Run.story_version_id == story_id, Run.user_id == actor.user_id)
    )
    parts = (draft, newest, active, revision, credits, story, said)
    draft_at, *rest = session.execute(sa.select(*(one.scalar_subquery() for one in parts))).one()
    return Pulse(draft_at, " ".join([*map(str, rest), *sorted(may)]))


def of_requests(
    session: Session, projects: Projects, deciding: Projects, overdue: datetime, most: int
) -> frozenset[str]:
    """The signs of the requests of some projects that wait, the oldest so many; none for none.

    One for each, with what was said to it last, whether it is one of those to be decided, and
    whether it was made before `overdue`; and one for the texts that they were made from and the
    credits that would pay them.
    """
    wanted = (
        sa.select(Run.id, Run.story_version_id, Run.created_at, CreditAccount.project_id)
        .add_columns(Request.updated_at)
        .join(Request, Request.run_id == Run.id)
        .join(CreditAccount, CreditAccount.id == Run.account_id)
        .where(Run.status == AWAITING_APPROVAL)
        .order_by(Run.created_at, Run.id)
        .limit(most)
    )
    if projects is not None:
        wanted = wanted.where(CreditAccount.project_id.in_(list(projects)))
    rows = session.execute(wanted).all()
    if not rows:
        return frozenset()
    about = sorted({row.story_version_id for row in rows})
    paying = sorted({row.project_id for row in rows})
    stories = product_of(session).stories
    parts = (
        sa.select(sa.func.max(Revision.id)).where(Revision.story_version_id.in_(about)),
        sa.select(sa.func.count()).where(stories["id"].in_(about)),
        sa.select(sa.func.sum(CreditAccount.available)).where(CreditAccount.project_id.in_(paying)),
    )
    rest = session.execute(sa.select(*(one.scalar_subquery() for one in parts))).one()
    signs = {
        f"{row.id} {row.updated_at} {row.created_at <= overdue} "
        f"{deciding is None or row.project_id in deciding}"
        for row in rows
    }
    return frozenset({*signs, " ".join(map(str, rest))})
