"""A script as a screenplay: everything in its place, and no word of it lost."""

from __future__ import annotations

import html
import re

import pytest

from cascade import samples
from cascade.store.documents import read_document
from cascade.story.document import Scene
from cascade.ui.screenplay import screenplay

SCRIPT = """INT. PUMP HOUSE - NIGHT #4#

Rain on *tin*. A
second line.

MIRAH (V.O.)
(low)
<Who> is there?

BRICK
Now.

STEEL ^
Now!

> CUT TO:

[[ask the composer]]
"""

SCENES = [
    scene
    for name in samples.STORIES
    for scene in read_document(samples.Path(samples.__file__).parent / name).scenes
]


def test_every_element_stands_in_its_place() -> None:
    shown = screenplay(SCRIPT, 'Scene "4"')
    assert 'role="region" aria-label="Scene &quot;4&quot;"' in shown
    for kind, words in (
        ("scene-heading", 'INT. PUMP HOUSE - NIGHT <span class="fountain-scene-number">#4#</span>'),
        ("action", "Rain on <em>tin</em>. A<br>second line."),
        ("character", 'MIRAH <span class="fountain-character-extension">(V.O.)</span>'),
        ("parenthetical", "(low)"),
        ("dialogue", "&lt;Who&gt; is there?"),
        ("transition", "CUT TO:"),
    ):
        assert f'<div class="fountain-{kind}">{words}</div>' in shown
    assert 'class="fountain-dual-dialogue"' in shown
    # A note is no part of the printed page, and an editor is to see it all the same.
    assert '<p class="arc-aside">[[ask the composer]]</p>' in shown


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: f"{scene.number}")
def test_no_word_of_a_sample_is_lost(scene: Scene) -> None:
    shown = html.unescape(re.sub(r"<[^>]+>", " ", screenplay(scene.script, "x")))
    assert re.findall(r"\w+", shown) == re.findall(r"\w+", scene.script)


@pytest.mark.parametrize(
    "script",
    [
        "/* cut:\nEXT. QUAY - DAY\n\nAll this.\n*/\n\nINT. A - DAY",
        "Title: The Quay\n\nINT. A - DAY\n\nRain.",
        "# Act\n\n= what happens\n\nINT. A - DAY\n\n===\n\n~la la",
        "just a line",
    ],
)
def test_no_word_of_an_odd_script_is_lost(script: str) -> None:
    shown = html.unescape(re.sub(r"<[^>]+>", " ", screenplay(script, "x")))
    words = re.findall(r"\w+", script.replace("Title:", ""))
    assert set(words) <= set(re.findall(r"\w+", shown))
