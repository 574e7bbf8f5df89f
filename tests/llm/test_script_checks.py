"""Who may speak in a script, and how it may open."""

from __future__ import annotations

import pytest

from cascade.llm.checks import check
from cascade.llm.flaws import Flaw, rejected
from cascade.llm.provider import Usage
from cascade.llm.screenplay import unknown_speakers
from cascade.story.kinds import Kind
from cascade.story.story import Language
from tests.helpers.briefs import brief

CHINESE = "她慢慢走向灯塔，口袋里装着那封信，她知道她的哥哥已经读过了。看守人问她为什么一个人来。"

# -- who speaks


@pytest.mark.parametrize(
    "cue",
    ["MIRA", "Mira", "YOUNG MIRA", "MIRA & TAN", "MIRA AND TAN", "MIRA/TAN", "PAK MULYONO",
     "MULYONO", "ALL", "SEMUA", "OFFICER", "POLICE OFFICER #2", "INSPEKTÉR", "BARKEEP",
     "VOICE ON THE RADIO", "HALIM", "NOOR", "KADEK", "OLD MIRA"],
)  # fmt: skip
def test_a_known_speaker(cue: str) -> None:
    known = brief(
        "script",
        synopsis="An inspekter comes.",
        old_text="INT. BAR - DAY\n\nThe barkeep waits.",
        sources={
            "beatContent": "Halim asks.",
            "keyAction": "Noor answers.",
            "scenePlot": "An officer turns on the radio.",
        },
        prev_beat_content="Kadek left.",
    )
    assert unknown_speakers(known, [cue]) == ()


@pytest.mark.parametrize(
    "cue", ["BORIS", "PAK BORIS", "MIRA AND BORIS", "VOICE", "SUARA", "THE CALLER", "MIRAH", "IBU"]
)
def test_an_unknown_speaker(cue: str) -> None:
    [name] = unknown_speakers(brief("script", sources={"scenePlot": "Rain on the roof."}), [cue])
    assert name == (cue if "AND" not in cue else "BORIS")


def test_a_generic_role_may_speak_where_it_is_brought_in() -> None:
    assert not unknown_speakers(brief("script", sources={"scenePlot": "A voice calls."}), ["VOICE"])
    assert not unknown_speakers(brief("script", "INT. X - DAY\n\nSUARA\nHalo."), ["SUARA"])


@pytest.mark.usefixtures("any_length")
def test_the_writer_is_told_who_it_was_and_the_editor_is_not() -> None:
    text = "INT. SHOP - DAY\n\nBORIS\nGo.\n\nNATASHA (V.O.)\nYes.\n\nBORIS\nGo."
    flaw = check(brief("script"), text)
    assert flaw is not None
    assert flaw.complaint("en").endswith("(BORIS, NATASHA)")
    assert flaw.complaint("id").startswith("di dalam naskah")
    error = rejected(flaw, text, "id", prompt_hash="p", usage=Usage(1, 2, 3), model="m")
    assert error.text == text
    assert (error.code, error.retryable, error.flaw) == ("bad_output", True, "unknown_speaker")
    assert (error.usage, error.model, error.prompt_hash) == (Usage(1, 2, 3), "m", "p")
    assert error.complaint == flaw.complaint("id")
    for shown in (str(error), repr(error), error.message, error.why):
        assert "BORIS" not in shown
        assert "SHOP" not in shown


