"""Many runs in a list: what each is, costs and has used, in a few statements however many."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from cascade.display import is_storable
from cascade.store.stories import Projects
from cascade.store.tables import (
    ACTIVE,
    CAPTURE,
    ENDED,
    CreditAccount,
    CreditEntry,
    ModelCall,
    Run,
    RunEvent,
    RunStatus,
    User,
)
from cascade.story import kinds
from cascade.story.kinds import SCENE_KINDS
from cascade.story.plan import Change

# No database takes a pattern of any length.
LONGEST_TEXT = 200
OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs are asked for; None means any.

    `user` is the name of who started it; `text` stands in what was changed, in a direction, in
    what went wrong, in who it was, or in the title of a story among `titled`.
    """

    story: str | None = None
    user: str | None = None
    status: str | None = None
    text: str | None = None

    def is_storable(self) -> bool:
        """Whether a database can be asked for it; what it cannot keep stands nowhere in it."""
        said = (self.story, self.user, self.status, self.text)
        return all(one is None or is_storable(one) for one in said)


@dataclass(frozen=True, slots=True)
class RunLine:
    """A chain in a list of many: `id`, `status`, who and when are its newest part's.

    `is_retrying` where all it does is wait to ask again. `tokens` are those that all its calls are
    known to have used, None where no model wrote.
    """

    id: str
    story_id: str
    status: RunStatus
    is_retrying: bool
    is_restored: bool
    user: str
    display_name: str
    created_at: datetime
    changes: tuple[Change, ...]
    estimated_credits: int
    used_credits: int
    tokens: int | None
    parts: int

    @property
    def is_active(self) -> bool:
        """True until it has ended."""
        return self.status in ACTIVE

    @property
    def released_credits(self) -> int | None:
        """What was announced and has not been used; None until it has ended."""
        if self.status == "rejected":
            return 0  # Nothing of it was ever held.
        return self.estimated_credits - self.used_credits if self.status in ENDED else None


def lines(
    session: Session,
    projects: Projects,
    asked: RunFilter,
    titled: Collection[str] = (),
    *,
    before: str | None = None,
    most: int,
) -> list[RunLine]:
    """The newest runs that some projects pay, or of those before one, a chain as one."""
    if not asked.is_storable():
        return []
    first, part, later = aliased(Run), aliased(Run), aliased(Run)
    of_chain = part.chain_id == Run.chain_id
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.credits), 0))
        .join(part, part.id == CreditEntry.run_id)
        .where(of_chain, CreditEntry.kind == CAPTURE)
        .scalar_subquery()
    )
    parts = sa.select(sa.func.count()).select_from(part).where(of_chain).scalar_subquery()
    # By the chain too, of which there is an index.
    resumed = sa.select(later.id).where(
        later.chain_id == Run.chain_id, later.resumed_from == Run.id
    )
    wanted = (
        sa.select(
            Run.id,
            Run.chain_id,
            Run.story_version_id,
            Run.status,
            Run.provider,
            Run.created_at,
            User.name,
            User.display_name,
            # Of a plan only its changes: the rest of it is as long as the story.
            first.plan["changes"],
            first.estimated_credits,
            first.restored_at,
            used,
            parts,
        )
        .join(User, User.id == Run.user_id)
        .join(first, first.id == Run.chain_id)
        .where(_paid_by(projects), ~resumed.exists(), *_narrowed(asked, first, titled))
        .order_by(Run.created_at.desc(), Run.id.desc())
        .limit(most)
    )
    if before is not None:
        at = sa.select(Run.created_at).where(Run.id == before).scalar_subquery()
        wanted = wanted.where(
            sa.or_(Run.created_at < at, sa.and_(Run.created_at == at, Run.id < before))
        )
    rows = session.execute(wanted).all()
    tokens = _tokens(session, [row[1] for row in rows if row[4] != OFFLINE])
    waiting = _retrying(session, [row[0] for row in rows if row[3] == "running"])
    return [
        RunLine(
            id=run_id,
            story_id=story_id,
            status=status,
            is_retrying=run_id in waiting,
            is_restored=restored_at is not None,
            user=name,
            display_name=display_name,
            created_at=created_at,
            changes=tuple(Change(**change) for change in changes),
            estimated_credits=estimated,
            used_credits=int(captured),
            tokens=None if provider == OFFLINE else tokens.get(chain_id, 0),
            parts=int(count),
        )
        for (
            run_id,
            chain_id,
            story_id,
            status,
            provider,
            created_at,
            name,
            display_name,
            changes,
            estimated,
            restored_at,
            captured,
            count,
        ) in rows
    ]


