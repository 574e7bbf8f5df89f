"""What each line of a script is."""

from __future__ import annotations

import pytest

from cascade.formats.json import read_document
from cascade.story.fountain import (
    Element,
    bracketed,
    cue_name,
    cues,
    heading,
    is_card,
    is_heading,
    is_transition,
    read,
    title_fields,
)
from tests.helpers.pacing_texts import EN_SCRIPT, SAMPLES


def kinds(script: str) -> list[tuple[str, str]]:
    return [(element.kind, element.text) for element in read(script)]


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("INT. KITCHEN - NIGHT", "INT. KITCHEN - NIGHT"),
        ("  ext. quay - night ", "ext. quay - night"),
        ("EXT SHOP", "EXT SHOP"),
        ("I/E CAR", "I/E CAR"),
        ("E/I. CAR", "E/I. CAR"),
        ("EST. TOWN", "EST. TOWN"),
        ("INT./EXT. VAN - DAY", "INT./EXT. VAN - DAY"),
        ("Int./Ext. van", "Int./Ext. van"),
        ("EXT/INT. KITCHEN - NIGHT", "EXT/INT. KITCHEN - NIGHT"),
        ("INT: KITCHEN", "INT: KITCHEN"),
        ("INTERIOR. HALL", "INTERIOR. HALL"),
        ("1 INT. KITCHEN - NIGHT 1", "INT. KITCHEN - NIGHT"),
        ("12A. EXT. SEA - DAY", "EXT. SEA - DAY"),
        ("INT. ROOM 12", "INT. ROOM 12"),
        ("1 INT. ROOM 12", "INT. ROOM 12"),
        ("INT. HOUSE #4A#", "INT. HOUSE"),
        ("**INT. KITCHEN - NIGHT**", "INT. KITCHEN - NIGHT"),
        ("_INT. KITCHEN - NIGHT_", "INT. KITCHEN - NIGHT"),
        ("***3 INT. KITCHEN - NIGHT 3***", "INT. KITCHEN - NIGHT"),
        (".THE SHOP", "THE SHOP"),
        (".ÜBER THE SHOP", "ÜBER THE SHOP"),
    ],
)
def test_a_heading_names_a_place(line: str, place: str) -> None:
    assert heading(line) == place
    assert is_heading(line)
    assert not cue_name(line)


@pytest.mark.parametrize(
    "line",
    ["INTO THE NIGHT", "INTAN", "...", "Rain.", "", "Interior design is a career.", "INTERNAL.",
     "...AND THEN", "1947", "EXTRA 2", "INT. " + "A" * 300],
)  # fmt: skip
def test_other_lines_name_none(line: str) -> None:
    assert not is_heading(line)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("MIRA", "MIRA"),
        ("  MIRA  ", "MIRA"),
        ("MIRA (V.O.)", "MIRA"),
        ("MIRA (O.S.) (CONT'D)", "MIRA"),
        ("MIRA (on the phone)", "MIRA"),
        ("MIRA ^", "MIRA"),
        ("MIRA (V.O.) ^", "MIRA"),
        ("**MIRA**", "MIRA"),
        ("@McAvoy", "MCAVOY"),
        ("MRS. TORDOFF", "MRS. TORDOFF"),
        ("INÉS #2", "INÉS #2"),
        ("INTAN", "INTAN"),
        ("R2D2", "R2D2"),
        ("TANTE INT", "TANTE INT"),
        ("INT. SHOP - DAY", ""),
        ("EXT SHOP", ""),
        ("SILENCE.", ""),
        ("CUT TO:", ""),
        ("FADE OUT", ""),
        ("> FADE OUT", ""),
        ("!BANG", ""),
        ("Mira", ""),
        ("1947", ""),
        ("", ""),
        ("M" * 200, ""),
    ],
)
def test_the_name_in_a_cue(line: str, name: str) -> None:
    assert cue_name(line) == name


@pytest.mark.parametrize(
    "line",
    ["CUT TO:", "FADE IN:", "FADE IN", "FADE OUT.", "FADE FROM BLACK:", "OVER BLACK:",
     "SMASH-CUT TO:", "MATCH CUT:", "CUT TO BLACK.", "**FADE IN:**", "> anything", "POTONG KE:",
     "MEMUDAR MASUK:", "LAYAR GELAP:"],
)  # fmt: skip
def test_transitions(line: str) -> None:
    assert is_transition(line)


@pytest.mark.parametrize(
    "line",
    ["> ACT ONE <", "Cut to:", "MIRA:", "FADE", "FADE AWAY WITH ALL THAT YOU KNOW", "", "TO"],
)
def test_no_transitions(line: str) -> None:
    assert not is_transition(line)


def test_cards() -> None:
    for line in (
        "SUPER: TEN YEARS LATER",
        "Super: Ten years later",
        "TITLE CARD: DAWN",
        "TEKS: 1998",
    ):
        assert is_card(line)
    for line in ("He says: no.", "INT. SHOP", "10:30 and rain"):
        assert not is_card(line)