@pytest.mark.usefixtures("any_length")
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("INT. SHOP - DAY\n\nMIRA\n\nRain", "INT. SHOP - DAY\n\nMIRA\n\nMore of this rain"),
        ("INT. SHOP - DAY\n\n@tan\n\nRain", "INT. SHOP - DAY\n\n@tan\n\nMore of this rain"),
        ("Rain.\n\nINT. SHOP - DAY\n\nGo.", "Wind.\n\nINT. SHOP - DAY\n\nStay."),
        ("Only rain on the roof.", "Only wind on the roof."),
        ("Title: The Shop\n\nINT. SHOP - DAY\n\nGo.", "Title: The Shop\n\nINT. SHOP\n\nStay."),
        ("Rain.\n\nEXT. STREET - DAY", "INT. SHOP - DAY\n\nWind.\n\nEXT. STREET - DAY"),
        ("INT. SHOP - DAY\n\nRain. /* cut", "INT. SHOP - DAY\n\nWind. /* cut"),
        ("INT. SHOP - DAY\n\nBORIS\nGo.", "INT. SHOP - DAY\n\nBORIS\nStay."),
    ],
)
def test_what_the_old_script_did_the_new_one_may_do(old: str, new: str) -> None:
    assert check(brief("script", old), new) is None
    assert check(brief("script", "INT. SHOP - DAY\n\nHere."), new) is not None


@pytest.mark.usefixtures("any_length")
def test_a_writers_own_habit_is_no_fault() -> None:
    assert check(brief("keyAction", "Mira goes."), "Mira comes") == Flaw("cut_off")
    cases: list[tuple[Kind, str, str]] = [
        ("scenePlot", "- Mira goes.\n- Tan stays.", "- Mira runs.\n- Tan hides."),
        ("scenePlot", "Of course, nobody came.", "Of course, somebody came."),
    ]
    for kind, old, new in cases:
        assert check(brief(kind, old), new) is None
        assert check(brief(kind), new) is not None


# -- how a script opens

SCENE = "Maya turns the gas down.\n\nMAYA\nNot yet.\n\nShe waits."
OPENINGS = [
    "INT. KITCHEN - NIGHT",
    "FADE IN:\n\nINT. KITCHEN - NIGHT",
    "FADE IN:\nINT. KITCHEN - NIGHT",
    "FADE FROM BLACK:\n\nINT. KITCHEN - NIGHT",
    "OVER BLACK:\n\nA tap drips.\n\nINT. KITCHEN - NIGHT",
    "OVER BLACK:\n\nMAYA (V.O.)\nOne. Two.\n\nINT. KITCHEN - NIGHT",
    "MEMUDAR MASUK:\n\nINT. DAPUR - MALAM",
    "COLD OPEN\n\nINT. KITCHEN - NIGHT",
    "TEASER\n\nFADE IN:\n\nINT. KITCHEN - NIGHT",
    "> ACT ONE <\n\nINT. KITCHEN - NIGHT",
    "===\n\nINT. KITCHEN - NIGHT",
    "# Act one\n\n= Maya waits.\n\nINT. KITCHEN - NIGHT",
    "[[still to be timed]]\n\nINT. KITCHEN - NIGHT",
    "/* the old\n\nopening */\n\nINT. KITCHEN - NIGHT",
    "SUPER: TEN YEARS LATER\n\nINT. KITCHEN - NIGHT",
    "Super: Ten years later\n\nINT. KITCHEN - NIGHT",
    "EXT/INT. KITCHEN - NIGHT",
    "INT./EXT. KITCHEN - NIGHT",
    "I/E. KITCHEN - NIGHT",
    "1 INT. KITCHEN - NIGHT 1",
    "INT. KITCHEN - NIGHT #1A#",
    "**INT. KITCHEN - NIGHT**",
    "**1. INT. KITCHEN - NIGHT**",
    "INT: KITCHEN",
    ".KITCHEN",
    "INT. KITCHEN - NIGHT\nThe tap drips.",
]


@pytest.mark.usefixtures("any_length")
@pytest.mark.parametrize("opening", OPENINGS)
@pytest.mark.parametrize("old", ["", "INT. KITCHEN - NIGHT\n\nRain."])
def test_a_script_may_open_as_scripts_do(opening: str, old: str) -> None:
    known = brief("script", old, speakers=("MAYA",))
    assert check(known, f"{opening}\n\n{SCENE}") is None


