"""The offline writer's edits one by one: what is swapped, cut, joined, and left as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fountain import ElementType

from cascade.llm import screenplay
from cascade.llm.pacing import edited, english, indonesian
from cascade.llm.pacing.lines import ACTIONS, ALL_TAILS, PROSE
from cascade.llm.pacing.rules import swapped, thinned
from cascade.llm.pacing.text import paragraphs, sentences
from cascade.story.kinds import KINDS
from cascade.story.story import LANGUAGES, Language
from tests.helpers.pacing_checks import (
    at,
    check,
    elements,
    errors,
    kept,
    paragraph_count,
)
from tests.helpers.pacing_texts import (
    BLANK,
    EN_BEAT,
    EN_SCRIPT,
)


def test_a_rising_edit_cuts_and_sharpens_a_falling_one_joins_and_calms() -> None:
    brief = replace(BLANK, old_text=EN_BEAT)
    up, down = edited(at(brief, 1, 5)), edited(at(brief, 5, 1))
    assert "Ines slowly walks" not in up
    assert "Ines strides to the lighthouse" in up
    assert "demands to know why she came alone" in up
    assert "the dead lamp. Nobody has lit it since the storm." in up
    assert "He is terrified of the stairs." in up
    assert "He is afraid of the stairs, but he climbs them." in down
    assert "Suddenly" not in down
    assert "he lamp turns" in down

    def mean(text: str) -> float:
        parts = [part.words for paragraph in paragraphs(text) for part in sentences(paragraph)]
        return sum(parts) / len(parts)

    assert mean(up) < mean(EN_BEAT) < mean(down)


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("en", "She walks to the door.", "She strides to the door."),
        ("en", "A tired Ines walked into the hall.", "A tired Ines strode into the hall."),
        ("en", "An angry man waits.", "A furious man waits."),
        ("en", "He begins walking toward the pier.", "He begins striding toward the pier."),
        ("id", "Ia berjalan ke dermaga.", "Ia bergegas ke dermaga."),
        ("id", "Ia mengambil surat itu.", "Ia menyambar surat itu."),
    ],
)
def test_a_swap_keeps_the_form(language: str, old: str, new: str) -> None:
    tables = english.RISING if language == "en" else indonesian.RISING
    assert swapped(old, tables, set()) == new


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "She walks the dog."),
        ("en", "He has walked to school."),
        ("en", "They never close the door; she never closes the door."),
        ("en", "She takes her coat off."),
        ("en", "HE WALKS TO THE DOOR."),
        ("en", "He is not afraid of it."),
        ("en", "She looks up at the clock."),
        ("en", "She gently closes the door."),
        ("id", "Ia tidak menutup pintu."),
        ("id", "Ia mengambil keputusan."),
        ("id", "Ia ingin tahu."),
        ("id", "Rasa marah itu hilang."),
        ("id", "Ia ingin mereka pulang."),
    ],
)
def test_a_verb_in_another_sense_is_left_alone(language: str, text: str) -> None:
    tables = english.RISING if language == "en" else indonesian.RISING
    assert swapped(text, tables, set()) is None


@pytest.mark.parametrize(
    ("language", "old", "new"),
    [
        ("en", "Slowly, she turns round.", "She turns round."),
        ("en", "She turns, slowly, and goes.", "She turns, slowly, and goes."),
        ("en", "She turns, slowly.", "She turns."),
        ("en", "She slowly turns.", "She turns."),
        ("en", "Slowly but surely it sinks.", "Slowly but surely it sinks."),
        ("en", "It moves more slowly than before.", "It moves more slowly than before."),
        ("en", "He waits a little longer.", "He waits longer."),
        ("en", "A little boat waits.", "A little boat waits."),
        ("id", "Perlahan ia menoleh ke laut.", "Ia menoleh ke laut."),
        ("id", "Ia agak gugup.", "Ia gugup."),
        ("id", "Agaknya ia tahu.", "Agaknya ia tahu."),
        ("id", "Ia punya sedikit uang.", "Ia punya sedikit uang."),
    ],
)
def test_a_hedge_goes_only_where_the_sentence_stays_whole(
    language: str, old: str, new: str
) -> None:
    tables = english.RISING if language == "en" else indonesian.RISING
    assert (thinned(old, tables) or old) == new


@pytest.mark.parametrize(
    "text",
    [
        "If he stays, the lamp goes out, and she leaves.",
        "She never sits and waits for the ferry.",
        "She says that he lies to her and runs to the pier.",
        "The plaque goes, the scales are mended, and she is gone.",
        "He lifts and drops the heavy box.",
        "She drives a wedge in with the maul, has it measured, and orders more load.",
        "Both the keeper stays, and he waits for them.",
        'He says "go now, and she will follow."',
    ],
)
def test_a_sentence_that_hangs_together_is_not_cut(text: str) -> None:
    parts = sentences(text)
    assert len(parts) == 1
    assert not parts[0].editable or english.cut(text, script=False) is None


@pytest.mark.parametrize(
    "text",
    [
        "Ketika ia tiba, lampu padam, dan ia pulang.",
        "Ia datang untuk mengambil surat itu dan membacanya.",
        "Ia tidak mengambil surat itu dan membacanya.",
        "Ia bukan penjaga, tetapi ia tahu jalan.",
        "Ia melihat kakaknya membuka pintu dan mengambil surat.",
        "Ia mengambil dan membaca surat itu.",
        "Lampu padam, perahu menjauh, dan Sari pulang ke rumah.",
    ],
)
def test_an_indonesian_sentence_that_hangs_together_is_not_cut(text: str) -> None:
    assert indonesian.cut(text, script=False) is None


def test_speech_in_prose_is_kept() -> None:
    said = "“She walks slowly to the pier. He waits, and she knows it.”"
    text = f"Ines reads it aloud. {said} Then she walks to the door, and she looks at him."
    for levels in ((1, 5), (5, 1)):
        for seed in "abcd":
            assert said in edited(at(replace(BLANK, old_text=text), *levels, seed))


def test_a_script_line_goes_before_the_transition_that_ends_it() -> None:
    script = "INT. HALL - DAY\n\nThe clock stops.\n\nINES\nGo.\n\nCUT TO:\n"
    new = edited(replace(BLANK, kind="script", old_text=script))
    assert elements(new)[-1] == (ElementType.TRANSITION, "CUT TO:")
    assert elements(new)[-2][0] is ElementType.ACTION
    assert elements(new)[-2][1] in ACTIONS
    assert new.endswith("\n\nCUT TO:\n")


def test_a_rising_script_breaks_its_paragraphs_up_a_falling_one_gathers_them() -> None:
    script = (
        "INT. HALL - DAY\n\nThe clock stops. Rain. A door opens.\n\nInes waits here.\n\nINES\nGo."
    )
    up = edited(at(replace(BLANK, kind="script", old_text=script), 1, 5))
    assert "The clock stops.\n\nRain." not in up
    calm = script.replace(" Rain.", " It rains.")
    up = edited(at(replace(BLANK, kind="script", old_text=calm), 1, 5))
    assert "The clock stops.\n\nIt rains.\n\nA door opens.\n\nInes waits here." in up
    down = edited(at(replace(BLANK, kind="script", old_text=up), 5, 1))
    assert down.count("\n\n") < up.count("\n\n")


def test_a_speech_in_capitals_stays_a_speech() -> None:
    script = "INT. HALL - DAY\n\nINES\nNO. NEVER."
    for run in range(3):
        new = edited(replace(BLANK, kind="script", old_text=script, seed=f"run-{run}"))
        assert kept(new) == kept(script)
        assert sum(line in new for line in ACTIONS) == 1
        script = new


def test_line_ends_of_another_system_end_speeches_too() -> None:
    crlf = EN_SCRIPT.replace("\n", "\r\n")
    new = edited(replace(BLANK, kind="script", old_text=crlf))
    assert "\r" not in new
    assert kept(new) == kept(EN_SCRIPT)


@pytest.mark.parametrize("language", LANGUAGES)
def test_where_there_is_no_text_yet_an_honest_one_is_made(language: Language) -> None:
    told = "Ines finds the letter. Nobody has read it."
    brief = replace(
        BLANK,
        language=language,
        synopsis="Ines keeps a light nobody needs. Then a ship comes.",
        sources={"beatContent": told, "scenePlot": f"{told}\n\nCUT TO: the pier. /* [["},
        scene_number=5,
    )
    content = edited(replace(brief, kind="beatContent"))
    assert paragraph_count(content) == 2
    assert content.startswith("Midpoint. Ines keeps a light nobody needs.")
    action = edited(replace(brief, kind="keyAction"))
    assert action == "Ines finds the letter."
    plot = edited(replace(brief, kind="scenePlot"))
    assert plot.startswith(told)
    assert paragraph_count(plot) == 1
    script = edited(replace(brief, kind="script"))
    heading = (
        "INT./EXT. SCENE 5 - CONTINUOUS" if language == "en" else "INT./EXT. ADEGAN 5 - LANJUTAN"
    )
    assert kept(script) == [(ElementType.SCENE_HEADING, heading)]
    assert errors(script) == set()
    bare = replace(brief, synopsis="", sources={}, beat_label="", beat_key="")
    for kind in KINDS:
        assert edited(replace(bare, kind=kind)).strip()


def test_a_draft_can_be_edited_like_any_text() -> None:
    for kind in KINDS:
        for language in LANGUAGES:
            first = replace(
                BLANK, kind=kind, language=language, sources={"scenePlot": "A ship comes."}
            )
            text = edited(first)
            check(replace(first, old_text=text, previous_level=5, new_level=1))


def test_no_line_could_be_read_as_another_element_or_twice() -> None:
    for line in ACTIONS:
        assert elements(f"INES\nGo.\n\n{line}\n\nINES\nNow.")[2] == (ElementType.ACTION, line)
    for line in PROSE:
        assert len(sentences(f"{line} {line}")) == 2
    assert all(tail.startswith(" — ") for tail in ALL_TAILS)


@pytest.mark.parametrize("level", [1, 5])
@pytest.mark.parametrize(
    "opening",
    ["FADE IN:", "COLD OPEN", "SUPER: Ten years later, slowly.", "===", "> ACT ONE <",
     "**EXT/INT. PIER - DAY**", "1 INT. LAMP ROOM - NIGHT 1", "Int./Ext. lamp room, slowly"],
)  # fmt: skip
def test_what_a_script_opens_with_is_left_as_it_is(opening: str, level: int) -> None:
    brief = replace(BLANK, kind="script", old_text=f"{opening}\n\n{EN_SCRIPT}")
    new = edited(at(brief, 3, level))
    assert new.startswith(f"{opening}\n\nINT. LIGHTHOUSE - LAMP ROOM - NIGHT\n\n")
    assert not screenplay.check_script(replace(brief, speakers=("INES", "TOMAS")), new)
