"""Calls to the writers: what each one used, and texts while they grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.tables import LiveText, ModelCall

CallOutcome = Literal["saved", "rejected", "failed", "aborted"]


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at a step's text. Tokens are None where the server did not say."""

    attempt: int
    outcome: CallOutcome
    provider: str
    model: str
    latency_ms: int
    code: str | None = None
    prompt_hash: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    rejected_text: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the calls to one model used. `unknown_calls` are those whose server did not say."""

    model: str
    calls: int
    rejected_calls: int
    failed_calls: int
    unknown_calls: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


def add(session: Session, run_id: str, key: str, call: Call) -> None:
    """Keeps a call, and forgets the growing text it had."""
    session.add(
        ModelCall(
            run_id=run_id,
            step_key=key,
            attempt=call.attempt,
            outcome=call.outcome,
            code=call.code,
            provider=call.provider,
            model=call.model,
            prompt_hash=call.prompt_hash,
            prompt_tokens=call.prompt_tokens,
            cached_tokens=call.cached_tokens,
            completion_tokens=call.completion_tokens,
            latency_ms=call.latency_ms,
            rejected_text=call.rejected_text,
            reason=call.reason,
        )
    )
    session.execute(sa.delete(LiveText).where(LiveText.run_id == run_id, LiveText.step_key == key))
    session.flush()


def tokens_of(session: Session, run_id: str) -> list[Tokens]:
    """What a run's calls used, by model."""
    known = ModelCall.prompt_tokens.is_not(None) & ModelCall.completion_tokens.is_not(None)

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    def total(column: sa.orm.InstrumentedAttribute[int | None]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(column), 0)

    rows = session.execute(
        sa.select(
            ModelCall.model,
            sa.func.count(),
            count(ModelCall.outcome == "rejected"),
            count(ModelCall.outcome == "failed"),
            count(~known),
            total(ModelCall.prompt_tokens),
            total(ModelCall.cached_tokens),
            total(ModelCall.completion_tokens),
        )
        .where(ModelCall.run_id == run_id)
        .group_by(ModelCall.model)
        .order_by(ModelCall.model)
    )
    return [Tokens(row[0], *(int(one) for one in row[1:])) for row in rows]


def last_rejected(session: Session, run_id: str, key: str) -> ModelCall | None:
    """The last text of a step that a check rejected, if one could be made out at all."""
    return session.scalar(
        sa.select(ModelCall)
        .where(
            ModelCall.run_id == run_id,
            ModelCall.step_key == key,
            ModelCall.rejected_text.is_not(None),
        )
        .order_by(ModelCall.id.desc())
        .limit(1)
    )


def show_growing(session: Session, run_id: str, key: str, text: str) -> None:
    """Lets watchers see a text that is still being written."""
    live = session.get(LiveText, (run_id, key))
    if live is None:
        session.add(LiveText(run_id=run_id, step_key=key, text=text))
    else:
        live.text = text


def growing(session: Session, run_id: str) -> Mapping[str, str]:
    """The texts of a run that are being written, by step key."""
    rows = session.execute(
        sa.select(LiveText.step_key, LiveText.text).where(LiveText.run_id == run_id)
    )
    return dict(list(rows))
