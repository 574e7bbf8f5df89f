"""One step of a run: announce it, save and charge it, or record that it failed.

The unique keys of the tables decide that a step is saved and charged at most once; nothing here
relies on what the engine remembers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import Reason, UnknownStory, UnreadableStory
from cascade.llm.provider import Answer, Usage
from cascade.runs import events
from cascade.runs.lifecycle import beat_index, lock_run
from cascade.store import calls, pieces, revisions, stories
from cascade.store.calls import Call
from cascade.store.pieces import Stood
from cascade.store.tables import (
    Draft,
    Revision,
    Run,
    RunStep,
    StoryVersion,
    now,
)
from cascade.story import kinds
from cascade.story.brief import Brief, brief_for
from cascade.story.piece import Piece, level_key
from cascade.story.plan import Change, Plan, Step, changed_scene
from cascade.story.story import Part, Scene, Story, digest

# What became of a step. `stopped`: the run is being cancelled, has ended, or another step failed.
Outcome = Literal["saved", "failed", "stopped"]

CONFLICT = (
    "Somebody changed {piece} after this run was planned, so it was not overwritten. "
    "Look at that edit, then plan the change again."
)
SCENE_CONFLICT = (
    "After this run was planned, scene {scene} was {done}. It was left as it is, and not charged. "
    "Look at the scenes of the beat, then plan the change again."
)

STORY_CONFLICT = (
    "The story was deleted after this run was planned, so the rest of it was not written and not "
    "charged. What it had written is kept with the run."
)


@dataclass(frozen=True, slots=True)
class Written:
    """A text for a brief, and the call that brought it; `counted` where it is in the books already.

    That is so of a text that was rejected in an earlier run and then accepted.
    """

    answer: Answer
    brief: Brief
    provider: str
    prompt_version: str | None
    call: Call
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Assignment:
    """A step to write; `accepted` is a text that the editor took although a check rejected it."""

    brief: Brief
    accepted: Written | None = None


def announce(session: Session, run_id: str, key: str) -> Assignment | Outcome:
    """Says that a step is being written, and gives its brief; or what has become of it already."""
    run = lock_run(session, run_id)
    row = _step_row(session, run_id, key)
    if row.status == "saved":
        return "saved"
    if run.status != "running" or _has_failed(session, run_id):
        return "stopped"
    plan = Plan.from_json(run.plan)
    step = plan.step(key)
    try:
        story = stories.read_story(session, run.story_version_id)
    except (UnknownStory, UnreadableStory) as error:
        return _fail(session, run, plan, step, row, _lost(error))
    edited = _edited_meanwhile(plan, step, story)
    if edited is not None:
        # Found before the model is asked: nobody pays for a text that could not be saved.
        return _fail(session, run, plan, step, row, _conflict(edited, story))
    at = beat_index(plan, step.beat_key)
    change = plan.change(step.beat_key)
    body = {
        "type": "beat_start",
        "beatIndex": at,
        "beatKey": step.beat_key,
        "beatLabel": change.beat_label,
    }
    events.append(session, run, body, once=f"beat_start/{at}")
    if step.scene_number is None:
        events.append(session, run, _step_event(at, step, "generating"))
    else:
        # The first of the group says so for all; which one that is depends on who comes first.
        body = _step_event(at, step, "generating", progress=_progress(session, run_id, plan, step))
        name = kinds.row(step.kind).event
        events.append(session, run, body, once=f"step/{at}/{name}/generating")
        events.append(session, run, _scene_event(at, step, "generating"))
    brief = brief_for(plan, step, story, seed=f"{run_id}/{key}")
    return Assignment(brief, _accepted(session, row, brief))


def save(session: Session, run_id: str, key: str, written: Written) -> Outcome:
    """Saves and charges a step: content, revision, status, capture and events in one transaction.

    The first step of a beat also saves the beat's new level, and marks what hangs under the beat
    out of date until it is written too. A text edited since the plan was made is never
    overwritten: the step fails as a conflict.
    """
    run = lock_run(session, run_id)
    row = _step_row(session, run_id, key)
    if row.status == "saved":
        return "saved"
    if run.status != "running":
        return "stopped"
    plan = Plan.from_json(run.plan)
    step = plan.step(key)
    try:
        story_row = stories.lock_story(session, run.story_version_id)
        story = stories.read_story(session, run.story_version_id)
    except (UnknownStory, UnreadableStory) as error:
        return _fail(session, run, plan, step, row, _lost(error))
    edited = _edited_meanwhile(plan, step, story)
    if edited is not None:
        return _fail(session, run, plan, step, row, _conflict(edited, story))

    change = plan.change(step.beat_key)
    scene = _scene(story, step)
    scene_id = scene.id if scene is not None else ""
    if step == plan.steps_of(step.beat_key)[0]:
        _save_level(session, run, story_row, story, change)
    text = written.answer.text
    replaces_id = revisions.keep_found(
        session, story.id, key, scene_id, pieces.standing(session, story_row, step.piece, scene_id)
    )
    revision = _add_revision(session, run, step, scene_id, replaces_id, written, change.new_level)
    pieces.write_text(session, story_row, step.piece, scene_id, Stood(text))
    pieces.mark_up_to_date(session, story.id, key)
    if scene is not None and scene.shots:
        # Shots of a rewritten scene are kept, and marked.
        shots = Piece(step.beat_key, "shots", step.scene_number)
        pieces.mark_out_of_date(session, story.id, [str(shots)], run.id)
    ledger.capture(session, run_id, key, step.credits)
    if not written.counted:
        calls.add(session, run_id, key, written.call)
    row.status, row.saved_at = "saved", now()
    row.revision_id, row.saved_digest = revision.id, digest(text)
    session.flush()
    _report_saved(session, run, plan, step, text)
    return "saved"


def fail(
    session: Session, run_id: str, key: str, failure: Reason, call: Call | None = None
) -> Outcome:
    """Records that a step failed for good: no further step of the run is begun."""
    run = lock_run(session, run_id)
    row = _step_row(session, run_id, key)
    if row.status == "failed":
        # The answer to that commit was lost, and it is tried again.
        return "failed"
    if call is not None:
        calls.add(session, run_id, key, call)
    if row.status == "saved":
        return "saved"
    if run.status != "running":
        return "stopped"
    plan = Plan.from_json(run.plan)
    return _fail(session, run, plan, plan.step(key), row, failure)


def report_retry(
    session: Session,
    run_id: str,
    key: str,
    attempt: int,
    wait_s: float,
    message: str,
    call: Call | None = None,
) -> None:
    """Says that a call failed and when it is tried again; `attempt` is the one that failed."""
    run = lock_run(session, run_id)
    if call is not None:
        calls.add(session, run_id, key, call)
    if run.status != "running":
        return
    plan = Plan.from_json(run.plan)
    step = plan.step(key)
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
    events.append(session, run, body)


def is_wanted(session: Session, run_id: str) -> bool:
    """True while the run may still save steps."""
    return session.scalar(sa.select(Run.status).where(Run.id == run_id)) == "running"


def _step_row(session: Session, run_id: str, key: str) -> RunStep:
    row = session.get(RunStep, (run_id, key))
    assert row is not None, f"run {run_id} has no step {key}"
    return row


def _accepted(session: Session, row: RunStep, brief: Brief) -> Written | None:
    """The rejected text that the editor accepted for this step, with whatever wrote it then."""
    call = calls.read(session, row.accepted_call_id) if row.accepted_call_id else None
    if call is None or call.rejected_text is None:
        return None
    answer = Answer(
        text=call.rejected_text,
        finish_reason="accepted",
        model=call.model,
        prompt_hash=call.prompt_hash or "",
        usage=Usage(call.prompt_tokens, call.cached_tokens, call.completion_tokens),
    )
    return Written(answer, brief, call.provider, call.prompt_version, call, counted=True)


def _has_failed(session: Session, run_id: str) -> bool:
    wanted = sa.select(RunStep.key).where(RunStep.run_id == run_id, RunStep.status == "failed")
    return session.scalar(wanted.limit(1)) is not None


def _edited_meanwhile(plan: Plan, step: Step, story: Story) -> Part | None:
    """What somebody else changed that this step would overwrite; None where nothing.

    A scene is known by its id: one that is gone, or hangs off another beat, is not written.
    """
    if step.beat_key not in story.structure.keys:
        return Part("header")
    moved = changed_scene(step, story)
    if moved is not None:
        return moved
    if story.why_unreadable(step.key) is not None:
        return Part("piece", step.key)
    if digest(story.text(step.key)) != step.replaces:
        return Part("piece", step.key)
    change = plan.change(step.beat_key)
    first = step == plan.steps_of(step.beat_key)[0]
    expected = change.expected_level if first else change.new_level
    unreadable = story.why_unreadable(level_key(step.beat_key)) is not None
    changed = unreadable or story.curve[step.beat_key] != expected
    return Part("level", step.beat_key) if changed else None


def _scene(story: Story, step: Step) -> Scene | None:
    """The scene that a step writes; None for a beat's own texts."""
    if step.scene_id:
        return story.scene_by_id(step.scene_id)
    return story.scene_of(step.piece)


