"""A script as a screenplay: everything in its place, and no word of it lost."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade import samples
from cascade.formats.json import read_document
from cascade.story.story import Scene
from cascade.ui.kit.screenplay import screenplay

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
    for scene in read_document(Path(samples.__file__).parent / name).scenes
]


def test_every_element_stands_in_its_place() -> None:
    shown = screenplay(SCRIPT, 'Scene "4"')
    assert 'role="region" aria-label="Scene &#34;4&#34;"' in shown
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
    assert '<p class="cascade-aside">[[ask the composer]]</p>' in shown


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
        "FADE IN:\n\nSUPER: TEN YEARS LATER\n\n1 EXT/INT. VAN - DAY 1\n\nLATER",
        "INT. A - DAY [[which?]]\n\nMIRA [[or Tan]]\nGo [[away]]. /* or not */!\n[[low]]\nNo.",
        "Rain [[never closed\nmore\n\nMIRA\nGo. /* nor this\n\nALL\nthat",
        "=== [[a note at a break]]\n\n> CUT [[hard]] TO:\n\n> THE [[very]] END <",
        "A \ue000 of the story's own [[and a note]] *in* it \ue000",
        "*a* " * 30 + "\n" + "*b* _c_ " * 100 + "\n" + "**d** [[e]] " * 600,
        "MIRA (V.O.) [[x]] ^\nGo.\n\nTAN ^\n(low)\nNo [[n]].\n\nBO ^\n[[silent]]",
        "ONE\n" * 3 + "(two\n\nthree)\n \nfour",
        "[[/*]]> FADE\n\n[[a]] /* b */ .HALL\n\n[[c]]!Bang",
        "[[d]]# Act\n\n[[e]]~la\n\n[[f]]= idea",
    ],
)
def test_no_word_of_an_odd_script_is_lost(script: str) -> None:
    shown = re.sub(r"<br>|</(?:p|div)>", " ", screenplay(script, "x"))
    shown = html.unescape(re.sub(r"<[^>]+>", "", shown))
    words = re.findall(r"[\w\ue000]+", script.replace("Title:", "").replace("_", " "))
    assert re.findall(r"[\w\ue000]+", shown.replace("_", " ")) == words


SCRAPS = st.sampled_from(
    ["MIRA", "INT. A - DAY", "ext. quay", "CUT TO:", "> FADE", "> MID <", "(low)", "Go now.", "=",
     "===", "= idea", "# Act", "~la", "!Bang", "@tan", "^", "[[", "]]", "/*", "*/", "[[a]]",
     "/*b*/", "*", "**", "_", "\\", "SUPER: D", "\n", "\n", "\n\n", " ", "\t", "\r\n", "\ue000",
     "<i>&", "*c*"]
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.lists(SCRAPS, max_size=25).map("".join))
def test_no_word_of_any_script_is_lost_or_said_twice(script: str) -> None:
    # Without what makes a title page, whose keys are not shown.
    said = re.sub(r"<br>|</(?:p|div)>", " ", screenplay(script, "x")).replace("&nbsp;", " ")
    shown = html.unescape(re.sub(r"<[^>]+>", "", said))
    letters = re.compile(r"[^\W_]|\ue000")
    assert letters.findall(shown) == letters.findall(script)


def test_a_note_in_a_line_is_shown_in_its_place_and_nothing_glues_together() -> None:
    shown = screenplay(
        "INT. A - DAY\n\nHe *walks* [[needs *work* & <b>]] to the door[[?]], /* out */ and "
        "[[a]][[b]] on.\n\nMIRA (V.O.) [[or Tan]]\nGo [[away]]now.",
        "x",
    )
    note = '<span class="cascade-inline-note">{}</span>'.format
    assert (
        f"He <em>walks</em> {note('[[needs *work* &amp; &lt;b&gt;]]')} to the door{note('[[?]]')}, "
        f"{note('/* out */')} and {note('[[a]]')}{note('[[b]]')} on."
    ) in shown
    assert f'<div class="fountain-character">MIRA (V.O.) {note("[[or Tan]]")}</div>' in shown
    assert f'<div class="fountain-dialogue">Go {note("[[away]]")}now.</div>' in shown


def test_a_note_between_two_lines_keeps_them_apart() -> None:
    shown = screenplay("Rain.\n[[more?]]\nWind.\n\nHe [[a\nb]] goes. /* c\n\nd */ She stays.", "x")
    assert re.findall(r'class="(?!fountain-script)([\w-]+)">([^<]+)<', shown) == [
        ("fountain-action", "Rain."),
        ("cascade-aside", "[[more?]]"),
        ("fountain-action", "Wind."),
        ("fountain-action", "He"),
        ("cascade-aside", "[[a\nb]]"),
        ("fountain-action", "goes."),
        ("cascade-aside", "/* c\n\nd */"),
        ("fountain-action", "She stays."),
    ]


@pytest.mark.parametrize(
    ("script", "kind", "words"),
    [
        ("1 EXT/INT. VAN - DAY 1", "scene-heading", "1 EXT/INT. VAN - DAY 1"),
        ("**INT. VAN - DAY**", "scene-heading", "<strong>INT. VAN - DAY</strong>"),
        ("INT: VAN\nRain.", "scene-heading", "INT: VAN"),
        ("SUPER: TEN YEARS LATER", "action", "SUPER: TEN YEARS LATER"),
        ("OVER BLACK:\n\nRain.", "transition", "OVER BLACK:"),
        ("INÉS\nGo.", "character", "INÉS"),
        ("MIRA\nEXT. is short.", "dialogue", "EXT. is short."),
        ("> ACT ONE <", "centered", "ACT ONE"),
    ],
)
def test_a_script_is_set_as_it_is_checked(script: str, kind: str, words: str) -> None:
    assert f'<div class="fountain-{kind}">{words}</div>' in screenplay(script, "x")
