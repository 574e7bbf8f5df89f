"""Resumed plans: exactly the rest, as the first plan had it, and stale only if somebody meddled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.story.brief import brief_for
from cascade.story.plan import Plan, make_plan, resume_plan, stale_part
from cascade.story.story import Part, Story, digest
from tests.helpers.making import (
    a_scene,
    all_pieces,
    beats_around,
    other_level,
    pieces_needed,
    run_steps,
    stories_with_changes,
    with_level,
    with_text,
)


def stopped(draw: st.DrawFn, plan: Plan) -> set[str]:
    """The steps that a stopped run may have saved: whole groups, then some of the next one."""
    groups = plan.groups()
    at = draw(st.integers(0, len(groups)))
    done = {key for group in groups[:at] for key in group}
    if at < len(groups) and len(groups[at]) > 1:
        done |= draw(st.sets(st.sampled_from(groups[at])))
    return done


@st.composite
def stopped_runs(draw: st.DrawFn) -> tuple[Story, Plan, set[str]]:
    """A story, a plan for it, and the steps that were saved before its run stopped."""
    story, levels = draw(stories_with_changes())
    plan = make_plan(story, levels, directions=dict.fromkeys(levels, "slowly"), prompt_version="7")
    return story, plan, stopped(draw, plan)


def rest_of(plan: Plan, saved: Collection[str]) -> list[str]:
    return [step.key for step in plan.steps if step.key not in saved]


@given(stopped_runs())
def test_exactly_the_rest_and_not_stale(drawn: tuple[Story, Plan, set[str]]) -> None:
    story, plan, done = drawn
    now, saved = run_steps(story, plan, done)
    rest = resume_plan(plan, saved, now)
    assert [step.key for step in rest.steps] == rest_of(plan, done)
    assert all(step == plan.step(step.key) for step in rest.steps)
    assert rest.estimated_credits + sum(plan.step(key).credits for key in done) == (
        plan.estimated_credits
    )
    left = {step.beat_key for step in rest.steps}
    assert [change.beat_key for change in rest.changes] == [
        change.beat_key for change in plan.changes if change.beat_key in left
    ]
    for change in rest.changes:
        first = plan.change(change.beat_key)
        begun = any(key.split("/")[0] == change.beat_key for key in done)
        # Everything as in the first plan, so that RISING and FALLING stay what they were.
        assert change == replace(
            first, expected_level=first.new_level if begun else first.previous_level
        )
    assert (rest.header, rest.prompt_version, rest.story_id) == (
        plan.header,
        plan.prompt_version,
        plan.story_id,
    )
    assert stale_part(rest, now) is None


@given(stopped_runs())
def test_with_nothing_saved_it_is_the_same_plan(drawn: tuple[Story, Plan, set[str]]) -> None:
    story, plan, _ = drawn
    assert resume_plan(plan, {}, story) == plan
    assert resume_plan(plan, {}, story).hash == plan.hash


@given(stopped_runs())
def test_with_all_saved_nothing_is_left(drawn: tuple[Story, Plan, set[str]]) -> None:
    story, plan, _ = drawn
    now, saved = run_steps(story, plan, [step.key for step in plan.steps])
    rest = resume_plan(plan, saved, now)
    assert rest.steps == ()
    assert rest.changes == ()
    assert stale_part(rest, now) is None


@settings(max_examples=60)
@given(stopped_runs())
def test_stale_with_each_foreign_text_that_it_needs_and_no_other(
    drawn: tuple[Story, Plan, set[str]],
) -> None:
    story, plan, done = drawn
    now, saved = run_steps(story, plan, done)
    needed = pieces_needed(now, set(rest_of(plan, done)))
    for key in all_pieces(now):
        # Edited after the run stopped: before resuming, or between resuming and starting.
        edited = with_text(now, key, now.text(key) + "!")
        stale = bool(stale_part(resume_plan(plan, saved, edited), edited))
        late = bool(stale_part(resume_plan(plan, saved, now), edited))
        # A scene that the first plan did not read may have changed since it was made.
        known = key in plan.reads or key in {step.key for step in plan.steps}
        assert late == (key in needed), key
        assert stale == (key in needed and known), key
        assert known or key not in needed, key


@settings(max_examples=60)
@given(stopped_runs())
def test_stale_with_each_foreign_level_that_it_needs_and_no_other(
    drawn: tuple[Story, Plan, set[str]],
) -> None:
    story, plan, done = drawn
    now, saved = run_steps(story, plan, done)
    left = {key.split("/")[0] for key in rest_of(plan, done)}
    needed = left | {beat for key in left for beat in beats_around(now, key)}
    for beat in now.structure.keys:
        edited = with_level(now, beat, other_level(now.curve[beat]))
        rest = resume_plan(plan, saved, edited)
        assert bool(stale_part(rest, edited)) == (beat in needed), beat


@given(stopped_runs(), st.sampled_from(["title", "synopsis", "genre", "tone"]))
def test_stale_with_another_header(drawn: tuple[Story, Plan, set[str]], field: str) -> None:
    story, plan, done = drawn
    now, saved = run_steps(story, plan, done)
    edited = replace(now, **{field: getattr(now, field) + "!"})
    assert stale_part(resume_plan(plan, saved, edited), edited)


@given(st.data())
def test_a_resumed_plan_can_be_resumed(data: st.DataObject) -> None:
    story, levels = data.draw(stories_with_changes())
    plan = make_plan(story, levels)
    first, everything = plan, [step.key for step in plan.steps]
    written: list[str] = []
    for turn in range(4):
        done = data.draw(st.composite(stopped)(plan))
        story, saved = run_steps(story, plan, done, run=f"run-{turn}")
        written += [key for key in everything if key in done]
        plan = resume_plan(plan, saved, story)
        assert stale_part(plan, story) is None
        assert sorted([*written, *(step.key for step in plan.steps)]) == sorted(everything)
        for change in plan.changes:
            assert change.previous_level == first.change(change.beat_key).previous_level
    # No step twice along the chain, so none is charged twice.
    assert len(written) == len(set(written))


@settings(max_examples=60)
@given(stopped_runs())
def test_no_prompt_depends_on_a_text_that_the_plan_does_not_name(
    drawn: tuple[Story, Plan, set[str]],
) -> None:
    story, plan, done = drawn
    now, saved = run_steps(story, plan, done)
    rest = resume_plan(plan, saved, now)
    named = set(rest.reads) | {step.key for step in rest.steps}
    for key in all_pieces(now):
        if key not in named:
            edited = with_text(now, key, now.text(key) + "!")
            for step in rest.steps:
                one, other = (brief_for(rest, step, either, "s") for either in (now, edited))
                assert one == other, key


def all_but(key: str) -> tuple[Plan, Story, Mapping[str, str]]:
    """A plan for a beat of three scenes, and the story when all of it but one step is saved."""
    story = Story(
        title="Tides",
        language="en",
        structure_type="harmon",
        texts={
            "beatContent": {"you": "before", "need": "old content", "go": "after"},
            "keyAction": {"need": "old action"},
        },
        scenes=tuple(a_scene(n, "need", f"old plot {n}", f"old script {n}") for n in (1, 2, 3)),
    )
    plan = make_plan(story, {"need": 5})
    return plan, *run_steps(story, plan, rest_of(plan, {key}))


def test_a_script_left_over_joins_on_to_what_the_first_run_wrote() -> None:
    plan, now, saved = all_but("need/script/2")
    rest = resume_plan(plan, saved, now)
    assert [step.key for step in rest.steps] == ["need/script/2"]
    assert dict(rest.reads) == {
        "you/beatContent": digest("before"),
        "go/beatContent": digest("after"),
        **{
            key: saved[key]
            for key in (
                "need/beatContent",
                "need/keyAction",
                "need/scenePlot/2",
                "need/script/1",
                "need/script/3",
            )
        },
    }


def test_what_was_edited_since_is_to_be_as_the_first_run_read_it() -> None:
    plan, now, saved = all_but("need/script/2")
    for key, read in (("you/beatContent", digest("before")), *saved.items()):
        if key not in resume_plan(plan, saved, now).reads:
            continue
        edited = with_text(now, key, "somebody's")
        rest = resume_plan(plan, saved, edited)
        assert rest.reads[key] == read
        assert stale_part(rest, edited) == Part("piece", key)


def test_a_scene_that_came_since_in_another_beat_is_read_as_it_stands() -> None:
    plan, now, saved = all_but("need/script/3")
    grown = replace(now, scenes=(*now.scenes, a_scene(4, "go", "a plot", "a script")))
    rest = resume_plan(plan, saved, grown)
    assert rest.reads["go/script/4"] == digest("a script")
    assert stale_part(rest, grown) is None
