"""Text taken apart and put together without loss: paragraphs, lines, sentences, quoted speech.

Everything here keeps the invariant that the parts, joined, are the text they came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass


def word_set(text: str) -> frozenset[str]:
    """The words of a string, for tables."""
    return frozenset(text.split())


# A run of blank lines between paragraphs; whitespace on the blank lines belongs to the gap.
_GAP = re.compile(r"((?:\r?\n[ \t]*){2,})")
# Each sign is looked at once: a run of stops is entered at its first, and nothing is given back.
_TERMINAL = re.compile(r"(?<![.!?…])[.!?…]++[\"”’'»)\]]*+\s++(?=[\"“‘«(\[]?[^\W_])")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_QUOTES = frozenset('"“”«»')
# What is longer is no sentence to edit, and rules would look at it for long.
_LONGEST = 1_000

# A full stop after these ends no sentence. Single letters (initials) are told by their shape.
_ABBREVIATIONS = word_set(
    "mr mrs ms dr st prof jr sr vs etc no col gen lt sgt capt rev hon messrs "
    "jl bpk ibu tn ny hlm dll dsb dst tgl sdr drs ir h hj k.h a.n s.d"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence and the whitespace after it.

    `editable` is False in or beside quoted speech, and for what is too long to be a sentence.
    """

    text: str
    gap: str = ""
    editable: bool = True

    @property
    def words(self) -> int:
        """How many words it has, by whitespace."""
        return len(self.text.split())


def paragraphs(text: str) -> list[str]:
    """Paragraphs and the gaps between them, alternating: even places text, odd places gaps."""
    return _GAP.split(text)


def sentences(text: str) -> list[Sentence]:
    """The sentences of one paragraph or line, lossless; empty for an empty text."""
    parts: list[Sentence] = []
    start = 0
    quoted = False
    for body_end, end in _boundaries(text):
        quoted = _push(parts, text[start:body_end], text[body_end:end], quoted)
        start = end
    if start < len(text):
        stripped = text[start:].rstrip()
        _push(parts, stripped, text[start + len(stripped) :], quoted)
    return parts


def _push(parts: list[Sentence], body: str, gap: str, quoted: bool) -> bool:
    inside = quoted
    touches = quoted
    for char in body:
        if char in _QUOTES:
            touches = True
            inside = char in "“«" if char in "“”«»" else not inside
    parts.append(Sentence(body, gap, not touches and len(body) <= _LONGEST))
    return inside


def _boundaries(text: str) -> Iterator[tuple[int, int]]:
    for match in _TERMINAL.finditer(text):
        following = text[match.end()]
        # "he stopped ... then went on", "approx. five": no capital, no new sentence.
        if following.islower():
            continue
        before = text[max(0, match.start() - 12) : match.start()].split()
        last = before[-1].strip("(\"'“‘").lower() if before else ""
        stop = match.group().rstrip()
        if stop == "." and last and (last in _ABBREVIATIONS or (len(last) == 1 and last.isalpha())):
            continue
        yield match.start() + len(stop), match.end()


def join(parts: list[Sentence]) -> str:
    """The text that the sentences make."""
    return "".join(part.text + part.gap for part in parts)


def words(text: str) -> list[str]:
    """The words of a text in lower case; apostrophes and hyphens inside a word belong to it."""
    return [match.group().lower() for match in _WORD.finditer(text)]


def capitalised(text: str) -> str:
    """The text with its first character in upper case, the rest as it is."""
    return text[:1].upper() + text[1:]


def lowered(text: str) -> str:
    """The text with its first character in lower case, the rest as it is."""
    return text[:1].lower() + text[1:]


def ended(text: str) -> str:
    """The text with a full stop where it broke off after a letter or a digit."""
    return text + "." if text and text[-1].isalnum() else text


def one_line(text: str) -> str:
    """The text with every run of whitespace as one space."""
    return " ".join(text.split())


def opening(text: str, count: int) -> str:
    """The first `count` sentences of a text, on one line; empty for an empty text."""
    parts = sentences(one_line(text))[:count]
    return ended(join(parts).strip())
