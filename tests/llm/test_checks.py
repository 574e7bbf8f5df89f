"""What may be saved and what may not."""

from __future__ import annotations

import pytest

from cascade.llm.checks import check
from cascade.story.brief import Brief
from cascade.story.document import Kind


def brief(kind: Kind, old_text: str = "") -> Brief:
    return Brief(
        kind=kind,
        language="en",
        title="",
        synopsis="",
        genre="",
        tone="",
        structure_type="cat",
        beat_key="midpoint",
        beat_label="Midpoint",
        previous_level=2,
        new_level=4,
        prev_beat_level=3,
        next_beat_level=4,
        prev_beat_content="",
        next_beat_content="",
        direction="",
        old_text=old_text,
        beat_content="",
        key_action="",
        plot="",
        scene_number=None,
        before=None,
        after=None,
        seed="",
    )


GOOD: list[tuple[Kind, str]] = [
    ("beatContent", "One paragraph.\n\nAnother one."),
    ("beatContent", "One paragraph.\n \nAnother one.\n\nA third."),
    ("beatContent", "One paragraph.\nAnother one."),
    ("keyAction", "Mira opens the ledger."),
    ("keyAction", "Mira opens the ledger. Nobody speaks."),
    ("keyAction", "Dr. Sato asks Mr. J. Tan to sign on p. 4 at No. 7, and he does. He leaves."),
    ("keyAction", '"Stop!" she says, and lifts the lid… then drops it.'),
    ("keyAction", "Mira membuka buku di Jl. Merdeka No. 4"),
    ("scenePlot", "Here is the place where it began: a shop. It is shut."),
    ("scenePlot", "Sure of herself, Mira goes in."),
    ("scenePlot", "Baik Mira maupun Tan diam."),
    ("script", "INT. SHOP - NIGHT\n\nRain.\n\nMIRA\n(quietly)\nGo.\n\nShe goes."),
    ("script", "EXT. PASAR - PAGI\n\nSEPI.\n\nMIRA (V.O.)\nAku pulang.\n\n> FADE OUT:"),
    ("script", ".THE SHOP\n\nMIRA\nGo.\n\nTAN ^\nNo.\n\n@McAvoy\nWell."),
]

BAD: list[tuple[Kind, str, str]] = [
    ("scenePlot", " \n ", "empty"),
    ("scenePlot", "```\nMira goes.\n```", "fence"),
    ("script", "```fountain\nINT. SHOP - DAY\n\nRain.\n```", "fence"),
    ("scenePlot", "Here is the new plot:\n\nMira goes.", "remark"),
    ("scenePlot", "Sure! Mira goes.", "remark"),
    ("script", "Certainly, INT. SHOP - DAY", "remark"),
    ("scenePlot", "Berikut plot barunya:\nMira pergi.", "remark"),
    ("scenePlot", "Tentu saja, Mira pergi.", "remark"),
    ("scenePlot", "## Scene 5\nMira goes.", "heading"),
    ("beatContent", "Only one paragraph.", "has 1"),
    ("beatContent", "a\n\nb\n\nc\n\nd", "has 4"),
    ("keyAction", "One goes. Two go. Three go.", "has 3"),
    ("keyAction", "One goes. Two go. Three go", "has 3"),
    ("script", "Mira goes in.", "scene heading"),
    ("script", "Rain.\n\nINT. SHOP - DAY\n\nMore rain.", "scene heading"),
    ("script", "Title: The Shop\n\nINT. SHOP - DAY\n\nRain.", "title page"),
    ("script", "INT. SHOP - DAY\n\nRain.\n\nMIRA\n\nGo away.", "no dialogue"),
    ("script", "INT. SHOP - DAY\n\nRain.\n\nMIRA\n(quietly)\n\nGo away.", "no dialogue"),
    ("script", "INT. SHOP - DAY\n\nRain.\n\n@Mira", "no dialogue"),
    ("script", "INT. SHOP - DAY\n\nRain. /* never closed", "not closed"),
]


@pytest.mark.parametrize(("kind", "text"), GOOD)
def test_a_good_text_may_be_saved(kind: Kind, text: str) -> None:
    assert check(brief(kind), text) is None


@pytest.mark.parametrize(("kind", "text", "reason"), BAD)
def test_a_bad_text_may_not(kind: Kind, text: str, reason: str) -> None:
    said = check(brief(kind), text)
    assert said is not None
    assert reason in said
    assert "Mira" not in said


def test_an_unchanged_text_may_not_be_saved_however_it_is_spaced() -> None:
    old = "Mira opens  the ledger.\n"
    assert check(brief("keyAction", old), "Mira opens the\nledger.") is not None
    assert check(brief("keyAction", old), "Mira shuts the ledger.") is None


@pytest.mark.parametrize(
    ("words", "reason"), [(39, "too short"), (40, None), (250, None), (251, "too long")]
)
def test_the_length_goes_by_the_old_text(words: int, reason: str | None) -> None:
    said = check(brief("scenePlot", "old " * 100), "new " * words)
    assert said is None if reason is None else reason in str(said)


def test_a_short_old_text_says_nothing_about_length() -> None:
    assert check(brief("scenePlot", "old " * 40), "new " * 400) is None


def test_a_writers_own_habit_is_no_fault() -> None:
    old = "INT. SHOP - DAY\n\nBOOM\n\nRain."
    assert check(brief("script", old), "INT. SHOP - DAY\n\nBOOM\n\nMore rain.") is None
    assert check(brief("script"), "INT. SHOP - DAY\n\nBOOM\n\nMore rain.") is not None
