"""Words of others, made fit for a line, a terminal and a page."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.display import harmless, is_whole, one_line, readable, to_json

ANY = st.text(st.characters() | st.sampled_from("\x00\x1b\x9b\r\n\t\u202e\u2066\u2069\u202c\ud83d"))
OPENING = {"\u202a", "\u202b", "\u202d", "\u202e"}
ISOLATING = {"\u2066", "\u2067", "\u2068"}


@given(ANY)
def test_what_is_harmless_stays_so_and_steers_nothing(words: str) -> None:
    shown = harmless(words)
    assert harmless(shown) == shown
    assert is_whole(shown)
    assert all(sign.isprintable() or sign in "\n\t" or ord(sign) > 0x9F for sign in shown)


@given(ANY, st.integers(2, 50))
def test_a_line_is_one_and_no_longer(words: str, most: int) -> None:
    line = one_line(words, most)
    assert len(line) <= most
    assert len(line.splitlines()) <= 1


@given(ANY)
def test_a_page_can_be_sent_and_every_turn_ends_within_its_line(words: str) -> None:
    for line in readable(words).split("\n"):
        assert is_whole(line)
        depth: list[str] = []
        for sign in line:
            if sign in OPENING:
                depth.append("\u202c")
            elif sign in ISOLATING:
                depth.append("\u2069")
            elif sign == "\u202c" and depth and depth[-1] == sign:
                depth.pop()
            elif sign == "\u2069" and sign in depth:
                while depth.pop() != sign:
                    pass
        assert not depth


@given(
    st.recursive(
        ANY | st.integers() | st.none(), lambda one: st.lists(one) | st.dictionaries(ANY, one)
    )
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_json_says_the_same(ascii_only: bool, document: object) -> None:
    text = to_json(document, indent=2, ascii_only=ascii_only)
    assert json.loads(text) == document
    assert harmless(text) == text
    if ascii_only:
        assert text.isascii()


def test_a_text_as_it_is_usual_is_left_alone() -> None:
    usual = "Ibu menutup pintu → “pelan”.\n\nÉté\tℵ 👩‍🚀"
    assert harmless(usual) == readable(usual) == usual
    assert one_line("a\n  b\tc") == "a b c"
    assert one_line("x" * 300) == "x" * 199 + "…"
