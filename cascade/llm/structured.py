"""Structured answers: how a text is asked for, and how it is picked out of what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from cascade.story.document import Kind

# A JSON answer has exactly one property, and its name says which kind of text was wanted.
PROPERTY: Mapping[Kind, str] = MappingProxyType(
    {
        "beatContent": "beatContent",
        "keyAction": "keyAction",
        "scenePlot": "plot",
        "script": "script",
    }
)

Form = Literal["json_schema", "json_object", "plain"]
FORMS: tuple[Form, ...] = get_args(Form)  # from the strictest to what every server takes

# Far above the longest scene; a model that babbles on is cut off here.
MOST_CHARACTERS = 200_000

_LINE_END = re.compile(r"\r\n?")
# Postgres refuses NUL, and the rest of these shows as boxes or as nothing.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_SPECIAL = re.compile(r'["\\]')
# No opening of an object and no end of a thought is longer, even with generous white space.
_LONGEST_MARK = 200
_THOUGHT = re.compile(r"\s*<think(?:ing)?>")
_THOUGHT_END = re.compile(r"</think(?:ing)?>")
_SIMPLE_ESCAPES = {
    '"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"
}  # fmt: skip


class AnswerError(ValueError):
    """An answer that is not in the form asked for.

    `flaw` is a name out of `prompts/flaws.*.toml`; `text` is what a person might still make of
    the answer. The message has no word of it.
    """

    def __init__(self, flaw: str, text: str = "") -> None:
        super().__init__(flaw)
        self.flaw = flaw
        self.text = text


def response_format(form: Form, name: str) -> dict[str, Any] | None:
    """The `response_format` of a request for the one property `name`; None for plain text."""
    if form == "plain":
        return None
    if form == "json_object":
        return {"type": "json_object"}
    schema = {
        "type": "object",
        "properties": {name: {"type": "string"}},
        "required": [name],
        "additionalProperties": False,
    }
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "strict": True, "schema": schema},
    }


def clean(text: str) -> str:
    """The text as it is stored: plain line feeds, no control characters, nothing around it."""
    return _CONTROL.sub("", _LINE_END.sub("\n", text)).strip()


def pick(content: str, name: str) -> str:
    """The text under the one property `name` of the first JSON object in a model's answer.

    Thoughts before it and a Markdown fence or a sentence around it are passed over.
    Raises AnswerError for anything else: no object, another property, more than one, no string.
    """
    end = _THOUGHT_END.search(content)
    if end is None and _THOUGHT.match(content):
        raise AnswerError("only_thoughts")
    body = content[end.end() :] if end else content
    pairs = _first_object(body)
    if pairs is None:
        raise AnswerError("no_object", _legible(body))
    # Duplicates count: which of two texts was meant is not ours to guess.
    if [key for key, _ in pairs] != [name]:
        texts = [value for _, value in pairs if isinstance(value, str)]
        raise AnswerError("other_property", _legible(max(texts, key=len, default="")))
    value = pairs[0][1]
    if not isinstance(value, str):
        raise AnswerError("no_text")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise AnswerError("broken_characters", _legible(value)) from None
    return clean(value)


def _legible(text: str) -> str:
    return clean(text.encode("utf-8", "replace").decode())


def _first_object(body: str) -> list[tuple[str, Any]] | None:
    # strict=False: many models write a line break into a string as it is.
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=list)
    for opening in re.finditer(r"\{", body):
        try:
            pairs, _ = decoder.raw_decode(body, opening.start())
        except (ValueError, RecursionError):
            continue
        return list(pairs)
    return None


class Growing:
    """Decodes the text of one string property while its JSON is still coming in.

    The pieces that `feed` gives back, put together, are always a beginning of what `pick` makes
    of the whole answer (an answer that `pick` refuses, or whose thoughts quote the object, aside).
    """

    def __init__(self, name: str) -> None:
        self._opening = re.compile(r'\{\s*"' + re.escape(name) + r'"\s*:\s*"')
        self._buffer = ""
        self._looked = 0
        self._thought_over = False
        self._at: int | None = None  # the next character to decode; None before the string opens
        self._over = False
        self._held = ""  # white space that only counts once something follows it
        self._begun = False

    def feed(self, piece: str) -> str:
        """Takes the next piece of the answer, gives the further piece of the text (or "")."""
        if self._over:
            return ""
        self._buffer += piece
        if self._at is None:
            self._at = self._find_opening()
            if self._at is None:
                return ""
        return self._settle(self._decode())

    def _find_opening(self) -> int | None:
        # Looks at every character about once: thoughts can be long, and come a word at a time.
        if not self._thought_over and _THOUGHT.match(self._buffer):
            end = _THOUGHT_END.search(self._buffer, self._looked)
            if end is None:
                self._looked = max(len(self._buffer) - _LONGEST_MARK, 0)
                return None
            self._looked = end.end()
            self._thought_over = True
        opening = self._opening.search(self._buffer, self._looked)
        if opening is None:
            self._looked = max(len(self._buffer) - _LONGEST_MARK, self._looked)
            return None
        return opening.end()

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
        self._at = at
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
        raw = self._held + new
        end = len(raw)
        while end and (raw[end - 1].isspace() or _CONTROL.match(raw[end - 1])):
            end -= 1
        self._held = raw[end:]
        settled = _CONTROL.sub("", _LINE_END.sub("\n", raw[:end]))
        if not self._begun:
            settled = settled.lstrip()
            self._begun = bool(settled)
        return settled