def _conflict(edited: Part, story: Story) -> Reason:
    match edited.cause:
        case "scene_gone" | "scene_moved" as cause:
            done = {
                "scene_gone": "deleted",
                "scene_moved": "moved to another beat or given another number",
            }
            scene = Piece.parse(edited.key).scene
            message = SCENE_CONFLICT.format(scene=scene, done=done[cause])
        case _:
            message = CONFLICT.format(piece=edited.describe(story.structure))
    return Reason("conflict", message, edited.fields)


def _lost(error: UnknownStory | UnreadableStory) -> Reason:
    """Why a step cannot be written whose story is gone, or has a structure that is none of ours."""
    if isinstance(error, UnknownStory):
        return Reason("conflict", STORY_CONFLICT, {"cause": "story_gone"})
    return Reason("conflict", f"{error.message} It was not charged.", {"cause": "header"})


def _save_level(
    session: Session, run: Run, row: StoryVersion, story: Story, change: Change
) -> None:
    if change.expected_level == change.new_level:
        return  # A resumed run: its first part saved the level and set the marks.
    _write_level(session, run, row, change)
    under = map(str, story.pieces_of(change.beat_key))
    pieces.mark_out_of_date(session, story.id, under, run.id)
    draft = session.get(Draft, (story.id, run.user_id))
    if draft is not None and draft.levels.get(change.beat_key) == change.new_level:
        beat = change.beat_key
        draft.levels = {key: level for key, level in draft.levels.items() if key != beat}
        draft.directions = {key: text for key, text in draft.directions.items() if key != beat}


