"""A chain: a run and those that resumed it. To a reader it is one run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.tables import ACTIVE, ENDED, CreditEntry, Run, RunStatus, RunStep
from cascade.story.plan import Plan


@dataclass(frozen=True, slots=True)
class Part:
    """One run of a chain: what has become of it, and the credits it has used."""

    id: str
    status: RunStatus
    used_credits: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A run with those that resumed it, the first one first; most have one part.

    `plan` is the first one's: all that the chain is to do. `saved` are the keys of the steps that
    any of its parts has saved. `restored_at` is when what it wrote was put back as a whole.
    """

    plan: Plan
    parts: tuple[Part, ...]
    saved: frozenset[str]
    restored_at: datetime | None = None

    @property
    def estimated_credits(self) -> int:
        """What the whole of it was announced to cost."""
        return self.plan.estimated_credits

    @property
    def used_credits(self) -> int:
        """What all its parts have used."""
        return sum(part.used_credits for part in self.parts)

    @property
    def held_credits(self) -> int:
        """What is on hold for it: what it may still use while a part of it is at work."""
        is_at_work = self.parts[-1].status in ACTIVE
        return self.estimated_credits - self.used_credits if is_at_work else 0

    @property
    def released_credits(self) -> int:
        """What was announced and has not been used; 0 while a part of it is at work."""
        last = self.parts[-1].status
        # Of what was rejected nothing was ever held.
        is_over = last in ENDED and last != "rejected"
        return self.estimated_credits - self.used_credits if is_over else 0

    def part(self, run_id: str) -> Part:
        """The part that a run is."""
        return next(part for part in self.parts if part.id == run_id)

    def after(self, run_id: str) -> Part | None:
        """The part that has resumed a run, if any has."""
        at = self.parts.index(self.part(run_id))
        return self.parts[at + 1] if at + 1 < len(self.parts) else None


def chain_of(session: Session, run: Run, plan: Plan) -> Chain:
    """The chain of a run, whose own plan is given."""
    used = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.credits), 0))
        .where(CreditEntry.run_id == Run.id, CreditEntry.kind == "capture")
        .scalar_subquery()
    )
    rows = session.execute(
        sa.select(Run.id, Run.status, Run.resumed_from, Run.restored_at, used).where(
            Run.chain_id == run.chain_id
        )
    ).all()
    following = {resumed_from: row for row in rows if (resumed_from := row[2])}
    at = next(row for row in rows if row.id == run.chain_id)
    restored_at, parts = at.restored_at, [at]
    while (later := following.get(at.id)) is not None:
        parts.append(at := later)
    saved = session.scalars(
        sa.select(RunStep.key).where(RunStep.chain_id == run.chain_id, RunStep.status == "saved")
    )
    if run.id != run.chain_id:
        plan = Plan.from_json(session.get_one(Run, run.chain_id).plan)
    return Chain(
        plan,
        tuple(Part(row.id, row.status, int(row[4])) for row in parts),
        frozenset(saved),
        restored_at,
    )


def is_restored(session: Session, run: Run) -> bool:
    """Whether what a run's chain wrote was put back as a whole."""
    first = sa.select(Run.restored_at).where(Run.id == run.chain_id)
    return session.scalar(first) is not None
