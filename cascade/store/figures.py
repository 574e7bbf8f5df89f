"""Figures of the whole database for whoever watches over it: counts, sums and ages, no words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session

from cascade.store.tables import CreditAccount, ModelCall, Run, RunStep, now

# Upper ends, in seconds, of what calls to a model are counted by.
LATENCIES_S = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """The calls to one model: how many by outcome, again, how long they took, what they used.

    `latencies` counts those that took no longer than each of `LATENCIES_S`.
    """

    provider: str
    model: str
    outcome: str
    calls: int
    retries: int
    seconds: float
    latencies: tuple[int, ...]
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All of them, of one moment; `queue_age_s` is of the run that has waited the longest."""

    runs: Mapping[str, int]
    steps: Mapping[str, int]
    models: Sequence[ModelFigures]
    credits: Mapping[str, int]
    queue_age_s: float


def take(session: Session) -> Figures:
    """Counts everything."""
    runs = session.execute(sa.select(Run.status, sa.func.count()).group_by(Run.status))
    steps = session.execute(sa.select(RunStep.status, sa.func.count()).group_by(RunStep.status))
    parts = ("deposited", "available", "held", "captured")
    sums = session.execute(
        sa.select(*(sa.func.coalesce(sa.func.sum(getattr(CreditAccount, p)), 0) for p in parts))
    ).one()
    oldest = session.scalar(sa.select(sa.func.min(Run.created_at)).where(Run.status == "queued"))
    return Figures(
        runs=dict(list(runs)),
        steps=dict(list(steps)),
        models=_models(session),
        credits={part: int(one) for part, one in zip(parts, sums, strict=True)},
        queue_age_s=max(0.0, (now() - oldest).total_seconds()) if oldest is not None else 0.0,
    )


def _models(session: Session) -> list[ModelFigures]:
    def total(what: sa.ColumnElement[Any] | InstrumentedAttribute[Any]) -> sa.Function[int]:
        return sa.func.coalesce(sa.func.sum(what), 0)

    def count(condition: sa.ColumnElement[bool]) -> sa.Function[int]:
        return total(sa.case((condition, 1), else_=0))

    named = (ModelCall.provider, ModelCall.model, ModelCall.outcome)
    rows = session.execute(
        sa.select(
            *named,
            sa.func.count(),
            count(ModelCall.attempt > 1),
            total(ModelCall.latency_ms),
            total(ModelCall.prompt_tokens),
            total(ModelCall.cached_tokens),
            total(ModelCall.completion_tokens),
            *(count(ModelCall.latency_ms <= most * 1000) for most in LATENCIES_S),
        )
        .group_by(*named)
        .order_by(*named)
    )
    return [
        ModelFigures(
            provider=provider,
            model=model,
            outcome=outcome,
            calls=calls,
            retries=int(retries),
            seconds=int(ms) / 1000,
            latencies=tuple(map(int, latencies)),
            prompt_tokens=int(prompt),
            cached_tokens=int(cached),
            completion_tokens=int(completion),
        )
        for (
            provider,
            model,
            outcome,
            calls,
            retries,
            ms,
            prompt,
            cached,
            completion,
            *latencies,
        ) in rows
    ]
