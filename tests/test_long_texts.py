"""No text stops the process: twice as long takes at most about twice the work, whatever it says.

A model that goes round in circles, or an imported file, brings a hundred thousand times the same
sign. What does something with every sign of a text gets such texts here, and then an eighth of
them for the comparison: eight times the work is expected, and sixty-four times would be a fault.
An eighth of what a script may be shows whether it is worth measuring the whole.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from cascade.llm import checks, languages, remarks, screenplay
from cascade.llm.pacing import edited
from cascade.story import fountain
from cascade.story.brief import Brief
from cascade.story.kinds import KINDS, Kind
from cascade.story.limits import LIMITS
from cascade.story.story import Language
from cascade.ui.kit.differences import side_by_side
from cascade.ui.kit.prose import first_words, paragraphs
from cascade.ui.kit.screenplay import screenplay as set_out
from tests.helpers.effort import cpu
from tests.helpers.pacing_texts import BLANK

LENGTH = LIMITS["script"]
# What is done sooner than this is quick enough, and too quick to be measured.
QUICK_S = 0.6
# How many times the work of an eighth makes a text worth measuring at full length, and is a fault.
# In a short text the part that grows with the square is the smaller one: it is suspected sooner.
SUSPECT = 10.0
MOST = 16.0

SIGNS = [
    # one sign
    *"aA她 \t\n\"([`—.*_~#=>@/^",
    "\u0301",
    # pairs and more
    "a ", "A ", "a\n", "A\n\n", "A\na\n\n", " \n", "\r\n", "\u0301\u0316",
    "[[", "]]", "[[\n", "[[a]]", "[[a]]\n", "[[a\nb]]", "/*", "/*a*/ ", "/*\n",
    "**a** ", "*a ", "_a ", "a* ", "```\n", "<<<",
    "- a\n", "A. ", "a. ", ". ", "a!\n", "“a” ", "(a)\n", "A (", "(a) ",
    "@a\na\n\n", "~a\n", "> \n", "INT. ", "INT. A\n\n", "A ^\na\n\n", "TO:",
    "slowly ", "He waits. ", "He goes, and ", "Ia pergi. ", "Title: a\n",
]  # fmt: skip


def brief(kind: Kind, old: str, language: Language = "en", level: int = 5) -> Brief:
    return replace(
        BLANK, kind=kind, old_text=old, language=language, previous_level=3, new_level=level
    )


def checking(kind: Kind) -> Callable[[str], object]:
    def work(text: str) -> None:
        # Close to the old text and not the same: all that is looked at is looked at.
        old = brief(kind, f"Rain. {text}")
        checks.check(old, f"{text} Wind.")
        if kind != "script":
            checks._check_form(old, text)
        checks._check_novelty(old, f"{text} Wind.")

    return work


def editing(kind: Kind, language: Language, level: int) -> Callable[[str], object]:
    return lambda text: edited(brief(kind, text, language, level))


def opening(text: str) -> None:
    for begin in ("", "As an AI ", "I'm sorry ", "Here is ", "Sebagai AI ", "Maaf, "):
        for end in ("", ":\nx"):
            remarks.is_refusal(f"{begin}{text}{end}")
            remarks.is_preamble(f"{begin}{text}{end}")


def reading(text: str) -> None:
    list(fountain.read(f"MAYA\n{text}"))
    next(fountain.read(f"Title: {text}"))
    for rule in (fountain.cue_name, fountain.heading, fountain.is_transition, fountain.is_card):
        rule(text)


def comparing(text: str) -> None:
    half = text[: len(text) // 2]
    side_by_side(half, f"{half[::-1]} a", ("a", "b"))
    side_by_side(half, " ".join(half), ("a", "b"))


def showing(text: str) -> None:
    paragraphs(text)
    first_words(text)


WORK: dict[str, Callable[[str], object]] = {
    **{f"check {kind}": checking(kind) for kind in KINDS},
    "refusals and remarks": opening,
    "lines of a script": reading,
    "speakers": lambda text: screenplay.unknown_speakers(brief("script", text), [text, "MAYA"]),
    "language": lambda text: languages.in_language(text, "id", "script"),
    "offline beat, rising": editing("beatContent", "en", 5),
    "offline beat, falling": editing("beatContent", "id", 1),
    "offline key action, rising": editing("keyAction", "id", 5),
    "offline key action, falling": editing("keyAction", "en", 1),
    "offline script, rising": editing("script", "en", 5),
    "offline script, falling": editing("script", "id", 1),
    "difference": comparing,
    "screenplay": lambda text: screenplay_of(text),  # noqa: PLW0108 - it comes below
    "prose": showing,
}


def screenplay_of(text: str) -> None:
    set_out(f"{text}\n", "x")


def is_slow(work: Callable[[str], object], text: str) -> bool:
    """Whether the whole text takes too many times the work of its eighth."""
    wholes, parts = [], []
    for _ in range(4):
        # The least of several is nearest to the work itself: others share the machine.
        wholes.append(cpu(work, text))
        parts.append(cpu(work, text[: len(text) // 8]))
        if min(wholes) <= QUICK_S or min(wholes) <= MOST * min(parts):
            return False
    return True


@pytest.fixture(autouse=True)
def any_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that every check looks at every text, as it does after an old text of that length."""
    monkeypatch.setattr(checks, "length_allowed", lambda _brief: (0, 10_000_000))
    monkeypatch.setattr(checks, "LIMITS", dict.fromkeys(KINDS, 10_000_000))


@pytest.mark.parametrize("name", WORK)
def test_twice_the_text_is_twice_the_work(name: str) -> None:
    work = WORK[name]
    work("Maya waits.")  # what is made once is made
    for sign in SIGNS:
        text = (sign * LENGTH)[:LENGTH]
        part = cpu(work, text[: LENGTH // 8])
        # Work that grows with the square of the text would be a sixty-fourth here.
        if part > QUICK_S / 64 and part > SUSPECT * cpu(work, text[: LENGTH // 64]):
            assert not is_slow(work, text), f"{sign!r} takes {part:.2f} s, an eighth of it"
