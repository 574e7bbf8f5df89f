"""Stories as values, piece keys and digests."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given

from cascade.story.story import Scene, Story, describe_piece, digest, piece_key
from cascade.story.structures import structure

from .making import TEXTS, all_pieces, stories, with_text

STORY = Story(
    title="Tides",
    language="en",
    structure_type="cat",
    levels={"midpoint": 2},
    contents={"midpoint": "content"},
    key_actions={"midpoint": "action"},
    scenes=(
        Scene(3, "midpoint", "plot 3", "script 3"),
        Scene(5, "midpoint", "plot 5", "script 5"),
        Scene(7, None, "plot 7", "script 7"),
    ),
)


def test_keys_as_the_design_has_them() -> None:
    assert piece_key("midpoint", "beatContent") == "midpoint/beatContent"
    assert piece_key("midpoint", "scenePlot", 5) == "midpoint/scenePlot/5"
    assert piece_key("midpoint", "script", 5) == "midpoint/script/5"
    assert piece_key("midpoint", "shots", 5) == "midpoint/shots/5"


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("midpoint/beatContent", "content"),
        ("midpoint/keyAction", "action"),
        ("midpoint/scenePlot/5", "plot 5"),
        ("midpoint/script/3", "script 3"),
        ("/script/7", "script 7"),
        ("finale/beatContent", ""),
        ("finale/keyAction", ""),
        ("midpoint/scenePlot/4", ""),
        ("midpoint/script/4", ""),
    ],
)
def test_the_text_of_a_piece(key: str, text: str) -> None:
    assert STORY.text(key) == text


def test_scenes_of_a_beat() -> None:
    assert [scene.number for scene in STORY.scenes_of("midpoint")] == [3, 5]
    assert STORY.scenes_of("finale") == ()
    found = STORY.scene("midpoint", 5)
    assert found is not None
    assert found.plot == "plot 5"
    assert STORY.scene("midpoint", 4) is None


def test_the_curve_is_whole() -> None:
    assert STORY.curve == dict.fromkeys(structure("cat").keys, 3) | {"midpoint": 2}


def test_pieces_in_words() -> None:
    cat = structure("cat")
    assert describe_piece("midpoint/beatContent", cat) == "the beat content of Midpoint"
    assert describe_piece("midpoint/keyAction", cat) == "the key action of Midpoint"
    assert describe_piece("midpoint/scenePlot/5", cat) == "the plot of scene 5"
    assert describe_piece("midpoint/script/5", cat) == "the script of scene 5"
    assert describe_piece("/script/7", cat) == "the script of scene 7"


@given(TEXTS, TEXTS)
def test_a_digest_names_its_text(one: str, other: str) -> None:
    assert digest(one) == hashlib.sha256(one.encode("utf-8")).hexdigest()[:16]
    assert (digest(one) == digest(other)) == (one == other)


@given(stories())
def test_every_piece_of_a_story_can_be_read_by_its_key(story: Story) -> None:
    for key in all_pieces(story):
        assert with_text(story, key, "as new").text(key) == "as new"
