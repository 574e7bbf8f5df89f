"""One run in full: when each of its steps was written, and what came of every attempt at one.

However many steps it has, it is read in the same few statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import Reason
from cascade.runs import waiting
from cascade.runs.reading import RunView, StepView, run_view
from cascade.runs.waiting import Asked
from cascade.store import calls
from cascade.store.calls import Tokens
from cascade.store.tables import ModelCall, Run, RunEvent
from cascade.story import kinds
from cascade.story.kinds import SCENE_KINDS
from cascade.story.piece import Piece
from cascade.story.plan import Plan, Step


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to a writer for a step, and what came of it; tokens that are not known are None.

    `failure` is what stopped it, with no more than words in English where no more was kept; `flaw`
    is what a check found in its text, as half a sentence in English.
    """

    key: str
    number: int
    began: datetime
    ended: datetime
    outcome: str
    latency_ms: int
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    failure: Reason | None = None
    flaw: str | None = None


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One step of a run on its line of time; not `began` where it was never reached.

    `ended` is when it was saved or given up; None while it is being written, and where it was left.
    """

    step: Step
    view: StepView
    began: datetime | None
    ended: datetime | None
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run with all that is known of it.

    `steps` and their attempts are its own; `requests` and `tokens`, those that each model used, are
    of the whole chain. `last_seq` is of its newest event, `read_at` when it was looked at.
    """

    run: RunView
    steps: tuple[StepRecord, ...]
    requests: tuple[Asked, ...]
    tokens: tuple[Tokens, ...]
    last_seq: int
    read_at: datetime

    @property
    def attempts(self) -> list[Attempt]:
        """Every attempt at any of its steps, in the order in which they began."""
        found = [one for step in self.steps for one in step.attempts]
        return sorted(found, key=lambda one: (one.began, one.key, one.number))

    @property
    def begin(self) -> datetime | None:
        """Where its line of time begins; None where nothing of it was begun."""
        begun = [step.began for step in self.steps if step.began is not None]
        return min([*begun, self.run.started_at or begun[0]]) if begun else None

    @property
    def end(self) -> datetime:
        """Where its line of time ends: with the run, or now."""
        ended = [step.ended for step in self.steps if step.ended is not None]
        return max([*ended, self.run.finished_at or self.read_at])


def record(session: Session, run: Run, at: datetime) -> RunRecord:
    """All that is known of a run at an instant, from its row."""
    view = run_view(session, run)
    told = _told(session, run.id, view.plan)
    made = _calls(session, run.id)
    steps = {step.key: step for step in view.steps}
    return RunRecord(
        view,
        tuple(
            _step(step, steps[step.key], made.get(step.key, ()), told.get(step.key, _Told((), {})))
            for step in view.plan.steps
        ),
        tuple(waiting.of_chain(session, run.chain_id)),
        calls.usage_of_chain(session, run.chain_id).by_model,
        run.last_seq,
        at,
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What a run has told of a step: when it was begun, each time, and why it is tried again."""

    begun: Sequence[datetime]
    retried: Mapping[int, str]


def _told(session: Session, run_id: str, plan: Plan) -> dict[str, _Told]:
    """What a run has told of its steps, by key. No text that it has written is read."""
    body = RunEvent.body
    kind, status = body["type"].as_string(), body["status"].as_string()
    rows = session.execute(
        sa.select(
            RunEvent.at,
            kind,
            body["beatIndex"].as_integer(),
            body["step"].as_string(),
            body["sceneNumber"].as_integer(),
            body["attempt"].as_integer(),
            body["error"].as_string(),
        )
        .where(RunEvent.run_id == run_id, sa.or_(kind == "retry", status == "generating"))
        .order_by(RunEvent.seq)
    )
    begun: dict[str, list[datetime]] = {}
    retried: dict[str, dict[int, str]] = {}
    for at, type_, beat, name, scene, attempt, error in rows:
        row = kinds.in_events(name or "")
        if row is None or (type_ == "step" and row.name in SCENE_KINDS):
            continue  # Of a scene kind it speaks for its group.
        key = str(Piece(plan.changes[beat].beat_key, row.name, scene))
        if type_ == "retry":
            retried.setdefault(key, {})[attempt] = error
        else:
            begun.setdefault(key, []).append(at)
    return {
        key: _Told(begun.get(key, ()), retried.get(key, {}))
        for key in begun.keys() | retried.keys()
    }


def _calls(session: Session, run_id: str) -> dict[str, list[Any]]:
    """The calls of a run by step, in order; of none its text."""
    rows = session.execute(
        sa.select(
            ModelCall.step_key,
            ModelCall.attempt,
            ModelCall.at,
            ModelCall.outcome,
            ModelCall.code,
            ModelCall.latency_ms,
            ModelCall.prompt_tokens,
            ModelCall.completion_tokens,
            ModelCall.reason,
            ModelCall.error_fields,
        )
        .where(ModelCall.run_id == run_id)
        .order_by(ModelCall.id)
    )
    found: dict[str, list[Any]] = {}
    for row in rows:
        found.setdefault(row.step_key, []).append(row)
    return found


def _step(step: Step, view: StepView, made: Iterable[Any], told: _Told) -> StepRecord:
    rows = list(made)
    attempts = tuple(
        Attempt(
            key=row.step_key,
            number=row.attempt,
            began=row.at - timedelta(milliseconds=row.latency_ms),
            ended=row.at,
            outcome=row.outcome,
            latency_ms=row.latency_ms,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            failure=_failure(row, view if row is rows[-1] else None, told.retried),
            flaw=row.reason,
        )
        for row in rows
    )
    begun = [*told.begun[:1], *(one.began for one in attempts)]
    given_up = view.status != "saved" and attempts and not _is_asked_again(attempts[-1], told)
    return StepRecord(
        step,
        view,
        min(begun) if begun else None,
        view.saved_at or (attempts[-1].ended if given_up else None),
        attempts,
    )


def _is_asked_again(last: Attempt, told: _Told) -> bool:
    """Whether after its last attempt a step waits for another, or is being written again."""
    return last.number in told.retried or any(at > last.ended for at in told.begun)


def _failure(row: Any, view: StepView | None, retried: Mapping[int, str]) -> Reason | None:
    """What stopped an attempt; of the last one, with its `view`, the step itself says it too."""
    if row.outcome not in ("failed", "rejected"):
        return None
    last = view.failure if view is not None else None
    if row.error_fields is None:
        said = retried.get(row.attempt)
        return last or (Reason(row.code or "", said) if said else None)
    words = retried.get(row.attempt) or (last.message if last is not None else "")
    return Reason(row.code or "", words, row.error_fields)