def _write_level(session: Session, run: Run, row: StoryVersion, change: Change) -> None:
    """Saves a level, with revisions of what stood there and of what is there now."""
    key = level_key(change.beat_key)
    stood = pieces.standing_level(row, change.beat_key)
    replaces_id = revisions.keep_found(session, row.id, key, "", stood)
    new = pieces.write_level(session, row, change.beat_key, change.new_level)
    session.add(
        Revision(
            story_version_id=row.id,
            key=key,
            digest=digest(new.text),
            text=new.text,
            cell=new.cell,
            origin="run",
            replaces_id=replaces_id,
            author_id=run.user_id,
            run_id=run.id,
            level=change.new_level,
        )
    )
    session.flush()


def _add_revision(
    session: Session,
    run: Run,
    step: Step,
    scene_id: str,
    replaces_id: int | None,
    written: Written,
    level: int,
) -> Revision:
    """The new text's revision."""
    answer, usage = written.answer, written.answer.usage
    revision = Revision(
        story_version_id=run.story_version_id,
        key=step.key,
        scene_id=scene_id or None,
        digest=digest(answer.text),
        text=answer.text,
        origin="run",
        replaces_id=replaces_id,
        author_id=run.user_id,
        run_id=run.id,
        step_key=step.key,
        level=level,
        provider=written.provider,
        model=answer.model,
        prompt_version=written.prompt_version,
        prompt_hash=answer.prompt_hash,
        inputs_hash=digest(repr(written.brief)),
        prompt_tokens=usage.prompt_tokens,
        cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
        latency_ms=written.call.latency_ms,
    )
    session.add(revision)
    session.flush()
    return revision


def _report_saved(session: Session, run: Run, plan: Plan, step: Step, text: str) -> None:
    at = beat_index(plan, step.beat_key)
    name = kinds.row(step.kind).event
    once = f"step/{at}/{name}"
    if step.scene_number is None:
        events.append(session, run, _step_event(at, step, "complete", result=text), once=once)
    else:
        scene_once = f"scene/{at}/{name}/{step.scene_number}"
        events.append(session, run, _scene_event(at, step, "complete"), once=scene_once)
        saved, total = _progress(session, run.id, plan, step)
        if saved < total:
            body = _step_event(at, step, "generating", progress=(saved, total))
            events.append(session, run, body)
        else:
            scenes = [one.scene_number for one in _group(plan, step)]
            body = _step_event(at, step, "complete", progress=(total, total), scenes=scenes)
            events.append(session, run, body, once=once)
    if _saved_count(session, run.id, plan.steps_of(step.beat_key)) == len(
        plan.steps_of(step.beat_key)
    ):
        body = {"type": "beat_complete", "beatIndex": at}
        events.append(session, run, body, once=f"beat_complete/{at}")


def _fail(
    session: Session, run: Run, plan: Plan, step: Step, row: RunStep, failure: Reason
) -> Outcome:
    row.status, row.error = "failed", failure.message
    row.error_code, row.error_fields = failure.code, dict(failure.fields)
    at = beat_index(plan, step.beat_key)
    if step.scene_number is not None:
        events.append(session, run, _scene_event(at, step, "error"))
    events.append(session, run, _step_event(at, step, "error"))
    return "failed"


def _group(plan: Plan, step: Step) -> list[Step]:
    """The steps of the same kind in the same beat."""
    return [one for one in plan.steps_of(step.beat_key) if one.kind == step.kind]


def _progress(session: Session, run_id: str, plan: Plan, step: Step) -> tuple[int, int]:
    group = _group(plan, step)
    return _saved_count(session, run_id, group), len(group)


def _saved_count(session: Session, run_id: str, steps: list[Step] | tuple[Step, ...]) -> int:
    wanted = sa.select(sa.func.count()).where(
        RunStep.run_id == run_id,
        RunStep.status == "saved",
        RunStep.key.in_([step.key for step in steps]),
    )
    return session.scalar(wanted) or 0


def _step_event(
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


def _scene_event(at: int, step: Step, status: str) -> dict[str, Any]:
    return {
        "type": "scene",
        "beatIndex": at,
        "step": kinds.row(step.kind).event,
        "sceneNumber": step.scene_number,
        "status": status,
    }
