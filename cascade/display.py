"""Words of others made fit to be shown: on one line, of a bearable length, and steering nothing.

A title, a name or an argument may hold anything: signs that clear a terminal's screen, that turn
the direction of what follows, half characters that no encoding knows. Plain functions on texts.
"""

from __future__ import annotations

import json
import re
from typing import Any

# The longest word and the longest line of somebody else's that a message repeats.
MOST_OF_A_LINE = 200

# Control characters (but for a line's end and a tab), what changes the direction of the words after
# it, the two separators that some terminals take for a line's end, and halves of characters.
_STEERING = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069"
    "\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_HALVES = re.compile("[\ud800-\udfff]")
_UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_POP_DIRECTION, _POP_ISOLATE = "\u202c", "\u2069"


def harmless(words: str) -> str:
    """Words for a terminal: what would steer it is written out by its code; lines stay lines."""
    return _STEERING.sub(_written_out, words.replace("\r\n", "\n"))


def one_line(words: object, most: int = MOST_OF_A_LINE) -> str:
    """Words on one line, cut after so many characters; what steers is written out."""
    # Cut first: there may be megabytes of it.
    text = str(words)[: 4 * most]
    line = harmless(" ".join(text.split()))
    return line if len(line) <= most and len(text) == len(str(words)) else f"{line[: most - 1]}…"


def readable(words: str) -> str:
    """Words for a page: halves of characters and control characters become a sign in their place.

    What turns the direction of writing is kept, and taken back at the end: it is the author's, but
    ends with the author's words.
    """
    if words.isprintable():
        return words
    shown = _UNREADABLE.sub("\N{REPLACEMENT CHARACTER}", words.replace("\r\n", "\n"))
    return "\n".join(map(_closed, shown.split("\n")))


def to_json(document: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """A JSON document for a terminal or a pipe: what would steer is in JSON's own escapes."""
    text = json.dumps(document, ensure_ascii=ascii_only, indent=indent)
    # All of it can stand in a string only, where an escape says the same.
    return _STEERING.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def is_whole(words: str) -> bool:
    """Whether words hold whole characters only: what was not UTF-8 comes in as halves."""
    return _HALVES.search(words) is None


def is_storable(words: str) -> bool:
    """Whether a database can keep words and be asked for them: whole characters, no zero byte."""
    return "\x00" not in words and is_whole(words)


def _closed(line: str) -> str:
    """A line with every turn of direction that it begins taken back before its end."""
    open_: list[str] = []
    for found in _TURNS.findall(line):
        if found in "\u2066\u2067\u2068":
            open_.append(_POP_ISOLATE)
        elif found == _POP_ISOLATE:
            # Ends the isolate and whatever was begun within it.
            if _POP_ISOLATE in open_:
                del open_[len(open_) - 1 - open_[::-1].index(_POP_ISOLATE) :]
        elif found != _POP_DIRECTION:
            open_.append(_POP_DIRECTION)
        elif open_ and open_[-1] == _POP_DIRECTION:
            open_.pop()
    return line + "".join(reversed(open_))


def _written_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
