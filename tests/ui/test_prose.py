"""Story texts are shown as they are."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cascade.ui.kit.prose import escape, first_words, note, paragraphs, scene_name, sentences
from tests.helpers.making import a_scene


def test_markdown_is_escaped_sign_by_sign() -> None:
    words = "# $5 *x* :red[y] <b> 1. [a](b) ~~z~~ `c` 2→4"
    assert re.sub(r"\\(.)", r"\1", escape(words)) == words
    assert not re.search(r"(?<!\\)[#$*:\[\]<>`~]", escape(words))


@pytest.mark.parametrize(
    ("words", "apart"),
    [
        ("http://a.bc HTTPS://d.ef", ["http:", "//a.bc HTTPS:", "//d.ef"]),
        ("www.a.bc", ["www", ".a.bc"]),
        ("me@a.bc", ["me", "@a.bc"]),
        (
            ":smile: :+1: :100: :material_home:",
            [":", "smile: :", "+1: :", "100: :", "material_home:"],
        ),
        ("-> a <- b <->", ["-", "> a <", "- b <", "->"]),
        ("-- >= <= ~=", ["-", "- >", "= <", "= ~", "="]),
        # What would become nothing else stays one piece.
        ("12:30:45, a-->b, a <b, x@, :): www", ["12:30:45, a-->b, a <b, x@, :): www"]),
    ],
)
def test_what_escaping_does_not_help_against_is_kept_apart(words: str, apart: list[str]) -> None:
    shown = re.sub(r"\\(.)", r"\1", escape(words))
    assert shown.split("\N{WORD JOINER}") == apart


def test_no_source_of_an_icon_is_left() -> None:
    # Looked for in what is sent, before any escape is read.
    assert ":material/" not in escape(":material/home:")


def test_escaped_words_are_one_line_of_a_bearable_length() -> None:
    assert escape("a\n\n    b\tc\r\nd") == "a b c d"
    assert len(escape("word " * 20_000)) <= 1001
    assert len(escape("x" * 200_000)) <= 1001


def test_a_command_in_a_sentence_is_set_as_one_and_nothing_else_is_read() -> None:
    assert sentences("Run `cascade db check`, *then* look.") == (
        r"Run `cascade db check`, \*then\* look\."
    )
    # A name with such signs of its own opens nothing.
    for name in ("`", "``", "a`b", "`:red[x]`"):
        shown = sentences(f"No user {name} here: *bold*")
        assert r"\*bold\*" in shown
        assert ":red[x]" not in re.sub("`[^`]*`", "", shown)
    assert sentences("one ` alone") == escape("one ` alone")


@pytest.mark.parametrize("show", [escape, paragraphs, note])
def test_halves_and_controls_are_shown_as_signs_and_turns_end(show: Callable[[str], str]) -> None:
    shown = show("a\ud83d \x1b[0m \u202eb")
    assert shown.encode()
    assert shown.count("\N{REPLACEMENT CHARACTER}") == 2
    assert "\x1b" not in shown
    assert shown.index("\u202c") > shown.index("\u202e")


def test_prose_keeps_paragraphs_and_breaks_and_no_tags() -> None:
    shown = paragraphs("One <b>\ntwo\n\n\n Three & ")
    assert shown == (
        '<div class="cascade-prose"><p>One &lt;b&gt;<br>two</p><p>Three &amp;</p></div>'
    )


@pytest.mark.parametrize(
    ("script", "plot", "name"),
    [
        ("Title: X\n\nINT. LOFT - DAY\n\nShe waits.", "", "Scene 3: INT. LOFT - DAY"),
        ("ext. quay - night", "", "Scene 3: ext. quay - night"),
        (".UNDER THE PIER", "", "Scene 3: UNDER THE PIER"),
        ("FADE IN:\n\n3 EXT/INT. VAN - DAY 3\n\nRain.", "", "Scene 3: EXT/INT. VAN - DAY"),
        ("**INT. LOFT - DAY**", "", "Scene 3: INT. LOFT - DAY"),
        ("", "A plot.\nMore.", "Scene 3: A plot."),
        ("", "", "Scene 3"),
    ],
)
def test_a_scene_is_named_by_its_heading(script: str, plot: str, name: str) -> None:
    assert scene_name(a_scene(3, "go", plot, script)) == name


def test_a_long_name_is_cut_at_a_word() -> None:
    name = scene_name(a_scene(1, "go", "word " * 40, ""))
    assert len(name) < 100
    assert name.endswith("word…")


def test_first_words_are_one_line_cut_between_two_words() -> None:
    assert first_words("Rain\n\nfalls.") == "Rain falls."
    assert first_words("one two three four", 12) == "one two…"
    assert first_words(f"one {'x' * 60_000}", 12) == "one xxxxxxxx…"
    assert first_words(f"{' ' * 60_000}x") == "…"
    assert first_words("") == ""
