"""Story texts are shown as they are."""

from __future__ import annotations

import re

import pytest

from cascade.story.document import Scene
from cascade.ui.prose import escape, first_words, paragraphs, scene_name


def test_markdown_is_escaped_sign_by_sign() -> None:
    words = "# $5 *x* :red[y] <b> 1. [a](b) ~~z~~ `c` 2→4"
    assert re.sub(r"\\(.)", r"\1", escape(words)) == words
    assert not re.search(r"(?<!\\)[#$*:\[\]<>`~]", escape(words))


def test_prose_keeps_paragraphs_and_breaks_and_no_tags() -> None:
    shown = paragraphs("One <b>\ntwo\n\n\n Three & ")
    assert shown == ('<div class="arc-prose"><p>One &lt;b&gt;<br>two</p><p>Three &amp;</p></div>')


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
    assert scene_name(Scene(3, "go", plot, script)) == name


def test_a_long_name_is_cut_at_a_word() -> None:
    name = scene_name(Scene(1, "go", "word " * 40, ""))
    assert len(name) < 100
    assert name.endswith("word…")


def test_first_words_are_one_line_cut_between_two_words() -> None:
    assert first_words("Rain\n\nfalls.") == "Rain falls."
    assert first_words("one two three four", 12) == "one two…"
    assert first_words("") == ""
