"""What a run's events say of its steps: bodies, and which of them may be written once only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from cascade.runs.events import Event
from cascade.runs.lifecycle import beat_index
from cascade.store.tables import StepStatus
from cascade.story import kinds
from cascade.story.plan import Plan, Step


def begun(plan: Plan, step: Step, states: Mapping[str, StepStatus]) -> list[Event]:
    """A step is being written; the first of its beat, and of its group, says so for all."""
    at = beat_index(plan, step.beat_key)
    body = {
        "type": "beat_start",
        "beatIndex": at,
        "beatKey": step.beat_key,
        "beatLabel": plan.change(step.beat_key).beat_label,
    }
    beat_name, group_name = begun_names(plan, step)
    start = Event(body, beat_name)
    if step.scene_number is None:
        return [start, Event(_step(at, step, "generating"))]
    body = _step(at, step, "generating", progress=_progress(plan, step, states))
    group = Event(body, group_name)
    return [start, group, Event(_scene(at, step, "generating"))]


def begun_names(plan: Plan, step: Step) -> tuple[str, str]:
    """The names of what is said once when the first of a beat, and of its group, is begun."""
    at = beat_index(plan, step.beat_key)
    return f"beat_start/{at}", f"{_group_name(at, step)}/generating"


def saved(plan: Plan, step: Step, states: Mapping[str, StepStatus], text: str) -> list[Event]:
    """A step's text is saved; the last of its group, and of its beat, says so for all.

    `states` are those of its beat's steps, this one `saved`.
    """
    at = beat_index(plan, step.beat_key)
    events = []
    if step.scene_number is None:
        body = _step(at, step, "complete", result=text)
        events.append(Event(body, _group_name(at, step)))
    else:
        name = f"scene/{at}/{kinds.row(step.kind).event}/{step.scene_number}"
        events.append(Event(_scene(at, step, "complete"), name))
        done, total = _progress(plan, step, states)
        if done < total:
            body = _step(at, step, "generating", progress=(done, total))
            events.append(Event(body))
        else:
            scenes = [one.scene_number for one in _group(plan, step)]
            body = _step(at, step, "complete", progress=(total, total), scenes=scenes)
            events.append(Event(body, _group_name(at, step)))
    if _are_saved(states, plan.steps_of(step.beat_key)):
        body = {"type": "beat_complete", "beatIndex": at}
        events.append(Event(body, f"beat_complete/{at}"))
    return events


def failed(plan: Plan, step: Step) -> list[Event]:
    """A step has failed for good."""
    at = beat_index(plan, step.beat_key)
    scene = [] if step.scene_number is None else [Event(_scene(at, step, "error"))]
    return [*scene, Event(_step(at, step, "error"))]


def retried(plan: Plan, step: Step, attempt: int, wait_s: float, message: str) -> Event:
    """A call failed, and is made again after a wait; `attempt` is the one that failed."""
    body: dict[str, Any] = {
        "type": "retry",
        "beatIndex": beat_index(plan, step.beat_key),
        "step": kinds.row(step.kind).event,
        "attempt": attempt,
        "waitSeconds": round(wait_s, 1),
        "error": message,
    }
    if step.scene_number is not None:
        body["sceneNumber"] = step.scene_number
    return Event(body)


def _group_name(at: int, step: Step) -> str:
    return f"step/{at}/{kinds.row(step.kind).event}"


def _group(plan: Plan, step: Step) -> list[Step]:
    """The steps of the same kind in the same beat."""
    return [one for one in plan.steps_of(step.beat_key) if one.kind == step.kind]


def _progress(plan: Plan, step: Step, states: Mapping[str, StepStatus]) -> tuple[int, int]:
    group = _group(plan, step)
    return sum(states[one.key] == "saved" for one in group), len(group)


def _are_saved(states: Mapping[str, StepStatus], steps: Collection[Step]) -> bool:
    return all(states[step.key] == "saved" for step in steps)


def _step(
    at: int,
    step: Step,
    status: str,
    *,
    progress: tuple[int, int] | None = None,
    result: str | None = None,
    scenes: list[int | None] | None = None,
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "step",
        "beatIndex": at,
        "step": kinds.row(step.kind).event,
        "status": status,
    }
    if progress is not None:
        body["progress"] = {"current": progress[0], "total": progress[1]}
    if result is not None:
        body["result"] = result
    if scenes is not None:
        body["scenes"] = scenes
    return body


def _scene(at: int, step: Step, status: str) -> dict[str, Any]:
    return {
        "type": "scene",
        "beatIndex": at,
        "step": kinds.row(step.kind).event,
        "sceneNumber": step.scene_number,
        "status": status,
    }
