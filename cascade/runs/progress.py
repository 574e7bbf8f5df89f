"""How far a run is, step by step, from what is saved and from its events. Pure values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal

from cascade.runs.reading import RunView
from cascade.store.calls import Used
from cascade.story import kinds
from cascade.story.estimate import calls_in_a_row
from cascade.story.piece import Piece
from cascade.story.plan import Change, Step

State = Literal["pending", "generating", "retrying", "stopping", "done", "failed", "left"]

# From this share of its calls on a run's own speed alone says how long the rest takes.
ENOUGH = 0.2

# How much of a growing text is shown, in characters from its end.
TAIL = 200


@dataclass(frozen=True, slots=True)
class StepLine:
    """One step and its state.

    Of a retry, `wait_s` is how long it still waits and `attempt` which attempt it will be. `tail`
    is the end of a text that is being written. `used` are the tokens of its calls, once some were
    made.
    """

    step: Step
    state: State
    wait_s: int = 0
    attempt: int = 0
    tail: str = ""
    used: Used | None = None


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
    run: RunView,
    events: Iterable[Mapping[str, Any]],
    now: datetime,
    growing: Mapping[str, str] = MappingProxyType({}),
) -> list[BeatProgress]:
    """Every beat of a run's chain with its steps, in order, as far as they have come.

    `growing` are texts being written, by key.
    """
    whole, at_work = run.chain.plan, _at_work(run, events, now)
    steps = {step.key: step for step in run.steps}

    def line(step: Step) -> StepLine:
        kept = steps.get(step.key)
        found = state(step, kept.status if kept is not None else None)
        if kept is None or run.provider == "offline":
            # Calls of the offline writer use nothing, which is no more than its label says.
            return found
        return replace(found, used=kept.tokens)

    def state(step: Step, status: str | None) -> StepLine:
        # Another part of the chain may have saved it.
        if status == "saved" or step.key in run.chain.saved:
            return StepLine(step, "done")
        if status == "failed":
            return StepLine(step, "failed")
        if run.has_ended:
            return StepLine(step, "left")
        begun = at_work.get(step.key)
        if begun is None:
            return StepLine(step, "pending")
        if run.status == "cancelling":
            return StepLine(step, "stopping")
        tail = _tail(growing.get(step.key, "")) if begun.state == "generating" else ""
        return replace(begun, tail=tail)

    return [
        BeatProgress(change, tuple(line(step) for step in whole.steps_of(change.beat_key)))
        for change in whole.changes
    ]


def beat_states(
    run: RunView, events: Iterable[Mapping[str, Any]]
) -> dict[str, Literal["waiting", "rewriting", "rewritten"]]:
    """What a run at work is doing to each of its beats, for the curve."""
    names: Mapping[State, Literal["waiting", "rewritten"]]
    names = {"pending": "waiting", "done": "rewritten"}
    return {
        beat.change.beat_key: names.get(beat.state, "rewriting")
        for beat in progress(run, events, datetime.now(UTC))
    }


def elapsed_s(run: RunView, now: datetime) -> float | None:
    """Seconds a run has been at work, or was; None before it has begun."""
    if run.started_at is None:
        return None
    return max(0.0, ((run.finished_at or now) - run.started_at).total_seconds())


def remaining_s(
    run: RunView, elapsed: float, concurrency: int, expected: float | None = None
) -> float | None:
    """Roughly how many seconds a run still takes, by the calls it has made; None where unknown.

    The first few calls say little: until a fifth of them is made, what its plan was `expected` to
    take in all counts too, the less the more there are.
    """
    groups = run.plan.groups()
    saved = {step.key for step in run.steps if step.status == "saved"}
    left = [[key for key in group if key not in saved] for group in groups]
    calls_left = calls_in_a_row([group for group in left if group], concurrency)
    calls_made = calls_in_a_row(groups, concurrency) - calls_left
    calls = calls_made + calls_left
    measured = elapsed / calls_made * calls_left if calls_made > 0 else None
    if expected is None or calls == 0:
        return measured
    by_plan = expected * calls_left / calls
    weight = min(1.0, calls_made / calls / ENOUGH)
    return by_plan if measured is None else weight * measured + (1 - weight) * by_plan


def _tail(words: str) -> str:
    """The end of a growing text on one line, from the beginning of a word."""
    line = " ".join(words.split())
    if len(line) <= TAIL:
        return line
    return f"… {line[-TAIL:].partition(' ')[2] or line[-TAIL:]}"


def _at_work(
    run: RunView, events: Iterable[Mapping[str, Any]], now: datetime
) -> dict[str, StepLine]:
    """The steps that were begun, by key; what has become of them since is in the run's rows."""
    begun: dict[str, StepLine] = {}
    steps = {step.key: step for step in run.plan.steps}
    for event in events:
        row = kinds.in_events(event.get("step", ""))
        if row is None:
            continue
        beat_key = run.plan.changes[event["beatIndex"]].beat_key
        step = steps.get(str(Piece(beat_key, row.name, event.get("sceneNumber"))))
        if step is None:
            continue  # A step event of a scene kind speaks for its group.
        if event["type"] == "retry":
            gone = (now - datetime.fromisoformat(event["at"])).total_seconds()
            wait_s = round(event["waitSeconds"] - gone)
            if wait_s > 0:
                attempt = event["attempt"] + 1
                begun[step.key] = StepLine(step, "retrying", wait_s, attempt)
                continue
        elif event.get("status") != "generating":
            continue
        begun[step.key] = StepLine(step, "generating")
    return begun
