"""The three beat sheets, typed out a second time from DESIGN.md section 2."""

from __future__ import annotations

import pytest

from cascade.errors import UnknownBeat, UnknownStructure
from cascade.story.structures import BEATS, STRUCTURES, structure

SHEETS = {
    "cat": "openingImage 2, themeStated 1, setup 2, catalyst 3, debate 3, breakIntoTwo 3, bStory 2,"
    " funAndGames 3, midpoint 4, badGuysCloseIn 4, allIsLost 5, darkNightOfTheSoul 4,"
    " breakIntoThree 3, finale 5, finalImage 1",
    "hero": "ordinaryWorld 1, callToAdventure 3, refusalOfTheCall 2, meetingTheMentor 2,"
    " crossingTheThreshold 3, testsAlliesEnemies 3, approachToTheInmostCave 4, ordeal 5, reward 3,"
    " theRoadBack 4, resurrection 5, returnWithTheElixir 2",
    "harmon": "you 1, need 2, go 3, search 3, find 4, take 5, return 4, change 2",
}


@pytest.mark.parametrize(("type_", "count"), [("cat", 15), ("hero", 12), ("harmon", 8)])
def test_beats_and_default_levels(type_: str, count: int) -> None:
    found = structure(type_)
    typed = [(key, int(level)) for key, level in map(str.split, SHEETS[type_].split(", "))]
    assert list(found.default_levels.items()) == typed
    assert len(found.beats) == len(set(found.keys)) == count
    assert found.keys == tuple(key for key, _ in typed)


def test_there_is_no_other_structure() -> None:
    assert set(STRUCTURES) == set(SHEETS)
    for odd in ("CAT", "", "kishotenketsu"):
        with pytest.raises(UnknownStructure, match="hero, cat, harmon"):
            structure(odd)


def test_names_and_labels() -> None:
    names = {one.type: (one.name, one.author) for one in STRUCTURES.values()}
    assert names == {
        "hero": ("Hero's Journey", "Vogler"),
        "cat": ("Save the Cat", "Snyder"),
        "harmon": ("Story Circle", "Harmon"),
    }
    cat = structure("cat")
    assert cat.beat("midpoint").label == "Midpoint"
    assert cat.beat("badGuysCloseIn").label == "Bad Guys Close In"
    assert structure("hero").beat("testsAlliesEnemies").label == "Tests, Allies, Enemies"
    for one in STRUCTURES.values():
        for beat in one.beats:
            # A label is its key in words.
            words = beat.label.replace(",", "").split()
            assert "".join(words).casefold() == beat.key.casefold()


def test_an_unknown_beat_names_the_known_ones() -> None:
    with pytest.raises(UnknownBeat) as refused:
        structure("harmon").beat("midpoint")
    assert '"midpoint"' in refused.value.message
    assert "you, need, go, search, find, take, return, change" in refused.value.message
    assert structure("harmon").index("take") == 5
    with pytest.raises(UnknownBeat):
        structure("cat").index("You")


@pytest.mark.parametrize(
    ("type_", "acts"), [("cat", (0, 5, 12)), ("hero", (0, 5, 9)), ("harmon", (0, 2, 6))]
)
def test_acts_begin_where_the_beat_sheets_say(type_: str, acts: tuple[int, ...]) -> None:
    assert structure(type_).acts == acts


def test_no_key_is_in_two_structures() -> None:
    assert len({beat.key for beat in BEATS}) == len(BEATS)
