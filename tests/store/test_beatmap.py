"""A beat's text or level, read where it surely can be, and written back as it was kept."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.store.beatmap import (
    BeatMap,
    UnreadableCell,
    cell_with_level,
    cell_with_literal,
    is_nothing,
    level_of,
    literal_for,
    snake,
    text_of,
)
from cascade.story.structures import STRUCTURES

CAT = STRUCTURES["cat"]
SIGNS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TEXTS = st.text(SIGNS, max_size=5)


@pytest.mark.parametrize(
    ("cell", "level", "five"),
    [
        ("4", 4, "5"),
        ("4.0", 4, "5.0"),
        ("3.00", 3, "5.00"),
        ('"4"', 4, '"5"'),
        ('" 4 "', 4, '" 5 "'),
        ('"2.0"', 2, '"5.0"'),
    ],
)
def test_a_level_is_written_back_in_its_kind(cell: str, level: int, five: str) -> None:
    assert level_of(cell) == level
    assert cell_with_level(cell, 5) == five


@pytest.mark.parametrize("cell", ["null", "absent", "no map", "null map"])
def test_a_level_where_none_is(cell: str) -> None:
    assert is_nothing(cell)
    assert cell_with_level(cell, 5) == "5"


@pytest.mark.parametrize(
    "cell",
    ["0", "6", "10", "2.5", "-3", "true", '"high"', '""', '"4', "[3]", '{"level": 3}', "3e0", "44"],
)
def test_what_is_no_level_is_said(cell: str) -> None:
    with pytest.raises(UnreadableCell) as refused:
        level_of(cell)
    assert refused.value.why == "not_a_level"


@pytest.mark.parametrize(
    ("cell", "text", "new"),
    [
        ('"old"', "old", '"new"'),
        ('"\\u00e9"', "é", '"new"'),
        ("null", "", '"new"'),
        ("absent", "", '"new"'),
        ('{"content":"old","notes":[1.10]}', "old", '{"content":"new","notes":[1.10]}'),
        ('{"id": 7, "text" : "old"}', "old", '{"id": 7, "text" : "new"}'),
        ('{"body": "old", "content": null}', "old", '{"body": "new", "content": null}'),
    ],
)
def test_a_text_is_written_into_what_holds_it(cell: str, text: str, new: str) -> None:
    assert text_of(cell) == text
    assert cell_with_literal(cell, literal_for("new")) == new


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("7", "not_text"),
        ("true", "not_text"),
        ('["old"]', "not_text"),
        ("{}", "not_text"),
        ('{"words": "old"}', "not_text"),
        ('{"content": "a", "text": "b"}', "not_text"),
        ('{"content": {"text": "a"}}', "not_text"),
        ('{"content": "a", "content": "b"}', "key_twice"),
        ('"\\ud800"', "not_storable"),
        ('{"content": "\\udfff"}', "not_storable"),
        ('"a \\u0000 b"', "not_storable"),
    ],
)
def test_what_is_no_text_is_said(cell: str, why: str) -> None:
    with pytest.raises(UnreadableCell) as refused:
        text_of(cell)
    assert refused.value.why == why


def test_snake_case_is_read_and_written_as_it_is_spelled() -> None:
    assert [snake(key) for key in ("midpoint", "breakIntoTwo", "bStory")] == [
        "midpoint",
        "break_into_two",
        "b_story",
    ]
    there = BeatMap.read('{"break_into_two": "old", "other": 1}', CAT)
    assert there.cell("breakIntoTwo") == '"old"'
    assert there.unknown == ("other",)
    assert there.with_cell("breakIntoTwo", '"new"') == '{"break_into_two": "new", "other": 1}'
    # A beat that is not there yet is spelled as the others are.
    assert json.loads(there.with_cell("badGuysCloseIn", '"x"') or "")["bad_guys_close_in"] == "x"
    plain = BeatMap.read('{"breakIntoTwo": "old"}', CAT)
    assert json.loads(plain.with_cell("badGuysCloseIn", '"x"') or "")["badGuysCloseIn"] == "x"


def test_a_beat_in_two_spellings_is_unreadable_and_no_other() -> None:
    there = BeatMap.read('{"break_into_two": "a", "breakIntoTwo": "b", "midpoint": "c"}', CAT)
    with pytest.raises(UnreadableCell) as refused:
        there.cell("breakIntoTwo")
    assert refused.value.why == "spelled_twice"
    assert there.cell("midpoint") == '"c"'


@given(
    st.none()
    | st.just("null")
    | st.dictionaries(st.sampled_from([*CAT.keys, "other"]), st.none() | TEXTS).map(json.dumps),
    st.sampled_from(CAT.keys),
    TEXTS,
)
def test_what_stood_there_comes_back_byte_for_byte(
    text: str | None, beat_key: str, new: str
) -> None:
    before = BeatMap.read(text, CAT)
    cell = before.cell(beat_key)
    changed = before.with_cell(beat_key, cell_with_literal(cell, literal_for(new)))
    after = BeatMap.read(changed, CAT)
    assert text_of(after.cell(beat_key)) == new
    assert after.with_cell(beat_key, cell) == text
