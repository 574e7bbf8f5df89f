"""What a key that a person gives stands for."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.errors import AmbiguousScene, UnknownPiece
from cascade.story.keys import pieces_named
from cascade.story.stale import sources_of
from cascade.story.story import Story
from tests.helpers.making import TIDES, a_scene, stories


def named(story: Story, key: str) -> list[str]:
    return [str(piece) for piece in pieces_named(story, key)]


def test_a_piece_a_beat_a_scene() -> None:
    shot = replace(TIDES, scenes=(*TIDES.scenes, a_scene(30, "finale", "p", "s", ("a shot",))))
    assert named(shot, "midpoint/script/18") == ["midpoint/script/18"]
    assert named(shot, "finale/shots/30") == ["finale/shots/30"]
    assert named(shot, "scene/30") == ["finale/scenePlot/30", "finale/script/30", "finale/shots/30"]
    assert named(shot, "allIsLost") == [
        "allIsLost/beatContent",
        "allIsLost/keyAction",
        *(f"allIsLost/{kind}/{n}" for kind in ("scenePlot", "script") for n in (25, 26)),
    ]


@pytest.mark.parametrize(
    "key",
    ["", "nowhere", "midpoint/script/99", "midpoint/shots/18", "midpoint/level", "scene/22",
     "scene/99", "scene/", "scene/x", "a/b/c/d", "nowhere/script/1", "midpoint/script/²"],
)  # fmt: skip
def test_what_a_story_does_not_have(key: str) -> None:
    with pytest.raises(UnknownPiece, match="cascade show"):
        pieces_named(TIDES, key)


def test_a_number_that_scenes_of_several_beats_have_is_refused() -> None:
    twice = replace(TIDES, scenes=(*TIDES.scenes, a_scene(18, "finale", "p", "s")))
    with pytest.raises(AmbiguousScene, match="midpoint, finale"):
        pieces_named(twice, "scene/18")
    assert named(twice, "finale/script/18") == ["finale/script/18"]


@given(data=st.data())
def test_a_beat_is_named_from_the_top_down(data: st.DataObject) -> None:
    story = data.draw(stories())
    beat = data.draw(st.sampled_from(story.structure.keys))
    pieces = pieces_named(story, beat)
    for at, piece in enumerate(pieces):
        below = {str(one) for one in pieces[at:]}
        above = {str(piece.beside(one)) for one in sources_of(piece) if one != "level"}
        assert not above & below