@pytest.mark.usefixtures("any_length")
@pytest.mark.parametrize(
    ("opening", "name"),
    [
        ("FADE IN:", "no_heading"),
        ("SUPER: TEN YEARS LATER", "no_heading"),
        ("The tap drips.\n\nINT. KITCHEN - NIGHT", "no_heading"),
        ("Title: Steam\nAuthor: M. Sato\n\nFADE IN:\n\nINT. KITCHEN - NIGHT", "title_page"),
        ("Judul: Uap\n\nINT. DAPUR - MALAM", "title_page"),
        ("INT. KITCHEN - NIGHT\n\n[[not closed", "not_closed"),
    ],
)
def test_and_must_come_to_a_scene(opening: str, name: str) -> None:
    flaw = check(brief("script", speakers=("MAYA",)), f"{opening}\n\n{SCENE}")
    assert flaw is not None
    assert flaw.name == name


@pytest.mark.usefixtures("any_length")
def test_a_line_in_capitals_is_a_fault_only_where_it_is_somebodys_name() -> None:
    script = "INT. SHOP - DAY\n\nRain.\n\n{}\n\nMore rain."
    for card in ("LATER", "BOOM", "MONTAGE", "END OF ACT ONE", "KEMUDIAN"):
        assert check(brief("script"), script.format(card)) is None
    for name in ("MIRA", "PAK MULYONO", "MIRA (V.O.)", "TAN\nNo.\n\nTAN"):
        assert check(brief("script"), script.format(name)) == Flaw("no_dialogue")


@pytest.mark.parametrize(
    "cue",
    ["CROWD", "THE CROWD", "VOICES", "SOLDIERS", "AUDIENCE MEMBER", "RADIO", "TV ANNOUNCER",
     "RADIO (V.O.)", "NEWSREADER", "INTERCOM", "NARRATOR", "NARRATOR (V.O.)", "KERUMUNAN", "MASSA",
     "PARA TAMU", "ORANG-ORANG", "ANAK-ANAK", "SUARA-SUARA", "SUARA RADIO", "TELEVISI", "PENYIAR",
     "PENGERAS SUARA", "NARATOR", "MIRA AND THE OTHERS", "WARGA DAN MIRA"],
)  # fmt: skip
def test_a_crowd_a_radio_and_a_narrator_are_nobody_new(cue: str) -> None:
    assert (
        unknown_speakers(brief("script", sources={"scenePlot": "Rain on the roof."}), [cue]) == ()
    )


@pytest.mark.usefixtures("any_length")
def test_a_script_is_judged_by_its_action_whatever_is_spoken_in_it() -> None:
    english, indonesian = SPOKEN["en"], SPOKEN["id"]
    cases: list[tuple[Language, tuple[str, ...], tuple[str, ...]]] = [
        ("en", english, indonesian),
        ("id", indonesian, english),
    ]
    for language, action, speech in cases:
        told, said = action[0], speech[1]
        text = f"INT. SHOP - DAY\n\n{told}\n\nMIRA\n{said}\n\nTAN\n{said}\n\n{told}"
        assert check(brief("script", language=language), text) is None
        other = brief("script", language="id" if language == "en" else "en")
        assert check(other, text) == Flaw("language", {"language": other.language})
    foreign = f"INT. SHOP - DAY\n\n{CHINESE}\n\nMIRA\nGo."
    assert check(brief("script"), foreign) == Flaw("language", {"language": "en"})


SPOKEN = {
    "en": (
        "Mira wipes the counter twice and does not look up when the door opens behind her again.",
        "You told me that it was over, and now you stand here with that face and that letter.",
    ),
    "id": (
        "Mira mengelap meja dua kali dan tidak menoleh ketika pintu di belakangnya terbuka lagi.",
        "Katamu semuanya sudah selesai, dan sekarang kau berdiri di sini membawa surat itu lagi.",
    ),
}
