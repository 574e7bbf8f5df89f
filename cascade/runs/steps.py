"""One step of a run: announce it, save and charge it, or record that it failed.

The unique keys of the tables decide that a step is saved and charged at most once; nothing here
relies on what the engine remembers.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import Reason, UnknownStory, UnreadableStory
from cascade.llm.provider import Answer, Usage
from cascade.runs import events, reports
from cascade.runs.lifecycle import Standing, lock_standing
from cascade.runs.plans import plan_of
from cascade.store import audit, calls, made, pieces, revisions, stories
from cascade.store.calls import Call
from cascade.store.excerpt import Excerpt, excerpt, scenes_of_beat
from cascade.store.pieces import Stood
from cascade.store.revisions import Place
from cascade.store.tables import Base, Draft, Run, RunStep, StepStatus, now
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


# Statements are made once: making one takes longer than executing it.
# They name tables: classes make a result of objects, which takes as long again.
_RUN_TABLE = Base.metadata.tables[Run.__tablename__]
_STEP_TABLE = Base.metadata.tables[RunStep.__tablename__]
_STATUS = sa.select(_RUN_TABLE.c.status).where(_RUN_TABLE.c.id == sa.bindparam("run"))
_STEPS = sa.select(_STEP_TABLE.c.key, _STEP_TABLE.c.status, _STEP_TABLE.c.accepted_call_id).where(
    _STEP_TABLE.c.run_id == sa.bindparam("run"),
    _STEP_TABLE.c.key.startswith(sa.bindparam("beat")) | (_STEP_TABLE.c.status == "failed"),
)
_STEPS_AND_TOLD = sa.union_all(_STEPS, events.TOLD.add_columns(sa.literal("told"), sa.null()))
_SAVED = (
    sa.update(_STEP_TABLE)
    .where(
        _STEP_TABLE.c.run_id == sa.bindparam("of_run"),
        _STEP_TABLE.c.key == sa.bindparam("of_key"),
    )
    .values(
        {name: sa.bindparam(name) for name in ("status", "saved_at", "revision_id", "saved_digest")}
    )
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
    run = lock_standing(session, run_id)
    plan = plan_of(session, run_id)
    step = plan.step(key)
    look = _look(session, run_id, step, reports.begun_names(plan, step))
    if look.states[key] == "saved":
        return "saved"
    if run.status != "running" or look.has_failed:
        return "stopped"
    try:
        row = stories.row_of(session, run.story_version_id)
        story = excerpt(session, row, step, beside=True).story
    except (UnknownStory, UnreadableStory) as error:
        return _fail(session, run, plan, step, _lost(error))
    edited = _edited_meanwhile(plan, step, story)
    if edited is not None:
        # Found before the model is asked: nobody pays for a text that could not be saved.
        return _fail(session, run, plan, step, _conflict(edited, story))
    events.append_all(
        session, run.id, run.last_seq, reports.begun(plan, step, look.states), look.told
    )
    brief = brief_for(plan, step, story, seed=f"{run_id}/{key}")
    return Assignment(brief, _accepted(session, look.accepted.get(key), brief))


def save(session: Session, run_id: str, key: str, written: Written) -> Outcome:
    """Saves and charges a step: content, revision, status, capture and events in one transaction.

    The first step of a beat also saves the beat's new level; before it, what the texts under the
    beat are made from is written down, so that those that the run does not reach are known to be
    out of date. A text edited since the plan was made is never overwritten: the step fails as a
    conflict.
    """
    run = lock_standing(session, run_id)
    plan = plan_of(session, run_id)
    step = plan.step(key)
    states = _look(session, run_id, step).states
    if states[key] == "saved":
        return "saved"
    if run.status != "running":
        return "stopped"
    try:
        row = stories.lock_story(session, run.story_version_id)
        found = excerpt(session, row, step, beside=False)
    except (UnknownStory, UnreadableStory) as error:
        return _fail(session, run, plan, step, _lost(error))
    edited = _edited_meanwhile(plan, step, found.story)
    if edited is not None:
        return _fail(session, run, plan, step, _conflict(edited, found.story))

    if all(states[one.key] != "saved" for one in plan.steps_of(step.beat_key)):
        made.write_down(session, scenes_of_beat(session, row, step.beat_key), [step.beat_key])
    text = written.answer.text
    revision_id = _write(session, run, plan, step, found, written)
    ledger.capture(session, run_id, key, step.credits)
    if not written.counted:
        calls.add(session, run_id, key, written.call)
    values = {
        "status": "saved",
        "saved_at": now(),
        "revision_id": revision_id,
        "saved_digest": digest(text),
    }
    session.execute(_SAVED, {"of_run": run_id, "of_key": key, **values})
    told = reports.saved(plan, step, {**states, key: "saved"}, text)
    events.append_all(session, run.id, run.last_seq, told)
    return "saved"


def fail(
    session: Session, run_id: str, key: str, failure: Reason, call: Call | None = None
) -> Outcome:
    """Records that a step failed for good: no further step of the run is begun."""
    run = lock_standing(session, run_id)
    plan = plan_of(session, run_id)
    step = plan.step(key)
    status = _look(session, run_id, step).states[key]
    if status == "failed":
        # The answer to that commit was lost, and it is tried again.
        return "failed"
    if call is not None:
        calls.add(session, run_id, key, call)
    if status == "saved":
        return "saved"
    if run.status != "running":
        return "stopped"
    return _fail(session, run, plan, step, failure)


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
    run = lock_standing(session, run_id)
    if call is not None:
        calls.add(session, run_id, key, call)
    if run.status != "running":
        return
    plan = plan_of(session, run_id)
    told = reports.retried(plan, plan.step(key), attempt, wait_s, message)
    events.append_all(session, run.id, run.last_seq, [told])


def is_wanted(session: Session, run_id: str) -> bool:
    """True while the run may still save steps."""
    return session.scalar(_STATUS, {"run": run_id}) == "running"


@dataclass(frozen=True, slots=True)
class _Look:
    """What the rows of a run say around one of its steps.

    `states` are those of its beat's steps; `accepted` the calls whose texts the editor took, by
    step; `has_failed` whether any step of the run has; `told` which of some events are written.
    """

    states: Mapping[str, StepStatus]
    accepted: Mapping[str, int]
    has_failed: bool
    told: Collection[str]


def _look(session: Session, run_id: str, step: Step, names: Sequence[str] = ()) -> _Look:
    """Looks at a step, those of its beat and the run's failures, and at events; in one query."""
    # No key of a beat has a letter that stands for others in a pattern.
    asked = {"run": run_id, "beat": f"{step.beat_key}/"}
    if names:
        rows = session.execute(_STEPS_AND_TOLD, {**asked, "names": names}).all()
    else:
        rows = session.execute(_STEPS, asked).all()
    states = {key: status for key, status, _ in rows if status != "told"}
    assert step.key in states, f"run {run_id} has no step {step.key}"
    return _Look(
        states=states,
        accepted={key: call_id for key, _, call_id in rows if call_id is not None},
        has_failed="failed" in states.values(),
        told=[key for key, status, _ in rows if status == "told"],
    )


