"""Picks the text out of a model's whole answer: the last object meant, past thoughts and drafts.

The work is in proportion to the answer's length, whatever stands in it: objects are found by a
scanner of our own, and what it may read in vain is bounded.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from cascade.llm.structured import AnswerError, clean
from cascade.llm.thoughts import end_of_thought, next_mark

# No answer of ours is deeper than one; an object in prose may be, somewhat.
_DEEPEST = 64
# How much may be read in vain, by openings of objects that come to nothing: so many times the text.
_MOST_IN_VAIN = 4
_LONGEST_LABEL = 80

_SPACE = re.compile(r"[ \t\r\n]*+")
# Line breaks may stand in a string as they are: many models write them so.
_TOKEN = re.compile(
    r'[{}\[\],:]|"[^"\\]*+(?:\\.[^"\\]*+)*+"|-?\d[\d.eE+-]{0,400}|true|false|null', re.DOTALL
)
# What a model calls the one that it means, and the ones that it does not, in both languages.
_FINAL = re.compile(r"\b(?:final|revised|corrected|akhir|hasil)", re.IGNORECASE)
_DRAFT = re.compile(
    r"\b(?:draft|draf|attempt|first|earlier|previous|instead of|rather than|not|example|contoh"
    r"|rancangan|percobaan|sebelumnya|bukan)\b",
    re.IGNORECASE,
)
# What a chat template says in between, where it was not taken for what it is.
_TURN = re.compile(r"<\|[a-z_]{1,20}\|>(?:assistant\b)?", re.IGNORECASE)
# Where a server cut a character in two, and wrote that it did.
_BROKEN = "\ufffd"
_UNLIKELY, _PLAIN, _MEANT = range(3)


@dataclass(frozen=True, slots=True)
class _Found:
    """A whole object outside of thoughts: where, its outermost keys, and how surely it is meant."""

    start: int
    end: int
    keys: tuple[str, ...]
    rank: int


def pick(content: str, name: str) -> str:
    """The text under the one property `name` of the last JSON object in a model's answer.

    Thoughts, drafts before it, a Markdown fence or a sentence around it are passed over. Of several
    objects the one in an answer's wrapper, or called final, is meant, else the last.
    Raises AnswerError for anything else: no object, another property, more than one, no string.
    """
    return _Picker(content, name).pick()


class _Picker:
    def __init__(self, content: str, name: str) -> None:
        self._content = content
        self._name = name
        self._opening = re.compile(r'\{\s*+"' + re.escape(name) + r'"\s*+:')
        self._found: list[_Found] = []
        self._broken: int | None = None  # where the last object with our property does not end
        self._rest = 0  # from where on the answer is no thought
        self._since = 0  # where the last mark or object ended
        self._in_vain = _MOST_IN_VAIN * len(content) + 10_000

    def pick(self) -> str:
        thinks = self._scan()
        ours = [one for one in self._found if self._name in one.keys]
        if thinks and (not ours or self._opening.search(self._content, thinks)):
            # What it began to think over again it did not mean.
            raise AnswerError("only_thoughts")
        if not ours:
            return self._refuse()
        chosen = max(ours, key=lambda one: (one.rank, one.end))
        if self._broken is not None and self._broken > chosen.end and chosen.rank != _MEANT:
            raise AnswerError("no_object", _legible(self._content[self._broken :]))
        return self._text_of(self._decoded(chosen))

    def _refuse(self) -> str:
        if not self._found:
            rest = _legible(_TURN.sub("", self._content[self._rest :]))
            raise AnswerError("no_object" if rest or not self._rest else "only_thoughts", rest)
        pairs = self._decoded(self._found[-1])
        texts = [value for _, value in pairs if isinstance(value, str)]
        raise AnswerError("other_property", _legible(max(texts, key=len, default="")))

    def _decoded(self, found: _Found) -> list[tuple[str, Any]]:
        piece = self._content[found.start : found.end]
        try:
            return list(json.loads(piece, strict=False, object_pairs_hook=list))
        except ValueError:  # an escape that is none, a number of thousands of digits
            raise AnswerError("no_object", _legible(piece)) from None

    def _text_of(self, pairs: list[tuple[str, Any]]) -> str:
        # Duplicates count: which of two texts was meant is not ours to guess.
        if [key for key, _ in pairs] != [self._name]:
            texts = [value for _, value in pairs if isinstance(value, str)]
            raise AnswerError("other_property", _legible(max(texts, key=len, default="")))
        value = pairs[0][1]
        if not isinstance(value, str):
            raise AnswerError("no_text")
        legible = _legible(value)
        if _BROKEN in legible or legible != clean(value):
            raise AnswerError("broken_characters", legible)
        return legible

    def _scan(self) -> int | None:
        """Finds the objects; gives where a thought begins that does not end, if one does."""
        content, at, answering = self._content, 0, False
        mark, brace = next_mark(content, 0), content.find("{")
        while mark is not None or brace >= 0:
            if mark is not None and (brace < 0 or mark.start < brace):
                at = mark.end
                if mark.kind == "open":
                    over = end_of_thought(content, at, mark.family)
                    if over is None:
                        return at
                    at = self._rest = over
                elif mark.kind == "close":
                    self._found.clear()
                    self._broken, self._rest, answering = None, at, False
                else:
                    answering = mark.kind == "answer"
                mark, self._since = next_mark(content, at), at
            else:
                at = self._take_object(brace, answering)
                if self._in_vain < 0:
                    self._found.clear()
                    return None
                if mark is not None and mark.start < at:  # a string quotes it
                    mark = next_mark(content, at)
            if brace < at:
                brace = content.find("{", at)
        return None

    def _take_object(self, start: int, answering: bool) -> int:
        """Takes the object that opens there, or nothing; gives from where to look on."""
        end, stopped, keys = _object_at(self._content, start)
        if end is None:
            self._in_vain -= stopped - start + 1
            if self._opening.match(self._content, start):
                self._broken = start
            return start + 1
        self._found.append(_Found(start, end, keys, _MEANT if answering else self._rank(start)))
        self._since = end
        return end

    def _rank(self, start: int) -> int:
        """How surely an object is meant, by what it is called on the line before it."""
        since = max(self._since, start - _LONGEST_LABEL)
        label = self._content[since:start].strip("`*#_ \t\r\n").removesuffix("json")
        line = label.strip("`*#_ \t\r\n").rpartition("\n")[2]
        final, draft = _last(_FINAL, line), _last(_DRAFT, line)
        return _PLAIN if final == draft else _MEANT if final > draft else _UNLIKELY


def _object_at(text: str, start: int) -> tuple[int | None, int, tuple[str, ...]]:
    """The end of the JSON object that opens at `start`, how far was read for it, its outer keys.

    The end is None where no object is whole.
    """
    # By what may come next: a key (or the end), a colon, a value (or the end), a comma or the end.
    at, stack, wanted = start + 1, ["{"], "key or end"
    keys: list[str] = []
    while True:
        at = _space_end(text, at)
        token = _TOKEN.match(text, at)
        if token is None:
            # An unclosed string was looked for to the end of the text.
            return None, len(text) if text[at : at + 1] == '"' else at, ()
        sign, end = text[token.start()], token.end()
        if sign in "}]":
            fits = "{" if sign == "}" else "["
            # Each of the two that may end at once is wanted in one kind of brackets alone.
            if not wanted.endswith("end") or stack[-1] != fits:
                return None, at, ()
            stack.pop()
            if not stack:
                return end, end, tuple(keys)
            wanted = "comma or end"
        elif sign == ",":
            if wanted != "comma or end":
                return None, at, ()
            wanted = "key" if stack[-1] == "{" else "value"
        elif sign == ":":
            if wanted != "colon":
                return None, at, ()
            wanted = "value"
        elif wanted.startswith("key"):
            if sign != '"':
                return None, at, ()
            if len(stack) == 1:
                keys.append(text[at + 1 : end - 1])
            wanted = "colon"
        elif wanted.startswith("value"):
            if sign in "{[":
                if len(stack) == _DEEPEST:
                    return None, end, ()
                stack.append(sign)
                wanted = "key or end" if sign == "{" else "value or end"
            else:
                wanted = "comma or end"
        else:
            return None, at, ()
        at = end


def _last(pattern: re.Pattern[str], line: str) -> int:
    return max((match.start() for match in pattern.finditer(line)), default=-1)


def _space_end(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _legible(text: str) -> str:
    return clean(text.encode("utf-8", "replace").decode())
