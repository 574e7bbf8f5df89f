"""A product's JSON map as its text: one value is read or replaced, all else stays byte for byte.

The text is never parsed and printed anew: that would lose digits, spaces, the order of keys and
keys that stand twice. A value is found by its place in the text, and only that place is changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cascade.story.story import Unreadable

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(strict=False)


class UnreadableMap(ValueError):
    """A text that is no JSON object, or one in which a key stands twice; `why` says which."""

    def __init__(self, why: Unreadable) -> None:
        super().__init__(why)
        self.why: Unreadable = why


@dataclass(frozen=True, slots=True)
class _Member:
    """Where a member of the object stands in the text: from its key on, and its value."""

    start: int
    value_start: int
    end: int


@dataclass(frozen=True, slots=True)
class JsonMap:
    """A JSON object as text, and where each of its members stands."""

    text: str
    members: Mapping[str, _Member]

    @classmethod
    def parse(cls, text: str) -> JsonMap:
        """Finds the members of an object. Raises UnreadableMap."""
        try:
            return cls(text, _members(text))
        except (json.JSONDecodeError, IndexError, RecursionError):
            raise UnreadableMap("not_json") from None
        except UnreadableMap:
            raise
        except ValueError:
            # Python reads no whole number of more than 4300 digits.
            raise UnreadableMap("not_json") from None

    def __contains__(self, key: str) -> bool:
        return key in self.members

    def raw(self, key: str) -> str:
        """The text of a member's value, as it stands."""
        member = self.members[key]
        return self.text[member.value_start : member.end]

    def value(self, key: str) -> Any:
        """A member's value."""
        return _DECODER.decode(self.raw(key))

    def with_raw(self, key: str, raw: str) -> str:
        """The object's text with one member's value replaced, or added as the last one."""
        member = self.members.get(key)
        if member is not None:
            return self.text[: member.value_start] + raw + self.text[member.end :]
        added = f"{json.dumps(key, ensure_ascii=False)}: {raw}"
        if not self.members:
            at = self.text.index("{") + 1
            return self.text[:at] + added + self.text[at:]
        at = max(one.end for one in self.members.values())
        return f"{self.text[:at]}, {added}{self.text[at:]}"

    def without(self, key: str) -> str:
        """The object's text without one member and the comma that belongs to it."""
        ordered = sorted(self.members.values(), key=lambda one: one.start)
        at = ordered.index(self.members[key])
        if at + 1 < len(ordered):
            return self.text[: ordered[at].start] + self.text[ordered[at + 1].start :]
        begin = ordered[at - 1].end if at else ordered[at].start
        return self.text[:begin] + self.text[ordered[at].end :]


def _members(text: str) -> dict[str, _Member]:
    at = _after_space(text, 0)
    if text[at] != "{":
        _DECODER.decode(text)
        raise UnreadableMap("not_a_map")
    found: dict[str, _Member] = {}
    at = _after_space(text, at + 1)
    while text[at] != "}":
        start = at
        _expect(text, at, '"')
        key, at = _DECODER.raw_decode(text, at)
        at = _after_space(text, at)
        _expect(text, at, ":")
        value_start = _after_space(text, at + 1)
        _, at = _DECODER.raw_decode(text, value_start)
        if key in found:
            raise UnreadableMap("key_twice")
        found[key] = _Member(start, value_start, at)
        at = _after_space(text, at)
        if text[at] == ",":
            at = _after_space(text, at + 1)
            _expect(text, at, '"')
        else:
            _expect(text, at, "}")
    if _after_space(text, at + 1) != len(text):
        raise UnreadableMap("not_json")
    return found


def _after_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _expect(text: str, at: int, sign: str) -> None:
    if text[at] != sign:
        raise UnreadableMap("not_json")
