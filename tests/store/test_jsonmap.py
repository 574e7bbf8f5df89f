"""One value of a JSON map is replaced, and every other byte stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.store.jsonmap import JsonMap, UnreadableMap

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=6,
)
MAPS = st.dictionaries(st.text(max_size=4), VALUES, max_size=5)
INDENTS = st.sampled_from([None, 0, 2])


@given(MAPS, INDENTS, st.data())
def test_a_replaced_value_is_the_only_change(
    there: dict[str, Any], indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(there, indent=indent, ensure_ascii=data.draw(st.booleans()))
    key = data.draw(st.sampled_from(sorted(there)) if there else st.just("new"))
    changed = JsonMap.parse(text).with_raw(key, '"X"')
    assert json.loads(changed) == {**there, key: "X"}
    assert list(json.loads(changed)) == list({**there, key: 0})
    # Put back as it stood, it is the same text again.
    again = JsonMap.parse(changed)
    if key in there:
        assert again.with_raw(key, JsonMap.parse(text).raw(key)) == text
    else:
        assert again.without(key) == text


@given(MAPS, INDENTS, st.data())
def test_a_member_taken_away_leaves_the_others(
    there: dict[str, Any], indent: int | None, data: st.DataObject
) -> None:
    text = json.dumps(there, indent=indent)
    for key in there:
        left = json.loads(JsonMap.parse(text).without(key))
        assert left == {name: value for name, value in there.items() if name != key}
        assert list(left) == [name for name in there if name != key]


@pytest.mark.parametrize(
    "text",
    ['{"a": 1.10, "b": 1e400, "c": 100000000000000000000000.0}', '{ "a":\t[ 1 ] , "b" : {} }'],
)
def test_digits_and_spaces_stay(text: str) -> None:
    changed = JsonMap.parse(text).with_raw("b", "7")
    assert JsonMap.parse(changed).with_raw("b", JsonMap.parse(text).raw("b")) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[]", "not_a_map"),
        ('"{}"', "not_a_map"),
        ("null", "not_a_map"),
        ("7", "not_a_map"),
        ("", "not_json"),
        ("{", "not_json"),
        ('{"a"', "not_json"),
        ('{"a":1,}', "not_json"),
        ('{"a":1}}', "not_json"),
        ('{"a":1 "b":2}', "not_json"),
        ("{a: 1}", "not_json"),
        ('{"a": ' + "[" * 100_000, "not_json"),
        ('{"a": ' + "9" * 5000 + "}", "not_json"),
        ('{"a": 1, "a": 1}', "key_twice"),
        ('{"a": 1, "\\u0061": 2}', "key_twice"),
    ],
)
def test_what_is_no_map_is_said(text: str, why: str) -> None:
    with pytest.raises(UnreadableMap) as refused:
        JsonMap.parse(text)
    assert refused.value.why == why
