"""Stories as values, piece keys and digests."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given

from cascade.story.piece import Piece
from cascade.story.story import Story, digest
from cascade.story.structures import structure
from tests.helpers.making import TEXTS, a_scene, all_pieces, stories, with_text

STORY = Story(
    title="Tides",
    language="en",
    structure_type="cat",
    levels={"midpoint": 2},
    texts={
        "beatContent": {"midpoint": "content"},
        "keyAction": {"midpoint": "action"},
    },
    scenes=(
        a_scene(3, "midpoint", "plot 3", "script 3"),
        a_scene(5, "midpoint", "plot 5", "script 5"),
        a_scene(7, None, "plot 7", "script 7"),
    ),
)


def test_keys_as_the_design_has_them() -> None:
    assert str(Piece("midpoint", "beatContent")) == "midpoint/beatContent"
    assert str(Piece("midpoint", "scenePlot", 5)) == "midpoint/scenePlot/5"
    assert str(Piece("midpoint", "script", 5)) == "midpoint/script/5"
    assert str(Piece("midpoint", "shots", 5)) == "midpoint/shots/5"


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
    assert Piece.parse("midpoint/beatContent").describe(cat) == "the beat content of Midpoint"
    assert Piece.parse("midpoint/keyAction").describe(cat) == "the key action of Midpoint"
    assert Piece.parse("midpoint/scenePlot/5").describe(cat) == "the plot of scene 5"
    assert Piece.parse("midpoint/script/5").describe(cat) == "the script of scene 5"
    assert Piece.parse("/script/7").describe(cat) == "the script of scene 7"


@given(TEXTS, TEXTS)
def test_a_digest_names_its_text(one: str, other: str) -> None:
    assert digest(one) == hashlib.sha256(one.encode("utf-8")).hexdigest()[:16]
    assert (digest(one) == digest(other)) == (one == other)


@given(stories())
def test_every_piece_of_a_story_can_be_read_by_its_key(story: Story) -> None:
    for key in all_pieces(story):
        assert with_text(story, key, "as new").text(key) == "as new"
