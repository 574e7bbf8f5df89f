"""Calls to the writers: what each one used, and texts while they grow."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, Self

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.tables import Base, LiveText, ModelCall, Run, RunStep

CallOutcome = Literal["saved", "rejected", "failed", "aborted"]


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt at a step's text. Tokens are None where the server did not say.

    `code` and `error_fields` say why it brought none that could be saved.
    """

    attempt: int
    outcome: CallOutcome
    provider: str
    model: str
    latency_ms: int
    code: str | None = None
    prompt_version: str | None = None
    prompt_hash: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    rejected_text: str | None = None
    reason: str | None = None
    error_fields: Mapping[str, Any] | None = None


_OF_CALL = fields(Call)
# Made once, and of the table: a flush takes longer than the statement.
_NEW = sa.insert(Base.metadata.tables[ModelCall.__tablename__])


@dataclass(frozen=True, slots=True)
class Used:
    """What some calls used, whatever became of them; `latency_ms` is the time spent in them.

    Tokens are those that are known: `unknown_calls` are the calls whose server did not say how
    many, `unknown_cached_calls` those where it did not say how many of them it had kept.
    """

    calls: int = 0
    rejected_calls: int = 0
    failed_calls: int = 0
    unknown_calls: int = 0
    unknown_cached_calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    latency_ms: int = 0

    def plus(self, other: Used) -> Self:
        """The same with what `other` used besides."""
        sums = {one.name: getattr(self, one.name) + getattr(other, one.name) for one in _SUMMED}
        return replace(self, **sums)


_SUMMED = fields(Used)


@dataclass(frozen=True, slots=True)
class Tokens(Used):
    """What the calls to one model used."""

    model: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the calls of a run used: by model (in order of name), and by step key."""

    by_model: tuple[Tokens, ...]
    by_step: Mapping[str, Used]


def add(session: Session, run_id: str, key: str, call: Call) -> None:
    """Keeps a call, and forgets the growing text it had, unless that is the text that is saved."""
    values = {one.name: getattr(call, one.name) for one in _OF_CALL}
    session.execute(_NEW, {"run_id": run_id, "step_key": key, **values})
    if call.outcome != "saved":
        grown = sa.delete(LiveText).where(LiveText.run_id == run_id, LiveText.step_key == key)
        session.execute(grown)


def read(session: Session, call_id: int) -> Call | None:
    """A call that was kept."""
    row = session.get(ModelCall, call_id)
    if row is None:
        return None
    return Call(**{one.name: getattr(row, one.name) for one in fields(Call)})


def usage_of(session: Session, run_id: str) -> Usage:
    """What a run's calls used, in one query."""
    return _usage(session, ModelCall.run_id == run_id)


def usage_of_chain(session: Session, chain_id: str) -> Usage:
    """What the calls to models of all runs of a chain used, in one query."""
    parts = sa.select(Run.id).where(Run.chain_id == chain_id)
    # The offline writer uses nothing, which is no more than its label says.
    return _usage(session, ModelCall.run_id.in_(parts) & (ModelCall.provider != "offline"))


def _usage(session: Session, of: sa.ColumnElement[bool]) -> Usage:
    known = ModelCall.prompt_tokens.is_not(None) & ModelCall.completion_tokens.is_not(None)

    def count(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    def total(column: Any) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(column), 0)

    rows = session.execute(
        sa.select(
            ModelCall.step_key,
            ModelCall.model,
            sa.func.count(),
            count(ModelCall.outcome == "rejected"),
            count(ModelCall.outcome == "failed"),
            count(~known),
            count(ModelCall.cached_tokens.is_(None)),
            total(ModelCall.prompt_tokens),
            total(ModelCall.cached_tokens),
            total(ModelCall.completion_tokens),
            total(ModelCall.latency_ms),
        )
        .where(of)
        .group_by(ModelCall.step_key, ModelCall.model)
    )
    models: dict[str, Tokens] = {}
    steps: dict[str, Used] = {}
    for key, model, *numbers in rows:
        used = Used(*(int(one) for one in numbers))
        models[model] = models.get(model, Tokens(model=model)).plus(used)
        steps[key] = steps.get(key, Used()).plus(used)
    return Usage(tuple(models[model] for model in sorted(models)), steps)


def last_rejected(session: Session, chain_id: str, key: str) -> ModelCall | None:
    """The last text of a step that a check rejected, in any run of a chain of resumed ones.

    None where none could be made out at all.
    """
    return session.scalar(
        sa.select(ModelCall)
        .where(_is_rejected(chain_id, [key]))
        .order_by(ModelCall.id.desc())
        .limit(1)
    )


def rejected_texts(session: Session, chain_id: str, keys: Collection[str]) -> dict[str, str]:
    """The last text of each of some steps that a check rejected, by key; in one query."""
    if not keys:
        return {}
    rows = session.execute(
        sa.select(ModelCall.step_key, ModelCall.rejected_text)
        .where(_is_rejected(chain_id, keys))
        .order_by(ModelCall.id)
    )
    return {key: text or "" for key, text in rows}


def _is_rejected(chain_id: str, keys: Collection[str]) -> sa.ColumnElement[bool]:
    """Whether a check rejected a call's text, for one of some steps of a chain."""
    return sa.and_(
        Run.id == ModelCall.run_id,
        Run.chain_id == chain_id,
        ModelCall.step_key.in_(list(keys)),
        ModelCall.rejected_text.is_not(None),
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
        sa.select(LiveText.step_key, LiveText.text)
        .join(RunStep, sa.and_(RunStep.run_id == LiveText.run_id, RunStep.key == LiveText.step_key))
        .where(LiveText.run_id == run_id, RunStep.status != "saved")
    )
    return dict(list(rows))
