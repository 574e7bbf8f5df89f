"""What each line of a script is: the one place that tells a heading from a cue from a transition.

The format is Fountain (fountain.io, syntax 1.1), read as people write it: a heading may be bold,
numbered or stand right on the action under it, a name may have any alphabet's capitals, and a
script may open with a transition or a card. Every line is read once, and a rule looks at a line
only up to a length, so that no text takes longer than its length says.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ElementKind = Literal[
    "title_page",
    "heading",
    "action",
    "cue",
    "parenthetical",
    "speech",
    "lyric",
    "transition",
    "centred",
    "card",
    "section",
    "synopsis",
    "page_break",
    "note",
    "boneyard",
]
# Between a script's headings, and of none of the people in it.
ASIDES = frozenset({"title_page", "section", "synopsis", "page_break", "note", "boneyard"})
# What may stand before the first heading.
OPENINGS = frozenset({"transition", "centred", "card"})
# Words that open a title page where they stand before a colon. Nothing else does, so that
# "SUPER: TEN YEARS LATER" is a card.
TITLE_KEYS = frozenset(
    {
        "title",
        "credit",
        "author",
        "authors",
        "source",
        "notes",
        "draft date",
        "date",
        "contact",
        "copyright",
        "revision",
        "revised",
        "version",
        "format",
        "created",
        "writers",
        "written by",
        "producer",
        "director",
        # As Indonesian writers have them.
        "judul",
        "penulis",
        "tanggal",
        "kontak",
        "hak cipta",
    }
)

# Longer lines are none of these, whatever they look like.
_LONGEST_HEADING = 250
_LONGEST_CUE = 120
_LONGEST_TRANSITION = 80

_HEADING = re.compile(
    r"(?P<number>#?\d{1,4}[A-Z]{0,2}[.)#]?\s{1,20})?"
    r"(?P<place>(?P<prefix>(?:INT|EXT)\.?\s?/\s?(?:INT|EXT)|I/E|E/I|INT(?:ERIOR)?|EXT(?:ERIOR)?|EST)"
    r"(?:\s{0,20}[.:]|\s).*)",
    re.IGNORECASE,
)
_TRAILING_NUMBER = re.compile(r"\s{1,20}(?:#[\w.-]{1,12}#|\d{1,4}[A-Z]{0,2})\Z")
_EXTENSION = re.compile(r"\s*\([^()]*\)")
# Forced action or heading, a transition, a section, a note: capitals in these name nobody.
_NO_CUE = ("!", ">", "#", "=", "[[", "/*", "~", ".")
# In capitals, before a colon: these say how the picture changes. English, then Indonesian.
_CHANGE_WORDS = """fade cut dissolve wipe smash match jump iris intercut black white over
    potong memudar larut gelap hitam putih pudar"""
_CHANGES = frozenset(_CHANGE_WORDS.split())
# These do so without a colon too.
_CHANGES_FIRST = _CHANGES & {"fade", "cut", "smash", "dissolve", "memudar", "pudar", "potong"}
_LABEL = re.compile(
    r"(?:[A-Z][A-Z0-9 .'’/-]{1,40}|(?i:super(?:imposed?)?|title(?: card| over)?|card|chyron|"
    r"caption|teks|judul layar|keterangan)):(?:\s|\Z)"
)
_OPEN = re.compile(r"\[\[|/\*")


@dataclass(frozen=True, slots=True)
class Element:
    """One line of a script and what it is; a note, a comment and a title page have their lines.

    `text` is as written, without the sign that forces it. `name` is the speaker of a cue, and of a
    card that looks like one ("MAYA" with no words under it). `closed` is False for a note or a
    comment that never ends, `dual` True for a cue that speaks at the same time as the one before,
    `joined` for a line of action right under another line.
    """

    kind: ElementKind
    text: str
    name: str = ""
    number: str = ""
    forced: bool = False
    closed: bool = True
    dual: bool = False
    joined: bool = False


def heading(line: str) -> str:
    """The place in a scene heading, without numbers and marks; "" for a line that is none."""
    if len(line) > _LONGEST_HEADING:
        return ""
    line = line.strip()
    if _is_forced_heading(line):
        return _TRAILING_NUMBER.sub("", line[1:]).strip()
    found = _HEADING.match(line.strip("*_ \t"))
    if found is None:
        return ""
    # "Interior design is a career." is a sentence.
    if found["prefix"].lower().endswith("erior") and not found["prefix"].isupper():
        return ""
    place = found["place"]
    trailing = _TRAILING_NUMBER.search(place)
    # "INT. ROOM 12" has a number of its own; "4 INT. ROOM 4" has its scene's, twice.
    if trailing and ("#" in trailing[0] or _is_number(found["number"], trailing[0])):
        place = place[: trailing.start()]
    return place.strip("*_ \t")


def is_heading(line: str) -> bool:
    """Whether a line by itself is a scene heading."""
    return bool(heading(line))


def cue_name(line: str) -> str:
    """The speaker in a cue, in capitals: without (V.O.), (CONT'D), "@" and "^"; "" for no cue."""
    if len(line) > _LONGEST_CUE:
        return ""
    line = line.strip()
    forced = line.startswith("@")
    name = _EXTENSION.sub("", line.removeprefix("@").rstrip("^ ")).strip("*_ \t")
    if forced:
        return name.upper() if any(map(str.isalpha, name)) else ""
    # Letters that are never small (她) make no capitals.
    if not name.isupper() or line.startswith(_NO_CUE):
        return ""
    if is_heading(line) or is_transition(line):
        return ""
    # "SILENCE." and "CUT TO:" are action and transition; a name may hold stops, not end in one.
    return "" if name[-1] in ".!?…:—–-" else name


def cues(script: str) -> Iterator[str]:
    """The name of each speech in a script, in capitals."""
    return (element.name for element in read(script) if element.kind == "cue")


def is_transition(line: str) -> bool:
    """Whether a line by itself says how the picture changes: "CUT TO:", "> FADE OUT."."""
    if len(line) > _LONGEST_TRANSITION:
        return False
    line = line.strip()
    if line.startswith(">"):
        return not line.endswith("<")
    line = line.strip("*_ \t")
    said = line.lower().rstrip(".:").split()
    if not said or not line.isupper():
        return False
    if line.endswith(":"):
        return said[-1] in {"to", "ke"} or not _CHANGES.isdisjoint(said)
    return said[0] in _CHANGES_FIRST and 1 < len(said) < 5


def is_card(line: str) -> bool:
    """Whether a line by itself is shown in letters: "SUPER: TEN YEARS LATER"."""
    return _LABEL.match(line.strip("*_ \t")) is not None


def title_fields(text: str) -> dict[str, str]:
    """The fields of a title page (an element's text), by their keys in lower case."""
    fields: dict[str, list[str]] = {}
    key = ""
    for line in text.split("\n"):
        name, colon, value = line.partition(":")
        if colon and not line[:1].isspace():
            key = name.strip().lower()
            fields[key] = [value.strip()] if value.strip() else []
        else:
            fields.setdefault(key, []).append(line.strip())
    return {key: "\n".join(lines) for key, lines in fields.items()}


def bracketed(line: str) -> tuple[list[tuple[int, int]], int]:
    """Where notes and comments stand in a line, and where one opens that does not end in it.

    The second is -1 where none does.
    """
    found: list[tuple[int, int]] = []
    at = 0
    while opened := _OPEN.search(line, at):
        end = line.find("]]" if opened[0] == "[[" else "*/", opened.end())
        if end < 0:
            return found, opened.start()
        at = end + 2
        found.append((opened.start(), at))
    return found, -1


def _opening_notes(line: str) -> tuple[str, str]:
    """The notes and comments that a line opens with, and what stands behind them."""
    at = 0
    for start, end in bracketed(line)[0] if line.startswith(("[[", "/*")) else ():
        if line[at:start].strip():
            break
        at = end
    return line[:at], line[at:].lstrip()


def read(script: str) -> Iterator[Element]:
    """The elements of a script in order. Raises nothing: what is nothing else is action."""
    return _Reader(script).elements()


class _Reader:
    """Reads one script: a walk over its lines, with what the walk has to know of those before."""

    def __init__(self, script: str) -> None:
        self._lines = script.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._at = 0
        # Whether the line stands by itself so far: after an empty line, or under a heading.
        self._apart = True
        self._in_speech = False

    def elements(self) -> Iterator[Element]:
        lines = self._lines
        yield from self._title_page()
        ends = {"[[": _ends(lines, "]]", broken=True), "/*": _ends(lines, "*/", broken=False)}
        while self._at < len(lines):
            raw = lines[self._at]
            line = raw.strip()
            if not line:
                # An empty line ends a speech; one with spaces on it keeps it open.
                if raw and self._in_speech:
                    yield Element("speech", "")
                else:
                    self._in_speech, self._apart = False, True
                self._at += 1
                continue
            inline, opened = bracketed(line) if "[[" in line or "/*" in line else ([], -1)
            if opened < 0:
                yield self._element(raw, line, _without(line, inline))
                self._at += 1
                continue
            if before := line[:opened].strip():
                yield self._element(before, before, _without(before, inline))
            yield self._over_lines(line[opened:], ends[line[opened : opened + 2]][self._at])

    def _over_lines(self, first: str, end: int) -> Element:
        """A note or a comment over several lines; goes on behind it."""
        lines, at = self._lines, self._at
        kind: ElementKind = "note" if first.startswith("[[") else "boneyard"
        if end < 0:
            # A note that never ends is its line, a comment all the rest.
            self._at = at + 1 if kind == "note" else len(lines)
            return Element(kind, "\n".join([first, *lines[at + 1 : self._at]]), closed=False)
        cut = lines[end].find("]]" if kind == "note" else "*/") + 2
        text = "\n".join([first, *lines[at + 1 : end], lines[end][:cut]])
        lines[end] = lines[end][cut:].lstrip()
        self._at = end if lines[end] else end + 1
        return Element(kind, text)

    def _title_page(self) -> Iterator[Element]:
        lines = self._lines
        start = next((place for place, line in enumerate(lines) if line.strip()), len(lines))
        if start == len(lines) or not _opens_title_page(lines, start):
            return
        end = start + 1
        while end < len(lines) and lines[end].strip():
            line = lines[end]
            if not line[:1].isspace() and (":" not in line or is_heading(line)):
                break
            end += 1
        self._at = end
        yield Element("title_page", "\n".join(lines[start:end]))

    def _element(self, raw: str, line: str, plain: str) -> Element:
        """One line as an element; `plain` is the line without the notes and comments in it."""
        if not plain:
            # Not there for who prints it: what stands around it goes on.
            return Element("note" if line.startswith("[[") else "boneyard", line)
        element = self._forced(line, plain) or self._natural(raw, line, plain)
        spoken = element.kind in {"cue", "parenthetical", "speech"}
        self._in_speech = spoken or (self._in_speech and element.kind == "lyric")
        # What stands by itself anyway leaves the next line apart.
        self._apart = element.kind in ASIDES | OPENINGS | {"heading"}
        return element

    def _forced(self, line: str, plain: str) -> Element | None:
        # The mark stands behind the notes that a line opens with; those stay before its words.
        notes, marked = _opening_notes(line)
        rest = f"{notes} {marked[1:].strip()}".strip()
        match plain[0]:
            case "!":
                return Element("action", f"{notes}{marked[1:].rstrip()}", forced=True)
            case "~":
                return Element("lyric", rest)
            case "#":
                return Element("section", f"{notes} {marked.lstrip('#').strip()}".strip())
            case "=" if len(plain) > 2 and not plain.strip("="):
                return Element("page_break", line)
            case "=" if not plain.startswith("=="):
                return Element("synopsis", rest)
            case ">" if plain.endswith("<"):
                return Element("centred", rest.removesuffix("<").strip())
            case ">":
                return Element("transition", rest, forced=True)
            case "." if _is_forced_heading(plain):
                return _numbered(rest, forced=True)
            case "@" if name := cue_name(plain):
                return _cue(line, name, forced=True)
        return None

    def _natural(self, raw: str, line: str, plain: str) -> Element:
        # In capitals it is one wherever it stands; "Int the dark" needs its empty lines.
        stands = plain.isupper() or (self._apart and not self._under())
        if stands and not self._in_speech and is_heading(plain):
            return _numbered(line)
        if self._apart:
            if is_transition(plain):
                return Element("transition", line)
            if name := cue_name(plain):
                return _cue(line, name) if self._speaks() else Element("card", line, name=name)
            if not self._in_speech and is_card(plain):
                return Element("card", line)
        if self._in_speech:
            aside = plain.startswith("(") and plain.endswith(")")
            return Element("parenthetical" if aside else "speech", line)
        return Element("action", raw.rstrip(), joined=not self._apart)

    def _speaks(self) -> bool:
        """Whether what stands under this line can be said by somebody."""
        under = self._under()
        if not under or under[0] in "!#=>" or _is_forced_heading(under):
            return False
        return not (under.isupper() and is_heading(under)) and not is_transition(under)

    def _under(self) -> str:
        """The line right under this one; one that is a note only does not count."""
        for place in range(self._at + 1, len(self._lines)):
            line = self._lines[place].strip()
            if not _is_note(line):
                return line
        return ""


def _ends(lines: list[str], mark: str, *, broken: bool) -> list[int]:
    """For each line the first one after it that has the mark; -1 for none, or none in time.

    With `broken` an empty line lies in the way.
    """
    found = [-1] * len(lines)
    following = -1
    for place in range(len(lines) - 1, -1, -1):
        found[place] = following
        if mark in lines[place]:
            following = place
        elif broken and not lines[place]:
            following = -1
    return found


def _without(line: str, inline: list[tuple[int, int]]) -> str:
    """A line without its notes and comments."""
    if not inline:
        return line
    starts = [0, *(end for _, end in inline)]
    ends = [*(start for start, _ in inline), len(line)]
    kept = [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
    return " ".join(part for part in kept if part)


def _is_note(line: str) -> bool:
    for opening, closing in (("[[", "]]"), ("/*", "*/")):
        if line.startswith(opening) and line.endswith(closing):
            return line.find(closing, 2) == len(line) - 2
    return False


def _opens_title_page(lines: list[str], place: int) -> bool:
    key, colon, value = lines[place].partition(":")
    if not colon or key.strip().lower() not in TITLE_KEYS:
        return False
    following = lines[place + 1] if place + 1 < len(lines) else ""
    return bool(value.strip()) or (following[:1].isspace() and bool(following.strip()))


def _is_forced_heading(line: str) -> bool:
    return line[:1] == "." and line[1:2].isalnum()


def _numbered(line: str, *, forced: bool = False) -> Element:
    found = _TRAILING_NUMBER.search(line, max(0, len(line) - 40))
    if found is None or "#" not in found[0]:
        return Element("heading", line, forced=forced)
    return Element("heading", line[: found.start()], number=found[0].strip(" #"), forced=forced)


def _cue(line: str, name: str, *, forced: bool = False) -> Element:
    text = line.removeprefix("@").rstrip("^ ") if forced else line.rstrip("^ ")
    return Element("cue", text, name=name, forced=forced, dual=line.endswith("^"))


def _is_number(leading: str | None, trailing: str) -> bool:
    return leading is not None and leading.strip(" .)#\t") == trailing.strip()
