"""Plans that bring texts back in line under the level that their beat has."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import UnreadablePieces
from cascade.story import stale
from cascade.story.piece import Piece
from cascade.story.plan import Plan, make_plan, resume_plan, stale_part
from cascade.story.story import Story, digest
from tests.helpers.making import TIDES, curves, stories, with_text


def keys_under(story: Story) -> list[str]:
    return [str(piece) for beat in story.structure.keys for piece in story.pieces_of(beat)]


def test_only_what_is_named_is_planned_under_the_level_that_stays() -> None:
    plan = make_plan(TIDES, {}, stale=["allIsLost/script/26", "midpoint/keyAction"])
    assert [step.key for step in plan.steps] == ["midpoint/keyAction", "allIsLost/script/26"]
    assert plan.estimated_credits == 2 + 4
    assert [(one.beat_key, one.previous_level, one.new_level) for one in plan.changes] == [
        ("midpoint", 2, 2),
        ("allIsLost", 4, 4),
    ]
    assert all(change.stays for change in plan.changes)
    assert plan.affected_scenes == (26,)


def test_a_beat_that_gets_a_new_level_too_is_planned_whole_once() -> None:
    whole = make_plan(TIDES, {"midpoint": 4})
    both = make_plan(TIDES, {"midpoint": 4}, stale=["midpoint/keyAction", "midpoint/script/18"])
    assert both == whole
    beside = make_plan(TIDES, {"midpoint": 4}, stale=["allIsLost/script/25"])
    assert [one.stays for one in beside.changes] == [False, True]
    assert [step.key for step in beside.steps][-1] == "allIsLost/script/25"


@given(data=st.data())
def test_steps_are_what_is_named_and_what_hangs_under_new_levels(data: st.DataObject) -> None:
    story = data.draw(stories())
    levels = data.draw(curves(story))
    named = data.draw(st.sets(st.sampled_from(keys_under(story))))
    plan = make_plan(story, levels, stale=named)
    changed = {key for key, level in levels.items() if level != story.curve[key]}
    expected = [
        key for key in keys_under(story) if key in named or Piece.parse(key).beat in changed
    ]
    assert [step.key for step in plan.steps] == expected
    assert {one.beat_key for one in plan.changes if not one.stays} == changed
    assert len({one.beat_key for one in plan.changes}) == len(plan.changes)
    assert stale_part(plan, story) is None
    assert Plan.from_json(plan.to_json()) == plan
    # In another order, or named twice, it is the same plan; without one of its texts another.
    assert make_plan(story, levels, stale=[*sorted(named), *named]).hash == plan.hash
    for key in named:
        if Piece.parse(key).beat not in changed:
            assert make_plan(story, levels, stale=named - {key}).hash != plan.hash


@given(data=st.data())
def test_what_is_left_of_it_can_be_resumed(data: st.DataObject) -> None:
    story = data.draw(stories())
    named = data.draw(st.sets(st.sampled_from(keys_under(story)), min_size=1))
    first = make_plan(story, {}, stale=named)
    done = data.draw(st.integers(0, len(first.steps) - 1))
    for step in first.steps[:done]:
        story = with_text(story, step.key, f"new {step.key}")
    saved = {step.key: digest(story.text(step.key)) for step in first.steps[:done]}
    rest = resume_plan(first, saved, story)
    assert [step.key for step in rest.steps] == [step.key for step in first.steps[done:]]
    assert all(change.stays for change in rest.changes)
    assert stale_part(rest, story) is None


def test_what_it_would_write_from_must_be_readable() -> None:
    story = replace(TIDES, unreadable={"midpoint/beatContent": "not_text"})
    with pytest.raises(UnreadablePieces, match="content of Midpoint"):
        make_plan(story, {}, stale=["midpoint/script/18"])
    # What hangs elsewhere does not need it.
    assert make_plan(story, {}, stale=["allIsLost/script/25"]).steps
    level = replace(TIDES, unreadable={"midpoint/level": "not_a_level"})
    with pytest.raises(UnreadablePieces, match="tension level of Midpoint"):
        make_plan(level, {}, stale=["midpoint/beatContent"])


def test_shots_are_never_planned() -> None:
    found = ["midpoint/shots/18", "midpoint/script/18", "allIsLost/keyAction"]
    assert stale.rewritable(found, ["midpoint"]) == ["midpoint/script/18"]
    assert stale.rewritable(found, TIDES.structure.keys) == found[1:]