def _accepted(session: Session, call_id: int | None, brief: Brief) -> Written | None:
    """The rejected text that the editor accepted for this step, with whatever wrote it then."""
    call = calls.read(session, call_id) if call_id else None
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


def _write(
    session: Session,
    run: Standing,
    plan: Plan,
    step: Step,
    here: Excerpt,
    written: Written,
) -> int:
    """Writes a step's text, with its level where it is a beat's first; the text's revision."""
    change = plan.change(step.beat_key)
    row, story = here.row, here.story
    scene = _scene(story, step)
    place = Place(story.id, step.key, scene.id if scene is not None else "")
    wrote = {**_by(run), **_provenance(written), "step_key": step.key, "level": change.new_level}
    stood = pieces.standing(row, here.scene_row(scene), step.piece)
    changes = [revisions.Change(place, stood, Stood(written.answer.text), wrote)]
    level: Stood | None = None
    # A resumed run's first part has saved the level.
    begins = step == plan.steps_of(step.beat_key)[0] and change.expected_level != change.new_level
    if begins:
        level = pieces.new_level(row, step.beat_key, change.new_level)
        of_level = Place(story.id, level_key(step.beat_key))
        stood = pieces.standing_level(row, step.beat_key)
        set_by = {**_by(run), "level": change.new_level}
        changes.insert(0, revisions.Change(of_level, stood, level, set_by))
    *_, revision_id = revisions.replace(session, *changes)
    if begins:
        _clear_draft(session, run, change)
        before, after = change.expected_level, change.new_level
        audit.write(session, audit.level_set(row, step.beat_key, before, after, run.user_id))
    if scene is None:
        pieces.write_first(session, row, step.piece, written.answer.text, level)
    else:
        pieces.write_text(session, row, step.piece, scene.id, Stood(written.answer.text))
    return revision_id


def _by(run: Standing) -> dict[str, Any]:
    return {"origin": "run", "author_id": run.user_id, "run_id": run.id}


def _provenance(written: Written) -> dict[str, Any]:
    """What wrote a text, as columns of its revision."""
    answer, usage = written.answer, written.answer.usage
    return {
        "provider": written.provider,
        "model": answer.model,
        "prompt_version": written.prompt_version,
        "prompt_hash": answer.prompt_hash,
        "sources": {
            "level": digest(str(written.brief.new_level)),
            **{kind: digest(text) for kind, text in written.brief.sources.items()},
        },
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "latency_ms": written.call.latency_ms,
    }


def _clear_draft(session: Session, run: Standing, change: Change) -> None:
    """Takes a change that is saved now out of what its editor has pending."""
    draft = session.get(Draft, (run.story_version_id, run.user_id))
    if draft is not None and draft.levels.get(change.beat_key) == change.new_level:
        beat = change.beat_key
        draft.levels = {key: level for key, level in draft.levels.items() if key != beat}
        draft.directions = {key: text for key, text in draft.directions.items() if key != beat}


def _fail(session: Session, run: Standing, plan: Plan, step: Step, failure: Reason) -> Outcome:
    session.execute(
        sa.update(RunStep)
        .where(RunStep.run_id == run.id, RunStep.key == step.key)
        .values(
            status="failed",
            error=failure.message,
            error_code=failure.code,
            error_fields=dict(failure.fields),
        )
    )
    events.append_all(session, run.id, run.last_seq, reports.failed(plan, step))
    return "failed"
