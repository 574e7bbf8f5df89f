"""A story's pulse: whether an open page about it has anything new to show."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.accounts import Actor
from cascade.store.product import product_of
from cascade.store.tables import (
    ACTIVE,
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
