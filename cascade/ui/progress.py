"""How far a run is, step by step, from what is saved and from its events. Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

from cascade.service import RunView
from cascade.story.document import Kind, piece_key
from cascade.story.plan import Change, Step

State = Literal["pending", "generating", "retrying", "stopping", "done", "failed", "left"]

_KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "beatContent": "beatContent",
        "keyAction": "keyAction",
        "scenePlots": "scenePlot",
        "scripts": "script",
    }
)


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step and its state; `wait_s` is how long a retry still waits."""

    step: Step
    state: State
    wait_s: int = 0


@dataclass(frozen=True, slots=True)
class BeatProgress:
    """One changed beat with its steps."""

    change: Change
    lines: tuple[StepLine, ...]

    @property
    def done(self) -> int:
        """How many of its steps are saved."""
        return sum(line.state == "done" for line in self.lines)

    @property
    def state(self) -> State:
        """The beat's state as one: what its most telling step is in."""
        states = {line.state for line in self.lines}
        if states == {"done"}:
            return "done"
        for state in ("failed", "left", "stopping", "retrying", "generating"):
            if state in states:
                return state
        # Between two steps none is at work for an instant; the beat has begun all the same.
        return "generating" if "done" in states else "pending"


def progress(
    run: RunView, events: Iterable[Mapping[str, Any]], now: datetime
) -> list[BeatProgress]:
    """Every beat of a run with its steps, in order."""
    at_work = _at_work(run, events, now)
    saved = {step.key: step.status for step in run.steps}

    def line(step: Step) -> StepLine:
        status = saved.get(step.key)
        if status == "saved":
            return StepLine(step, "done")
        if status == "failed":
            return StepLine(step, "failed")
        if not run.is_active and run.status != "awaiting_approval":
            return StepLine(step, "left")
        state, wait_s = at_work.get(step.key, ("pending", 0))
        if run.status == "cancelling" and state != "pending":
            return StepLine(step, "stopping")
        return StepLine(step, state, wait_s)

    return [
        BeatProgress(change, tuple(line(step) for step in run.plan.steps_of(change.beat_key)))
        for change in run.plan.changes
    ]


def _at_work(
    run: RunView, events: Iterable[Mapping[str, Any]], now: datetime
) -> dict[str, tuple[State, int]]:
    """The steps that were begun, by key; what has become of them since is in the run's rows."""
    begun: dict[str, tuple[State, int]] = {}
    for event in events:
        kind = _KINDS.get(event.get("step", ""))
        if kind is None:
            continue
        number = event.get("sceneNumber")
        beat_key = run.plan.changes[event["beatIndex"]].beat_key
        key = piece_key(beat_key, kind, number)
        if event["type"] == "retry":
            gone = (now - datetime.fromisoformat(event["at"])).total_seconds()
            wait_s = round(event["waitSeconds"] - gone)
            begun[key] = ("retrying", wait_s) if wait_s > 0 else ("generating", 0)
        elif event.get("status") == "generating":
            # A step event of a scene kind speaks for its group; its key is no step's and is inert.
            begun[key] = ("generating", 0)
    return begun
