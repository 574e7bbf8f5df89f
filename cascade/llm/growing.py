"""Decodes a text while its JSON is still coming in, for whoever watches it grow."""

from __future__ import annotations

import re

from cascade.llm.structured import CONTROL, LINE_END
from cascade.llm.thoughts import LONGEST_MARK, Family, end_of_thought, next_mark

_SPECIAL = re.compile(r'["\\]')
_SIMPLE_ESCAPES = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"
}  # fmt: skip


class Growing:
    """Decodes the text of one string property while its JSON is still coming in.

    It shows the first such text outside of thoughts. The pieces that `feed` gives back, put
    together, are a beginning of what `pick` makes of the whole answer, but where `pick` refuses it
    or finds that a later one is meant. The work is in proportion to the answer's length.
    """

    def __init__(self, name: str) -> None:
        self._opening = re.compile(r'\{\s*+"' + re.escape(name) + r'"\s*+:\s*+"')
        self._buffer = ""
        self._looked = 0
        self._thinking: Family | None = None
        self._at: int | None = None  # the next character to decode; None before the string opens
        self._over = False
        self._held: list[str] = []  # white space that only counts once something follows it
        self._begun = False

    def feed(self, piece: str) -> str:
        """Takes the next piece of the answer, gives the further piece of the text (or "")."""
        if self._over:
            return ""
        self._buffer += piece
        if self._at is None:
            self._at = self._find_opening()
            if self._at is None:
                self._forget_looked()
                return ""
        return self._settle(self._decode())

    def _find_opening(self) -> int | None:
        # Looks at every character about once: thoughts can be long, and come a word at a time.
        buffer = self._buffer
        while True:
            if self._thinking is not None:
                over = end_of_thought(buffer, self._looked, self._thinking)
                if over is None:
                    break
                self._looked, self._thinking = over, None
            opening = self._opening.search(buffer, self._looked)
            mark = next_mark(buffer, self._looked)
            if mark is not None and (opening is None or mark.start < opening.start()):
                if mark.family == "channel" and mark.end == len(buffer):
                    self._looked = mark.start  # its name may go on
                    return None
                self._looked = mark.end
                self._thinking = mark.family if mark.kind == "open" else None
            elif opening is not None:
                return opening.end()
            else:
                break
        self._looked = max(len(buffer) - LONGEST_MARK, self._looked)
        return None

    def _forget_looked(self) -> None:
        # One character stays, so that the text's beginning is not taken for the answer's.
        gone = max(self._looked - 1, 0)
        if gone > LONGEST_MARK:
            self._buffer, self._looked = self._buffer[gone:], self._looked - gone

    def _decode(self) -> str:
        assert self._at is not None
        buffer, at, found = self._buffer, self._at, []
        while at < len(buffer):
            special = _SPECIAL.search(buffer, at)
            found.append(buffer[at : special.start() if special else len(buffer)])
            if special is None:
                at = len(buffer)
                break
            at = special.start()
            if buffer[at] == '"':
                self._over = True
                break
            escaped = self._escape(at)
            if escaped is None:  # cut in the middle: wait for the rest
                break
            character, length = escaped
            if not length:  # no JSON: `pick` will say so
                self._over = True
                break
            found.append(character)
            at += length
        self._buffer, self._at = buffer[at:], 0
        return "".join(found)

    def _escape(self, at: int) -> tuple[str, int] | None:
        """The character escaped at `at` and the escape's length (0: none); None if incomplete."""
        code = self._buffer[at + 1 : at + 2]
        if not code:
            return None
        if code != "u":
            return (_SIMPLE_ESCAPES[code], 2) if code in _SIMPLE_ESCAPES else ("", 0)
        unit = self._unit(at)
        if unit is None or not 0xD800 <= unit <= 0xDFFF:
            return None if unit is None else (chr(unit), 6) if unit >= 0 else ("", 0)
        low = self._unit(at + 6)
        if low is None:
            return None
        if unit > 0xDBFF or not 0xDC00 <= low <= 0xDFFF:  # half a character
            return "", 0
        return chr(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00)), 12

    def _unit(self, at: int) -> int | None:
        """The UTF-16 unit escaped at `at`: -1 if there is none, None if it is incomplete."""
        digits = self._buffer[at : at + 6]
        if not r"\u".startswith(digits[:2]):
            return -1
        if len(digits) < 6:
            return None
        return int(digits[2:], 16) if re.fullmatch(r"[0-9a-fA-F]{4}", digits[2:]) else -1

    def _settle(self, new: str) -> str:
        end = len(new)
        while end and (new[end - 1].isspace() or CONTROL.match(new[end - 1])):
            end -= 1
        if not end:
            self._held.append(new)
            return ""
        raw = "".join(self._held) + new[:end]
        self._held = [new[end:]]
        settled = CONTROL.sub("", LINE_END.sub("\n", raw))
        if not self._begun:
            settled = settled.lstrip()
            self._begun = bool(settled)
        return settled
