"""The least a text must be before it may be saved. One plain reason otherwise."""

from __future__ import annotations

import math
import re

from cascade.llm.flaws import Flaw
from cascade.llm.languages import in_language
from cascade.llm.lengths import length_allowed
from cascade.llm.screenplay import check_script
from cascade.story.brief import Brief
from cascade.story.document import Kind

# Of two texts' words, in order: more than this share in common is the same text.
_SAME = 0.95

_FENCE = re.compile(r"^\s*(```|~~~)", re.MULTILINE)
_HEADING = re.compile(r"^(?:#{1,6} .*|\*\*[^*\n]+\*\*:?\s*)$", re.MULTILINE)
_LIST = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)]) .*\n+\s*(?:[-*•]|\d{1,2}[.)]) ", re.MULTILINE)
_MARKS = re.compile(r"<{3}|>{3}|</?think")
_ESCAPES = re.compile(r'\\[n"]')
# "Sure! Here is the new scene:" and its like, in both languages: a first line about the text.
_PREAMBLE = re.compile(
    r"(?:(?:sure|certainly|of course|tentu(?: saja)?|baik(?:lah)?)\s*[,!.:]\s|"
    r"(?:here(?:'s|’s| is| are)|below is|berikut(?: ini| adalah)?|ini(?:lah)?)\b"
    r"[^\n]{0,120}:\s*\n)",
    re.IGNORECASE,
)
_NOT_ABLE = r"can(?:['’]?t|not| not)|won['’]t|(?:am|['’]m) (?:not able|unable)|will not"
_TASKS = r"assist|help|fulfil|comply|continue|provide|write|rewrite|create|generate|do that|produce"
# Only as a text's first words: what somebody says in a story stands after a name or a mark.
_REFUSAL = re.compile(
    rf"(?:(?:i['’]m|i am) (?:so |very |really )?sorry\b|sorry,|i apologi[sz]e|unfortunately,)"
    rf"[^.\n]{{0,60}}?\bi?\s*(?:{_NOT_ABLE})\b"
    rf"|i (?:{_NOT_ABLE})(?: to)? (?:{_TASKS})"
    r"|as an? (?:ai|artificial|language)\b"
    r"|(?:mohon )?maaf,?[^.\n]{0,40}?\b(?:saya|kami|aku) (?:tidak|tak|belum) (?:bisa|dapat|mampu)"
    r"|(?:saya|kami) (?:tidak|tak) (?:bisa|dapat|mampu) "
    r"(?:membantu|memenuhi|menulis|melanjutkan|membuat|memproses|menyediakan|melakukan)"
    r"|sebagai (?:sebuah )?(?:ai|kecerdasan buatan|model bahasa)\b",
    re.IGNORECASE,
)
# The CJK ones so that such a text is told by its language.
_ENDED = re.compile(r"""[.!?…。！？][*_]*["'”’»)\]*_]*$""")
_SCRIPT_ENDED = re.compile(r"(?:[.!?…。！？:—–]|--?|<)[*_]*[\"'”’»)\]*_]*$")
_SENTENCE_END = re.compile(r"""(\S+?)[.!?…]+["'”’»)\]]*(?=\s|$)""")
# English, then Indonesian.
_ABBREVIATIONS = """dr mr mrs ms st jr sr prof no vs col gen lt sgt capt
    jl gg hj ir drs dra sdr bpk kol jend"""
_NOT_AN_END = frozenset(_ABBREVIATIONS.split())


def check(brief: Brief, text: str) -> Flaw | None:
    """Why `text` may not be saved for that brief; None if it may."""
    if not text.strip():
        return Flaw("empty")
    if is_refusal(text):
        return Flaw("refusal")
    for name, pattern in (("fence", _FENCE), ("marks", _MARKS), ("escapes", _ESCAPES)):
        if pattern.search(text) and not pattern.search(brief.old_text):
            return Flaw(name)
    if _PREAMBLE.match(text):
        return Flaw("preamble")
    return (
        _check_form(brief, text)
        or _check_language(brief, text)
        or _check_end(brief, text)
        or _check_length(brief, text)
        or _check_novelty(brief, text)
    )


def is_refusal(text: str) -> bool:
    """True where a text begins as a model does that declines."""
    return _REFUSAL.match(text.lstrip()) is not None


def _check_form(brief: Brief, text: str) -> Flaw | None:
    if brief.kind == "script":
        return check_script(brief, text)
    if _HEADING.search(text) or _LIST.search(text):
        return Flaw("heading")
    if brief.kind == "beatContent" and not 2 <= (count := _paragraphs(text)) <= 3:
        return Flaw("paragraphs", {"count": count})
    if brief.kind == "keyAction" and (count := _sentences(text)) > 2:
        return Flaw("sentences", {"count": count})
    return None


def _check_language(brief: Brief, text: str) -> Flaw | None:
    if in_language(text, brief.language, brief.kind):
        return None
    return Flaw("language", {"language": brief.language})


def _check_end(brief: Brief, text: str) -> Flaw | None:
    """Whether the last sentence is finished; doing without a full stop may be the old habit."""
    if _ended(text, brief.kind):
        return None
    habit = brief.kind == "keyAction" or (brief.kind == "script" and brief.old_text.strip())
    if habit and not _ended(brief.old_text, brief.kind):
        return None
    return Flaw("cut_off")


def _ended(text: str, kind: Kind) -> bool:
    text = text.strip()
    if kind != "script":
        return _ENDED.search(text) is not None
    last = text.splitlines()[-1].strip()
    # "THE END", a shout, a song.
    return _SCRIPT_ENDED.search(last) is not None or last == last.upper() or last[0] == "~"


def _check_length(brief: Brief, text: str) -> Flaw | None:
    low, high = length_allowed(brief)
    count = len(text.split())
    if low <= count <= high:
        return None
    counts = {"count": count, "low": low, "high": high}
    return Flaw("too_short" if count < low else "too_long", counts)


def _check_novelty(brief: Brief, text: str) -> Flaw | None:
    old, new = _folded(brief.old_text), _folded(text)
    if old == new:
        return Flaw("unchanged")
    both = len(old) + len(new)
    most = math.ceil(both * (1 - _SAME)) - 1
    return Flaw("hardly_changed") if _within(old, new, most) else None


def _within(old: list[str], new: list[str], most: int) -> bool:
    """True where at most so many words were taken out or put in (Myers' greedy difference).

    Not difflib: a model that goes round in circles makes that take minutes.
    """
    furthest = {1: 0}  # by diagonal: how far into the old text
    for edits in range(most + 1):
        for diagonal in range(-edits, edits + 1, 2):
            below, above = furthest.get(diagonal - 1, -1), furthest.get(diagonal + 1, -1)
            at = above if below < above else below + 1
            while at < len(old) and at - diagonal < len(new) and old[at] == new[at - diagonal]:
                at += 1
            furthest[diagonal] = at
            if at >= len(old) and at - diagonal >= len(new):
                return True
    return False


def _folded(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


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
