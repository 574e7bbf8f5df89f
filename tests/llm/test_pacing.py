"""The rules of the offline writer: on small texts, on the sample stories and on any text at all."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from fountain import ElementType, FountainParser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cascade.llm import screenplay
from cascade.llm.pacing import edited, english, indonesian
from cascade.llm.pacing.lines import ACTIONS, ALL_TAILS, PROSE
from cascade.llm.pacing.rules import swapped, thinned
from cascade.llm.pacing.text import join, paragraphs, sentences
from cascade.story.brief import Brief
from cascade.story.kinds import KINDS
from cascade.story.story import LANGUAGES, Language
from tests.helpers.pacing_texts import (
    BLANK,
    EN_BEAT,
    EN_SCRIPT,
    FIXTURES,
    ID_SCRIPT,
    SAMPLES,
    sample_briefs,
)

LEVELS = st.integers(1, 5)
# Cues, headings, marks, quotes, line ends and letters of many scripts, in the order of an accident.
SCRAPS = st.sampled_from(
    [
        "INES",
        "INT. ROOM - DAY",
        "CUT TO:",
        "(softly)",
        "She walks slowly to the door, and he waits.",
        "Ia berjalan ke pintu, lalu ia menunggu.",
        "He waits. She looks at it.",
        "Title: A thing",
        "[[a note]]",
        "/* cut */",
        "~a song",
        ">THE END<",
        "@ines",
        "!Bang",
        "= idea",
        "# Act",
        ".FLASHBACK",
        "  ",
        "\r",
        "“Go. Now.”",
        "a",
        "—",
    ]
)
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.one_of(SCRAPS, st.text(max_size=20)), max_size=12).map("\n".join),
    st.lists(SCRAPS, max_size=12).map("\n\n".join),
    st.text(alphabet=st.characters(), max_size=30),
    st.sampled_from([EN_BEAT, EN_SCRIPT, ID_SCRIPT]).map(lambda text: text.replace("\n", "\r\n")),
)
BRIEFS = st.builds(
    lambda kind, language, old, new, text, seed, key, number: replace(
        BLANK,
        kind=kind,
        language=language,
        previous_level=old,
        new_level=new,
        old_text=text,
        seed=seed,
        beat_key=key,
        scene_number=number,
    ),
    st.sampled_from(KINDS),
    st.sampled_from(LANGUAGES),
    LEVELS,
    LEVELS,
    TEXTS,
    st.text(max_size=8),
    st.sampled_from(["midpoint", "finale", "no such beat"]),
    st.one_of(st.none(), st.integers(1, 99)),
)
over_samples = pytest.mark.parametrize("path", SAMPLES, ids=[path.stem for path in SAMPLES])


def at(brief: Brief, old: int, new: int, seed: str = "s") -> Brief:
    return replace(brief, previous_level=old, new_level=new, seed=seed)


def elements(script: str) -> list[tuple[ElementType, str]]:
    return [(part.type, part.text) for part in FountainParser().parse(script).elements]


def kept(script: str) -> list[tuple[ElementType, str]]:
    # Spaces on a last empty line make an empty speech, which nobody misses.
    return [part for part in elements(script) if part[0] is not ElementType.ACTION and part[1]]


def errors(script: str) -> set[str]:
    return {issue.code for issue in FountainParser().validate(script)}


def paragraph_count(text: str) -> int:
    return len([part for part in re.split(r"\n\s*\n", text.strip()) if part.strip()])


def naive_sentences(text: str) -> int:
    return len(re.findall(r"[.!?]+(?:\s|$)", text.strip()))


def check(brief: Brief) -> str:
    """What holds for every edit of a real text; gives back the edit."""
    new, old = edited(brief), brief.old_text
    assert new != old
    if brief.kind == "script":
        assert kept(new) == kept(old)
        assert errors(new) <= errors(old)
        added = [text for kind, text in elements(new) if kind is ElementType.ACTION]
        assert sum(text in ACTIONS for text in added) == 1
    elif brief.kind == "keyAction":
        assert 1 <= naive_sentences(new) <= 2
        assert "\n" not in new
    else:
        assert paragraph_count(new) == paragraph_count(old)
        assert sum(new.count(line) for line in PROSE) == 1
    return new


@settings(max_examples=400, deadline=None)
@given(BRIEFS)
def test_any_text_is_changed_and_the_same_brief_gives_the_same_text(brief: Brief) -> None:
    new = edited(brief)
    assert new.strip()
    assert new != brief.old_text
    assert edited(brief) == new


@settings(max_examples=100, deadline=None)
@given(BRIEFS, st.lists(st.tuples(LEVELS, LEVELS), min_size=6, max_size=12))
def test_again_and_again_never_stands_still_and_never_grows_without_bound(
    brief: Brief, moves: list[tuple[int, int]]
) -> None:
    # One closing line, and each of the few breathing phrases once, is all that may ever be added.
    room = 250
    start = len(edited(brief))
    text = brief.old_text
    for old, new in moves:
        following = edited(replace(brief, old_text=text, previous_level=old, new_level=new))
        assert following != text
        text = following
        assert len(text) <= 1.6 * start + room


@settings(max_examples=300, deadline=None)
@given(BRIEFS)
@example(replace(FIXTURES[0], kind="script", old_text="A\n@a"))
@example(replace(FIXTURES[0], kind="script", old_text="A\nA"))
def test_any_script_keeps_all_but_its_action(brief: Brief) -> None:
    old = brief.old_text.replace("\r\n", "\n")
    if not old.strip():
        return
    new = edited(replace(brief, kind="script", old_text=old))
    # A comment or note left open swallows or frees whatever stands behind it.
    if {"unclosed-note", "unclosed-boneyard"} & errors(old):
        assert new != old
        return
    # What its last lines are, a name that nobody speaks under or a word or two, depends on what
    # comes after: in one of both readings all is kept.
    assert any(
        kept(read(new)) == kept(read(old)) and errors(read(new)) <= errors(read(old))
        for read in (str, ended)
    )
    assert "empty-document" not in errors(new)


def ended(script: str) -> str:
    """A script with a line of action behind it."""
    return f"{script.rstrip()}\n\nHe waits.\n"


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_taking_a_text_apart_loses_nothing(text: str) -> None:
    assert "".join(paragraphs(text)) == text
    assert join(sentences(text)) == text


@pytest.mark.parametrize("levels", [(1, 5), (2, 3), (5, 1), (4, 3), (3, 3), (1, 1)], ids=str)
@pytest.mark.parametrize(
    "brief", FIXTURES, ids=lambda b: f"{b.language}-{b.kind}-{len(b.old_text)}"
)
def test_a_text_of_each_kind_keeps_its_shape(brief: Brief, levels: tuple[int, int]) -> None:
    for seed in "abcdef":
        check(at(brief, *levels, seed))


@over_samples
@pytest.mark.parametrize("levels", [(1, 5), (3, 4), (5, 1), (4, 3), (2, 2)], ids=str)
def test_a_sample_text_keeps_its_shape(path: Path, levels: tuple[int, int]) -> None:
    for brief in sample_briefs(path):
        check(at(brief, *levels))


def _moves(name: str) -> Callable[[int], tuple[int, int]]:
    dice = random.Random(name)
    table: dict[str, Callable[[int], tuple[int, int]]] = {
        "rising": lambda turn: (1, 5),
        "falling": lambda turn: (5, 1),
        "to and fro": lambda turn: (1, 5) if turn % 2 else (5, 1),
        "still": lambda turn: (3, 3),
        "any": lambda turn: (dice.randint(1, 5), dice.randint(1, 5)),
    }
    return table[name]


@pytest.mark.parametrize("way", ["rising", "falling", "to and fro", "still", "any"])
@over_samples
def test_thirty_edits_in_a_row_stay_the_size_of_the_text(path: Path, way: str) -> None:
    every = 4 if way != "any" else 7
    for brief in sample_briefs(path)[::every]:
        move = _moves(way)
        text = brief.old_text
        for turn in range(30):
            old, new = move(turn)
            text = check(replace(at(brief, old, new, f"run-{turn}"), old_text=text))
            assert 0.5 * len(brief.old_text) <= len(text) <= 1.6 * len(brief.old_text)


@pytest.mark.parametrize(
    "brief", FIXTURES, ids=lambda b: f"{b.language}-{b.kind}-{len(b.old_text)}"
)
def test_thirty_edits_of_a_fixture_stay_in_size(brief: Brief) -> None:
    for way in ("rising", "falling", "to and fro", "any"):
        move, text = _moves(way), brief.old_text
        for turn in range(30):
            old, new = move(turn)
            text = check(replace(at(brief, old, new, f"run-{turn}"), old_text=text))
            # A key action of a few words may double: its closing sentence is as long as itself.
            most = 2.2 if brief.kind == "keyAction" else 1.6
            assert 0.5 * len(brief.old_text) <= len(text) <= most * len(brief.old_text)


def invented(brief: Brief, new: str) -> set[str]:
    """The words with a capital, not at the start of a sentence, that the brief does not have."""
    source = " ".join((brief.old_text, *brief.sources.values(), brief.synopsis))
    known = set(re.findall(r"\w+", source))
    inner = re.findall(r"(?<=[\w,;] )([A-Z]\w+)", new)
    return set(inner) - known


@over_samples
def test_no_name_is_invented(path: Path) -> None:
    for brief in sample_briefs(path):
        for levels in ((1, 5), (5, 1)):
            assert invented(brief, edited(at(brief, *levels))) == set()


@over_samples
def test_no_sentence_breaks_off(path: Path) -> None:
    loose = re.compile(
        r"\b(?:and|but|or|then|the|a|an|of|with|dan|lalu|tetapi|atau|yang|untuk|dengan)[.;]|"
        r"[,;.] ?[,;]|[.] [a-z]|  |, [.]"
    )
    for brief in sample_briefs(path):
        for levels in ((1, 5), (5, 1), (2, 3), (4, 3)):
            new = edited(at(brief, *levels))
            assert len(loose.findall(new)) <= len(loose.findall(brief.old_text))


def test_no_name_is_invented_in_the_fixtures() -> None:
    for brief in FIXTURES:
        for levels in ((1, 5), (5, 1), (2, 3)):
            assert invented(brief, edited(at(brief, *levels))) == set()


@over_samples
def test_other_seeds_and_other_texts_give_other_edits(path: Path) -> None:
    briefs = sample_briefs(path, "beatContent", "script")
    for brief in briefs[:6]:
        assert len({edited(at(brief, 2, 4, f"run-{run}")) for run in range(8)}) >= 3
    ends = [edited(at(b, 2, 4)).rstrip().splitlines()[-1] for b in sample_briefs(path, "script")]
    assert all(one != two for one, two in pairwise(ends))


@over_samples
@pytest.mark.parametrize("base", [3, 1], ids=["falling", "rising"])
def test_the_further_the_level_moves_the_more_is_edited(path: Path, base: int) -> None:
    def changed(old: int, new: int) -> int:
        total = 0
        for brief in sample_briefs(path, "script", "scenePlot"):
            before = {part.text for line in brief.old_text.split("\n") for part in sentences(line)}
            text = edited(at(brief, old, new))
            after = {part.text for line in text.split("\n") for part in sentences(line)}
            total += len(before - after)
        return total

    one, four = (changed(2, 3), changed(1, 5)) if base == 1 else (changed(4, 3), changed(5, 1))
    assert 0 < 1.4 * one <= four


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


@over_samples
def test_an_edit_is_quick(path: Path) -> None:
    briefs = [at(brief, *levels) for brief in sample_briefs(path) for levels in ((1, 5), (5, 1))]
    edited(briefs[0])
    start = time.process_time()
    for brief in briefs:
        edited(brief)
    assert (time.process_time() - start) / len(briefs) < 0.005


def test_a_huge_text_does_not_hold_up_the_program() -> None:
    huge = replace(BLANK, old_text=(EN_BEAT + "\n\n") * 1000)
    start = time.process_time()
    assert edited(huge) != huge.old_text
    assert time.process_time() - start < 3


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
