"""What makes a script one: its form as Fountain, and who speaks in it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from fountain import ElementType, FountainElement, FountainParser

from cascade.llm.flaws import Flaw
from cascade.story.brief import Brief

_SPOKEN = (ElementType.DIALOGUE, ElementType.LYRICS)
_ASIDE = (ElementType.NOTE, ElementType.BONEYARD, ElementType.SECTION, ElementType.SYNOPSIS)

_WORD = re.compile(r"[^\W\d_]+")
_SEVERAL = re.compile(r"\s*(?:/|&|,|\+|\b(?:AND|DAN)\b)\s*")
# They go with any name, so that they make none known. English, then Indonesian.
_ANY_NAMES = """the a an of in on at mr mrs ms miss dr sir old young voice
    si sang di pak bu bapak ibu mas mbak bang kak tuan nyonya nona suara"""
_TITLES = frozenset(_ANY_NAMES.split())
# Who is meant is on the screen already.
_GROUPS = "all both everyone together semua bersama berdua keduanya"
_TOGETHER = frozenset(_GROUPS.split())


def check_script(brief: Brief, text: str) -> Flaw | None:
    """The first flaw in a script's form, or a speaker whom the story does not know."""
    parser = FountainParser()
    document = parser.parse(text)
    if document.metadata:
        return Flaw("title_page")
    elements = [element for element in document.elements if element.type not in _ASIDE]
    if not elements or elements[0].type is not ElementType.SCENE_HEADING:
        return Flaw("no_heading")
    if elements[-1].type is ElementType.SCENE_HEADING:
        return Flaw("only_heading")
    if any(issue.severity == "error" for issue in parser.validate(text)):
        return Flaw("not_closed")
    if any(
        element.type is ElementType.CHARACTER and not _speaks(elements[place + 1 :])
        for place, element in enumerate(elements)
    ) or _orphans(text) - _orphans(brief.old_text):
        return Flaw("no_dialogue")
    cues = [element.text for element in elements if element.type is ElementType.CHARACTER]
    if strangers := unknown_speakers(brief, cues):
        return Flaw("unknown_speaker", names=strangers)
    return None


def unknown_speakers(brief: Brief, cues: Iterable[str]) -> tuple[str, ...]:
    """The speakers of whom the story has never heard: not in its scripts, nor in what is told.

    One word of a name is enough (the officer may speak as OFFICER, Nieves as YOUNG NIEVES), but
    no title: a PAK whom nobody knows is not known by other men's being called so.
    """
    told = [*brief.speakers, brief.title, brief.synopsis, brief.direction, brief.old_text]
    told += [brief.prev_beat_content, brief.next_beat_content, brief.beat_content]
    told += [brief.key_action, brief.plot]
    told += [seam.text for seam in (brief.before, brief.after) if seam is not None]
    known = _TOGETHER.union(*map(_words, told))
    return tuple(
        dict.fromkeys(
            name
            for cue in cues
            for name in _SEVERAL.split(cue.upper())
            if (words := _words(name)) and not (words - _TITLES or words) & known
        )
    )


def _words(text: str) -> set[str]:
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    return set(_WORD.findall(plain.casefold()))


def _speaks(following: list[FountainElement]) -> bool:
    for element in following:
        if element.type is not ElementType.PARENTHETICAL:
            return element.type in _SPOKEN
    return False


def _orphans(text: str) -> set[str]:
    """The lines in capitals that look like a speaker's name and have no words under them.

    One that ends in punctuation is taken for action ("SILENCE."), and what the old script had
    already is the writer's own habit.
    """
    lines = text.splitlines()
    found = {
        lines[issue.line_number - 1].strip()
        for issue in FountainParser().validate(text)
        if issue.code == "orphan-character-cue"
    }
    return {line for line in found if line[-1:] not in set(".!?…:—-–")}
