"""When a server wishes to be asked again: in headers, in its error's fields, or in its words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cascade.llm.wordings import words_of

# "20s", "1m12.5s", "350ms", "2h", "6m0s", "20 seconds", as OpenAI, Groq and Google write it.
_DURATION = re.compile(
    r"(?:(?P<h>\d{1,6}(?:\.\d{1,9})?)\s?h(?:ours?|rs?)?\s?)?"
    r"(?:(?P<m>\d{1,6}(?:\.\d{1,9})?)\s?m(?:in(?:ute)?s?)?(?![a-z])\s?)?"
    r"(?:(?P<s>\d{1,9}(?:\.\d{1,9})?)\s?s(?:ec(?:ond)?s?)?(?![a-z]))?"
    r"(?:(?P<ms>\d{1,9}(?:\.\d{1,9})?)\s?(?:ms|milliseconds?))?",
    re.IGNORECASE,
)
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_IN_WORDS = re.compile(
    r"(?:try again|retry|wait|come back|again|available)\s(?:\w{1,12}\s){0,2}?(?:in|after|for)\s"
    r"(?:about\s|approximately\s)?(?=\d)",
    re.IGNORECASE,
)
_RESET = re.compile(r"ratelimit.{0,30}-reset|-reset-(?:requests|tokens)|^x-ratelimit-reset")
_FIELDS = {
    "retry_after": 1.0, "retryafter": 1.0, "retry_after_seconds": 1.0, "retry_after_ms": 0.001,
    "retry_after_millis": 0.001, "retrydelay": 1.0, "estimated_time": 1.0, "retry-after": 1.0,
}  # fmt: skip
_DEEPEST = 10
# What is larger is no number of seconds but a point in time.
_A_YEAR_S = 31_536_000.0
_MILLISECONDS_SINCE_1970 = 100_000_000_000.0


def pause_wished(headers: Mapping[str, str], body: object = None) -> float | None:
    """The server's wish in seconds, from wherever it says it; None if it has none.

    `Retry-After` comes first, then the error's own fields (`RetryInfo`, `retry_after`, a gateway's
    copy of headers), its words ("try again in 20s"), and last when a limit that is used up is
    renewed. Not bounded above: how long to honour it is for whoever waits.
    """
    for wish in (_retry_after(headers), _in_fields(body, 0), _in_words(words_of(body))):
        if wish is not None:
            return wish
    return _renewed(headers)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(header, ""))
        if seconds is not None:
            return max(seconds * unit, 0.0)
    return _date(headers.get("retry-after", ""))


def _in_fields(said: object, depth: int) -> float | None:
    if depth > _DEEPEST:
        return None
    if isinstance(said, Mapping):
        lower = {str(name).lower(): value for name, value in list(said.items())[:50]}
        for name, unit in _FIELDS.items():
            if (seconds := _duration(lower.get(name))) is not None:
                return seconds * unit
        copied = lower.get("headers")
        if isinstance(copied, Mapping):  # a gateway's, of the server behind it
            named = {str(name).lower(): str(value) for name, value in copied.items()}
            wish = _retry_after(named)
            return _renewed(named) if wish is None else wish
        values = list(lower.values())
    elif isinstance(said, list):
        values = said[:20]
    else:
        return None
    return next((w for one in values if (w := _in_fields(one, depth + 1)) is not None), None)


def _in_words(words: str) -> float | None:
    match = _IN_WORDS.search(words)
    return _duration(words[match.end() : match.end() + 60]) if match else None


def _renewed(headers: Mapping[str, str]) -> float | None:
    """When a limit is renewed: one of which nothing remains, else the tokens', else the soonest."""
    resets = dict(_resets(headers))
    if not resets:
        return None
    used_up = [
        seconds
        for name, seconds in resets.items()
        if _number(headers.get(name.replace("reset", "remaining"), "")) == 0
    ]
    if used_up:
        return max(used_up)
    tokens = [seconds for name, seconds in resets.items() if "token" in name]
    return min(tokens or resets.values())


def _resets(headers: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    for name, value in headers.items():
        name = name.lower()
        if not _RESET.search(name):
            continue
        seconds = _duration(value)
        if seconds is None:
            seconds = _iso_date(value)
        if seconds is not None:
            yield name, seconds


def _duration(value: object) -> float | None:
    """Seconds from a number, a point in time as a number, or words like "1m12.5s"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    text = str(value)[:60].strip()
    seconds = _number(text)
    if seconds is None:
        match = _DURATION.match(text)
        if match is None or not match.group():
            # "in 20 more", with no unit that is known
            return None
        return sum(float(n) * _UNITS[unit] for unit, n in match.groupdict().items() if n)
    if seconds > _A_YEAR_S:
        at = seconds / 1000 if seconds > _MILLISECONDS_SINCE_1970 else seconds
        seconds = at - datetime.now(UTC).timestamp()
    return max(seconds, 0.0)


def _number(text: str) -> float | None:
    try:
        number = float(text.strip())
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(text: str) -> float | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000": of unknown zone, which HTTP takes as UTC
        date = date.replace(tzinfo=UTC)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0)


def _iso_date(text: str) -> float | None:
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0)
