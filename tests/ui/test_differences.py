"""What went and what came between two versions of a text."""

from __future__ import annotations

import pytest

from cascade.ui.kit.differences import Part, differences, side_by_side

TITLES = ("Before", "After")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("", "New words."),
        ("One two three four.", "One two four."),
        ("INT. ROOM - DAY\n\nRain  falls.\n", "INT. ROOM - DAY\n\n  Rain stops.\n\nANA\nNo."),
        ("a the b", "c the d"),
    ],
)
def test_both_versions_can_be_read_off_whole(old: str, new: str) -> None:
    parts = differences(old, new)
    assert "".join(part.old for part in parts) == old
    assert "".join(part.new for part in parts) == new


def test_only_what_changed_is_a_change() -> None:
    parts = differences("She waits at the door.", "She waits at the gate.")
    assert parts == [
        Part("She waits at the ", "She waits at the ", kept=True),
        Part("door.", "gate.", kept=False),
    ]


def test_a_lone_word_between_two_changes_is_no_resting_place() -> None:
    assert differences("big the dog", "small the cat") == [
        Part("big the dog", "small the cat", kept=False)
    ]


def test_the_versions_are_text_and_never_markup() -> None:
    shown = side_by_side("<b>old</b> & calm", "<b>new</b> & calm", TITLES)
    assert "<del>&lt;b&gt;old&lt;/b&gt;</del>" in shown
    assert "<ins>&lt;b&gt;new&lt;/b&gt;</ins>" in shown
    assert shown.count("&amp; calm") == 2


def test_a_break_that_came_is_seen() -> None:
    assert "Rain. <ins>¶</ins>\n\nSun." in side_by_side("Rain. Sun.", "Rain. \n\nSun.", TITLES)


def test_the_same_text_has_no_marks() -> None:
    shown = side_by_side("As it was.\n", "As it was.", TITLES)
    assert "<del>" not in shown
    assert "<ins>" not in shown
