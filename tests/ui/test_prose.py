"""Story texts are shown as they are."""

from __future__ import annotations

import re

import pytest

from cascade.story.document import Scene
from cascade.ui.prose import escape, paragraphs, scene_name, screenplay


def test_markdown_is_escaped_sign_by_sign() -> None:
    words = "# $5 *x* :red[y] <b> 1. [a](b) ~~z~~ `c` 2→4"
    assert re.sub(r"\\(.)", r"\1", escape(words)) == words
    assert not re.search(r"(?<!\\)[#$*:\[\]<>`~]", escape(words))


def test_prose_keeps_paragraphs_and_breaks_and_no_tags() -> None:
    shown = paragraphs("One <b>\ntwo\n\n\n Three & ")
    assert shown == ('<div class="arc-prose"><p>One &lt;b&gt;<br>two</p><p>Three &amp;</p></div>')


def test_a_script_keeps_its_lines() -> None:
    shown = screenplay('INT. A - DAY\n\nBO\n<i>$1 "#"', 'Scene "1"')
    assert "INT. A - DAY\n\nBO\n&lt;i&gt;$1 &quot;#&quot;</pre>" in shown
    assert 'aria-label="Scene &quot;1&quot;"' in shown


@pytest.mark.parametrize(
    ("script", "plot", "name"),
    [
        ("Title: X\n\nINT. LOFT - DAY\n\nShe waits.", "", "Scene 3: INT. LOFT - DAY"),
        ("ext. quay - night", "", "Scene 3: ext. quay - night"),
        (".UNDER THE PIER", "", "Scene 3: UNDER THE PIER"),
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
