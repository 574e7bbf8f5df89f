"""Plans: what is in them, in which order, for how much."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import BadLevel, UnknownBeat
from cascade.story.plan import make_plan, stale_part
from cascade.story.story import Story, digest
from tests.helpers.making import (
    TIDES,
    curves,
    number_of,
    other_level,
    stories,
    stories_with_changes,
)


def test_the_plan_that_the_design_prices_at_45() -> None:
    # Given out of order: the order is the structure's.
    plan = make_plan(TIDES, {"allIsLost": 2, "midpoint": 4})
    assert [step.key for step in plan.steps] == [
        "midpoint/beatContent",
        "midpoint/keyAction",
        "midpoint/scenePlot/18",
        "midpoint/scenePlot/19",
        "midpoint/scenePlot/20",
        "midpoint/script/18",
        "midpoint/script/19",
        "midpoint/script/20",
        "allIsLost/beatContent",
        "allIsLost/keyAction",
        "allIsLost/scenePlot/25",
        "allIsLost/scenePlot/26",
        "allIsLost/script/25",
        "allIsLost/script/26",
    ]
    assert [step.credits for step in plan.steps] == [3, 2, 3, 3, 3, 4, 4, 4, 3, 2, 3, 3, 4, 4]
    assert plan.estimated_credits == 45
    assert plan.affected_scenes == (18, 19, 20, 25, 26)
    assert plan.groups() == [
        ["midpoint/beatContent"],
        ["midpoint/keyAction"],
        ["midpoint/scenePlot/18", "midpoint/scenePlot/19", "midpoint/scenePlot/20"],
        ["midpoint/script/18", "midpoint/script/19", "midpoint/script/20"],
        ["allIsLost/beatContent"],
        ["allIsLost/keyAction"],
        ["allIsLost/scenePlot/25", "allIsLost/scenePlot/26"],
        ["allIsLost/script/25", "allIsLost/script/26"],
    ]
    midpoint = plan.change("midpoint")
    assert (midpoint.beat_label, midpoint.previous_level, midpoint.new_level) == ("Midpoint", 2, 4)
    assert (midpoint.prev_beat_level, midpoint.next_beat_level) == (3, 3)
    assert plan.step("midpoint/script/19").replaces == digest("script 19")
    assert stale_part(plan, TIDES) is None


@given(st.data())
def test_only_changed_beats_in_the_order_of_the_cascade(data: st.DataObject) -> None:
    story = data.draw(stories())
    levels = data.draw(curves(story))
    plan = make_plan(story, levels)
    changed = [
        key
        for key in story.structure.keys
        if key in levels and levels[key] != story.levels.get(key, 3)
    ]
    expected = []
    for beat in changed:
        numbers = sorted(number_of(scene) for scene in story.scenes if scene.beat_key == beat)
        expected += [f"{beat}/beatContent", f"{beat}/keyAction"]
        expected += [f"{beat}/scenePlot/{number}" for number in numbers]
        expected += [f"{beat}/script/{number}" for number in numbers]
    assert [change.beat_key for change in plan.changes] == changed
    assert [step.key for step in plan.steps] == expected
    assert plan.affected_scenes == tuple(
        sorted(number_of(scene) for scene in story.scenes if scene.beat_key in changed)
    )
    for step in plan.steps:
        beat, kind, *rest = step.key.split("/")
        assert (step.beat_key, step.kind) == (beat, kind)
        assert step.scene_number == (int(rest[0]) if rest else None)
        assert step.replaces == digest(story.text(step.key))


@given(stories_with_changes())
def test_the_estimate_is_the_sum_of_the_steps(drawn: tuple[Story, dict[str, int]]) -> None:
    story, levels = drawn
    plan = make_plan(story, levels)
    changed = {change.beat_key for change in plan.changes}
    scenes = [scene for scene in story.scenes if scene.beat_key in changed]
    assert plan.estimated_credits == sum(step.credits for step in plan.steps)
    assert plan.estimated_credits == len(changed) * (3 + 2) + len(scenes) * (3 + 4)


@given(stories_with_changes())
def test_levels_around_are_those_after_the_run(drawn: tuple[Story, dict[str, int]]) -> None:
    story, levels = drawn
    after = {key: levels.get(key, story.levels.get(key, 3)) for key in story.structure.keys}
    plan = make_plan(story, levels)
    ordered = list(after)
    for change in plan.changes:
        at = ordered.index(change.beat_key)
        assert (
            change.previous_level == change.expected_level == story.levels.get(change.beat_key, 3)
        )
        assert change.new_level == after[change.beat_key]
        assert change.prev_beat_level == (after[ordered[at - 1]] if at > 0 else None)
        last = at == len(ordered) - 1
        assert change.next_beat_level == (None if last else after[ordered[at + 1]])


@given(st.data())
def test_levels_set_back_empty_the_plan(data: st.DataObject) -> None:
    story = data.draw(stories())
    levels = {key: story.curve[key] for key in data.draw(curves(story))}
    plan = make_plan(story, levels)
    assert plan.steps == ()
    assert plan.changes == ()
    assert plan.estimated_credits == 0
    assert plan.groups() == []
    assert plan.reads == {}


@given(stories_with_changes())
def test_a_level_that_is_the_saved_one_changes_nothing(drawn: tuple[Story, dict[str, int]]) -> None:
    story, levels = drawn
    same = {key: story.curve[key] for key in story.structure.keys if key not in levels}
    assert make_plan(story, levels) == make_plan(story, {**same, **levels})


@given(stories_with_changes())
def test_only_plots_or_scripts_of_one_beat_run_together(
    drawn: tuple[Story, dict[str, int]],
) -> None:
    plan = make_plan(*drawn)
    groups = plan.groups()
    assert [key for group in groups for key in group] == [step.key for step in plan.steps]
    for group in groups:
        steps = [plan.step(key) for key in group]
        if len(steps) > 1:
            assert {step.kind for step in steps} in ({"scenePlot"}, {"script"})
            assert len({step.beat_key for step in steps}) == 1
    # All plots of a beat, and all its scripts, in one group.
    firsts = [plan.step(group[0]) for group in groups]
    assert len({(step.beat_key, step.kind) for step in firsts}) == len(groups)


def test_a_beat_without_scenes_has_two_steps() -> None:
    plan = make_plan(TIDES, {"finale": 1})
    assert [step.key for step in plan.steps] == ["finale/beatContent", "finale/keyAction"]
    assert plan.estimated_credits == 5
    assert plan.affected_scenes == ()


def test_a_story_without_scenes_or_texts_can_be_planned() -> None:
    bare = Story(title="Bare", language="id", structure_type="harmon")
    plan = make_plan(bare, dict.fromkeys(bare.structure.keys, 5))
    assert len(plan.steps) == 16
    assert plan.estimated_credits == 40
    assert len(plan.groups()) == 16


@given(stories())
def test_a_scene_without_a_beat_is_never_planned(story: Story) -> None:
    plan = make_plan(story, {key: other_level(level) for key, level in story.curve.items()})
    homeless = {scene.number for scene in story.scenes if scene.beat_key is None}
    assert not homeless & set(plan.affected_scenes)


@pytest.mark.parametrize("level", [0, 6, True, "3", 2.5, None])
def test_bad_levels_make_no_plan(level: Any) -> None:
    with pytest.raises(BadLevel):
        make_plan(TIDES, {"midpoint": level})


def test_unknown_beats_make_no_plan() -> None:
    with pytest.raises(UnknownBeat):
        make_plan(TIDES, {"ordeal": 3})