def _paid_by(projects: Projects) -> sa.ColumnElement[bool]:
    if projects is None:
        return sa.true()
    paying = sa.select(CreditAccount.id).where(CreditAccount.project_id.in_(list(projects)))
    return Run.account_id.in_(paying)


def _narrowed(
    asked: RunFilter, first: type[Run], titled: Collection[str]
) -> Iterable[sa.ColumnElement[bool]]:
    if asked.story is not None:
        yield Run.story_version_id == asked.story
    if asked.user is not None:
        yield User.name == asked.user
    if asked.status is not None:
        yield Run.status == asked.status
    if asked.text:
        words = asked.text[:LONGEST_TEXT]
        changes = sa.cast(first.plan["changes"], sa.Text)
        # A database may keep a letter as its number.
        written = {words, json.dumps(words)[1:-1]}
        yield sa.or_(
            *(changes.icontains(one, autoescape=True) for one in sorted(written)),
            Run.error.icontains(words, autoescape=True),
            User.name.icontains(words, autoescape=True),
            User.display_name.icontains(words, autoescape=True),
            Run.id.startswith(words, autoescape=True),
            Run.story_version_id.in_(list(titled)),
        )


def _tokens(session: Session, chains: Sequence[str]) -> Mapping[str, int]:
    """By chain the tokens that its calls are known to have used."""
    if not chains:
        return {}
    known = sa.func.coalesce(ModelCall.prompt_tokens, 0) + sa.func.coalesce(
        ModelCall.completion_tokens, 0
    )
    rows = session.execute(
        sa.select(Run.chain_id, sa.func.sum(known))
        .join(ModelCall, ModelCall.run_id == Run.id)
        .where(Run.chain_id.in_(chains))
        .group_by(Run.chain_id)
    )
    return {chain_id: int(total) for chain_id, total in rows}


def _retrying(session: Session, run_ids: Sequence[str]) -> frozenset[str]:
    """Which of some runs at work do nothing but wait to ask again."""
    if not run_ids:
        return frozenset()
    rows = session.execute(
        sa.select(RunEvent.run_id, RunEvent.at, RunEvent.body)
        .where(RunEvent.run_id.in_(run_ids))
        .order_by(RunEvent.run_id, RunEvent.seq)
    )
    found: dict[str, list[tuple[datetime, Mapping[str, Any]]]] = {}
    for run_id, at, body in rows:
        found.setdefault(run_id, []).append((at, body))
    now = datetime.now(UTC)
    return frozenset(run_id for run_id, told in found.items() if _only_waits(told, now))


def _only_waits(told: Iterable[tuple[datetime, Mapping[str, Any]]], now: datetime) -> bool:
    """Whether of what was begun and has not ended all is waiting; by what a run has told."""
    waits: dict[tuple[Any, ...], bool] = {}
    for at, body in told:
        row = kinds.in_events(body.get("step", ""))
        if row is None:
            continue
        if body["type"] == "step" and row.name in SCENE_KINDS:
            continue  # It speaks for its group.
        key = (body["beatIndex"], row.name, body.get("sceneNumber"))
        if body["type"] == "retry":
            waits[key] = (now - at).total_seconds() < body["waitSeconds"]
        elif body.get("status") == "generating":
            waits[key] = False
        else:
            waits.pop(key, None)
    return bool(waits) and all(waits.values())
