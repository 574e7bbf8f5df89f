"""Words in a story are found however they are typed, and shown as they are written."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.story.search import AFTER, BEFORE, Hit, search
from cascade.story.story import Scene, Story
from cascade.story.structures import structure

OPENING = "Every January she sends a money order, and every January it comes back."
SCRIPT = """INT. AMPARO'S BAR, AVILÉS - NIGHT

Nieves folds the
letter – twice.

NIEVES
“Don’t.” Ça va, maître?"""


def story_with(**texts: str) -> Story:
    scenes = (
        Scene(4, "need", {"scenePlot": "Money again.", "script": texts.get("script", SCRIPT)}),
        Scene(None, None, {"scenePlot": "A loose end with money."}),
    )
    return Story(
        title="One",
        language="en",
        structure_type="harmon",
        levels=structure("harmon").default_levels,
        texts={
            "beatContent": {"you": texts.get("you", OPENING)},
            "keyAction": {"change": "The money is spent."},
        },
        scenes=scenes,
    )


def found(words: str, **texts: str) -> list[Hit]:
    hits, count = search(story_with(**texts), words, 50)
    assert count == len(hits)
    return hits


def test_texts_come_in_story_order_the_loose_scenes_last() -> None:
    places = [(hit.beat_key, hit.kind, hit.scene and hit.scene.number) for hit in found("money")]
    assert places == [
        ("you", "beatContent", None),
        ("need", "scenePlot", 4),
        ("change", "keyAction", None),
        ("", "scenePlot", None),
    ]
    hits, count = search(story_with(), "money", 2)
    assert [hit.beat_key for hit in hits] == ["you", "need"]
    assert count == 4


def test_a_text_says_how_often_and_where_first() -> None:
    (hit,) = found("every january")
    assert (hit.times, hit.before, hit.found) == (2, "", "Every January")
    assert hit.after == " she sends a money order, and every January it comes back."


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("aviles", "AVILÉS"),
        ("AVILE\u0301S", "AVILÉS"),
        ("the letter", "the letter"),
        ("  folds   the\n", "folds the"),
        ("letter - twice", "letter – twice"),
        ('"don\'t."', "“Don’t.”"),
        ("ca va, maitre", "Ça va, maître"),
    ],
)
def test_how_it_is_typed_does_not_matter(typed: str, written: str) -> None:
    (hit,) = found(typed)
    assert (hit.kind, hit.found) == ("script", written)


def test_a_mark_of_its_own_belongs_to_its_letter() -> None:
    (hit,) = found("maitre", script="Le mai\u0302tre.")
    assert (hit.found, hit.after) == ("mai\u0302tre", ".")
    (hit,) = found("cafe", script="Un cafe\u0301!")
    assert (hit.found, hit.after) == ("cafe\u0301", "!")


@pytest.mark.parametrize("words", ["", "   ", "\n", "harbour", "monex", "\u0301"])
def test_nothing_is_found_where_nothing_is(words: str) -> None:
    assert search(story_with(), words, 50) == ([], 0)


def test_what_stands_around_is_cut_between_words() -> None:
    (hit,) = found("needle", script=f"{'before it ' * 40}needle{' after it' * 40}")
    assert hit.before.startswith(("…before it ", "…it before "))
    assert hit.after.endswith((" it…", " after…"))
    assert len(hit.before) <= BEFORE + 1
    assert len(hit.after) <= AFTER + 1
    (hit,) = found("needle", script=f"{'x' * 500}needle{'y' * 500}")
    assert (len(hit.before), len(hit.after)) == (BEFORE + 1, AFTER + 1)


@given(st.text(max_size=40), st.text(max_size=80), st.text(max_size=40))
def test_whatever_stands_there_is_found(before: str, words: str, after: str) -> None:
    hits, _ = search(story_with(script=f"{before} {words} {after}"), words, 50)
    scripts = [hit for hit in hits if hit.kind == "script"]
    bare = unicodedata.normalize("NFD", words)
    if any(not one.isspace() and not "\u0300" <= one <= "\u036f" for one in bare):
        assert scripts
    for hit in hits:
        assert hit.found.strip() == hit.found != ""
        assert hit.times >= 1
