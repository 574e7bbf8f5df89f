"""The least a text must be before it may be saved. A plain reason otherwise, never a quotation."""

from __future__ import annotations

import re

from fountain import ElementType, FountainElement, FountainParser

from cascade.story.brief import Brief

# Below this many words in the old text, its length says little about the new one's.
_COMPARED_FROM = 40
_SHORTEST, _LONGEST = 0.4, 2.5

_FENCE = re.compile(r"^\s*(```|~~~)", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} ", re.MULTILINE)
# "Sure! Here is the new scene:" and its like, in both languages: a first line about the text.
_PREAMBLE = re.compile(
    r"(?:(?:sure|certainly|of course|tentu(?: saja)?|baik(?:lah)?)\s*[,!.:]\s|"
    r"(?:here(?:'s|’s| is| are)|below is|berikut(?: ini| adalah)?|ini(?:lah)?)\b"
    r"[^\n]{0,120}:\s*\n)",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"""(\S+?)[.!?…]+["'”’»)\]]*(?=\s|$)""")
# English, then Indonesian.
_ABBREVIATIONS = """dr mr mrs ms st jr sr prof no vs col gen lt sgt capt
    jl gg hj ir drs dra sdr bpk kol jend"""
_NOT_AN_END = frozenset(_ABBREVIATIONS.split())


def check(brief: Brief, text: str) -> str | None:
    """Why `text` may not be saved for that brief, as half a sentence; None if it may."""
    if not text.strip():
        return "the text is empty"
    if text.split() == brief.old_text.split():
        return "the text is the old one, unchanged"
    if _FENCE.search(text):
        return "the text contains a Markdown fence"
    if _PREAMBLE.match(text):
        return "the text begins with a remark about itself"
    return _check_form(brief, text) or _check_length(brief, text)


def _check_form(brief: Brief, text: str) -> str | None:
    if brief.kind == "script":
        return _check_script(brief, text)
    if _HEADING.search(text):
        return "the text contains a Markdown heading"
    if brief.kind == "beatContent" and not 2 <= (count := _paragraphs(text)) <= 3:
        return f"a beat's content has two or three paragraphs, and this has {count}"
    if brief.kind == "keyAction" and (count := _sentences(text)) > 2:
        return f"a key action is one or two sentences, and this has {count}"
    return None


def _check_length(brief: Brief, text: str) -> str | None:
    old, new = len(brief.old_text.split()), len(text.split())
    if old <= _COMPARED_FROM:
        return None
    if new < _SHORTEST * old:
        return f"the text is too short: {new} words, where the old one had {old}"
    if new > _LONGEST * old:
        return f"the text is too long: {new} words, where the old one had {old}"
    return None


def _paragraphs(text: str) -> int:
    by_empty_line = [part for part in re.split(r"\n[^\S\n]*\n", text) if part.strip()]
    if len(by_empty_line) > 1:
        return len(by_empty_line)
    # Some models part paragraphs by a single line end.
    return sum(1 for line in text.splitlines() if line.strip())


def _sentences(text: str) -> int:
    ends = [
        match
        for match in _SENTENCE_END.finditer(text)
        if match.end() == len(text) or _ends_a_sentence(match[1], text[match.end() :])
    ]
    unfinished = text[ends[-1].end() :] if ends else text
    return len(ends) + bool(unfinished.strip())


def _ends_a_sentence(word: str, rest: str) -> bool:
    """Tells a full stop from an abbreviation, an initial, and a question inside a sentence."""
    bare = word.strip("\"'“‘(«[").lower()
    if bare in _NOT_AN_END or (len(bare) == 1 and bare.isalpha()):
        return False
    following = rest.lstrip().lstrip("\"'“‘(«[-–—")
    return not following[:1].islower()


def _check_script(brief: Brief, text: str) -> str | None:
    document = FountainParser().parse(text)
    if document.metadata:
        return "the script begins with a title page instead of a scene heading"
    elements = document.elements
    if not elements or elements[0].type is not ElementType.SCENE_HEADING:
        return "the script does not begin with a scene heading"
    if any(issue.severity == "error" for issue in FountainParser().validate(text)):
        return "the script is not valid Fountain: a note or a comment is not closed"
    if any(
        element.type is ElementType.CHARACTER and not _spoken(elements[place + 1 :])
        for place, element in enumerate(elements)
    ) or _orphans(text) - _orphans(brief.old_text):
        return "the script has a speaker's name with no dialogue under it"
    return None


def _spoken(following: list[FountainElement]) -> bool:
    for element in following:
        if element.type is not ElementType.PARENTHETICAL:
            return element.type in (ElementType.DIALOGUE, ElementType.LYRICS)
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
