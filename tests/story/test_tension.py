"""Levels, curves and pending changes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import BadLevel, UnknownBeat
from cascade.story.structures import STRUCTURES, structure
from cascade.story.tension import check_level, full_curve, pending_changes
from tests.helpers.making import LEVELS, curves, stories

BAD_LEVELS = [0, 6, -1, True, False, "3", 2.5, 3.0, None, [3], 10**30, float("nan")]


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_good_levels_come_back(level: int) -> None:
    assert check_level(level, "midpoint") == level


@pytest.mark.parametrize("level", BAD_LEVELS)
def test_bad_levels_are_refused_by_name(level: Any) -> None:
    with pytest.raises(BadLevel) as refused:
        check_level(level, "midpoint")
    assert "midpoint" in refused.value.message
    assert f'"{level}"' in refused.value.message
    assert "1" in refused.value.message
    assert "5" in refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize("level", BAD_LEVELS)
def test_a_bad_level_among_good_ones_is_found(level: Any) -> None:
    with pytest.raises(BadLevel, match="finale"):
        pending_changes(structure("cat"), {}, {"midpoint": 5, "finale": level})


def test_an_unknown_beat_among_good_ones_is_found() -> None:
    with pytest.raises(UnknownBeat, match="ordeal"):
        pending_changes(structure("cat"), {}, {"midpoint": 5, "ordeal": 3})


@pytest.mark.parametrize("type_", sorted(STRUCTURES))
def test_a_beat_without_a_level_counts_as_three(type_: str) -> None:
    beat_sheet = structure(type_)
    assert full_curve(beat_sheet, {}) == dict.fromkeys(beat_sheet.keys, 3)
    first = beat_sheet.keys[0]
    assert full_curve(beat_sheet, {first: 5, "somethingElse": 1})[first] == 5
    assert "somethingElse" not in full_curve(beat_sheet, {first: 5, "somethingElse": 1})
    assert tuple(full_curve(beat_sheet, {beat_sheet.keys[-1]: 1})) == beat_sheet.keys


@given(st.data())
def test_pending_changes_are_the_differences_in_structure_order(data: st.DataObject) -> None:
    story = data.draw(stories(max_scenes=0))
    edited = data.draw(curves(story))
    keys = story.structure.keys
    pending = pending_changes(story.structure, story.levels, edited)
    assert set(pending) == {
        key for key, level in edited.items() if level != story.levels.get(key, 3)
    }
    assert all(pending[key] == edited[key] for key in pending)
    assert list(pending) == sorted(pending, key=keys.index)


@given(st.data())
def test_levels_set_back_leave_nothing_pending(data: st.DataObject) -> None:
    story = data.draw(stories(max_scenes=0))
    edited = data.draw(curves(story))
    beat = data.draw(st.sampled_from(story.structure.keys))
    edited[beat] = data.draw(LEVELS)
    one_back = {**edited, beat: story.curve[beat]}
    pending = pending_changes(story.structure, story.levels, edited)
    assert pending_changes(story.structure, story.levels, one_back) == {
        key: level for key, level in pending.items() if key != beat
    }
    all_back = {key: story.curve[key] for key in edited}
    assert pending_changes(story.structure, story.levels, all_back) == {}