def test_cues_stand_after_an_empty_line_and_over_words() -> None:
    assert list(cues(EN_SCRIPT)) == ["TOMAS", "INES", "TOMAS"]
    assert list(cues("MIRA\nGo.\n\nBOOM\n\nRain.\nTAN\nNo.\n\nTAN")) == ["MIRA"]
    assert list(cues("INT. X - DAY\r\n\r\nMIRA\r\nGo.\r\n")) == ["MIRA"]
    assert list(cues("INT. X - DAY\nMIRA\nGo.")) == ["MIRA"]
    assert list(cues("MIRA\nINT. X - DAY\n\nFADE IN:\nRain.")) == []
    assert list(cues("MIRA [[or Tan?]]\n[[softly]]\nGo.\n\nTAN\n/* cut */\n\nRain.")) == ["MIRA"]
    assert list(cues("")) == []


def test_every_line_is_something() -> None:
    script = (
        "Title: The Quay\nAuthor: M\n   and T\n\nFADE IN:\n\n# Act\n= what happens\n===\n"
        "> ACT ONE <\n\nSUPER: DAWN\n\nEXT. QUAY - DAY #4#\nRain.\nMore\train.\n\nMIRA (V.O.) ^\n"
        "(low)\nGo [[or stay]].\n  \nNow.\n~la la\n\n!BANG\n\n@tan\nNo.\n\nLATER\n\n> CUT TO:\n\n"
        ".UNDER IT\n\n[[ask\nthe composer]] He goes. /* cut\n\nall this */ She stays.\n\n/* end"
    )
    assert kinds(script) == [
        ("title_page", "Title: The Quay\nAuthor: M\n   and T"),
        ("transition", "FADE IN:"),
        ("section", "Act"),
        ("synopsis", "what happens"),
        ("page_break", "==="),
        ("centred", "ACT ONE"),
        ("card", "SUPER: DAWN"),
        ("heading", "EXT. QUAY - DAY"),
        ("action", "Rain."),
        ("action", "More\train."),
        ("cue", "MIRA (V.O.)"),
        ("parenthetical", "(low)"),
        ("speech", "Go [[or stay]]."),
        ("speech", ""),
        ("speech", "Now."),
        ("lyric", "la la"),
        ("action", "BANG"),
        ("cue", "tan"),
        ("speech", "No."),
        ("card", "LATER"),
        ("transition", "CUT TO:"),
        ("heading", "UNDER IT"),
        ("note", "[[ask\nthe composer]]"),
        ("action", "He goes."),
        ("boneyard", "/* cut\n\nall this */"),
        ("action", "She stays."),
        ("boneyard", "/* end"),
    ]
    assert title_fields("Title: The Quay\nAuthor: M\n   and T") == {
        "title": "The Quay",
        "author": "M\nand T",
    }
    elements = list(read(script))
    assert [one.number for one in elements if one.number] == ["4"]
    assert [one.name for one in elements if one.dual] == ["MIRA"]
    assert [one.text for one in elements if not one.closed] == ["/* end"]


def test_a_note_that_never_ends_takes_its_line_only() -> None:
    assert list(read("Rain. [[why\nnot\n\nMIRA\nGo.")) == [
        Element("action", "Rain."),
        Element("note", "[[why", closed=False),
        Element("action", "not", joined=True),
        Element("cue", "MIRA", name="MIRA"),
        Element("speech", "Go."),
    ]
    assert bracketed("a [[b]] c /*d*/ [[e") == ([(2, 7), (10, 15)], 16)


def test_a_heading_in_small_letters_needs_its_empty_lines() -> None:
    assert kinds("int. shop - day\n\nRain.")[0][0] == "heading"
    assert kinds("Int the dark\nhe waits.")[0][0] == "action"
    assert kinds("Rain.\nINT. SHOP - DAY\nMore rain.")[1] == ("heading", "INT. SHOP - DAY")
    assert kinds("MIRA\nEXT. is short for exterior.")[1][0] == "speech"


def test_only_known_keys_open_a_title_page() -> None:
    assert kinds("Draft date: May\n\nRain.")[0][0] == "title_page"
    assert kinds("JUDUL: Surat\n\nHujan.")[0][0] == "title_page"
    assert kinds("Title:\n    The Quay\n\nRain.")[0] == ("title_page", "Title:\n    The Quay")
    for line in ("SUPER: TEN YEARS LATER", "Mood: dark", "INT: KITCHEN", "Title:", "FADE IN:"):
        assert all(kind != "title_page" for kind, _ in kinds(f"{line}\n\nRain."))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_samples_have_headings_cues_and_nothing_unclosed(path: object) -> None:
    for scene in read_document(path).scenes:  # type: ignore[arg-type]
        found = list(read(scene.script))
        assert found[0].kind == "heading"
        assert all(one.closed for one in found)
        words = " ".join(one.text for one in found).split()
        assert words == scene.script.replace("@", "").replace(" ^", "").replace("> ", "").split()
