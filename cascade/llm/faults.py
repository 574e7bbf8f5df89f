"""What can go wrong at a model server, as ProviderErrors in plain words.

Nothing that a server said is repeated: it may quote the prompt, or the key.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from cascade.llm.provider import ProviderError

# How an answer that is no finished chat completion can be wrong: by cause, going on from a colon.
_BAD_ANSWERS: Mapping[str, str] = {
    "unreadable": "what came from {host} was no chat completion",
    "no_completion": "it was no chat completion",
    "empty": "it was empty",
    "broken_off": "it broke off before its end",
    "odd_end": "it ended in another way than with a finished text",
}
_FOR_GOOD: Mapping[int, tuple[str, str]] = {
    401: (
        "auth",
        "The model server refuses the API key (401). Set OPENAI_API_KEY to a valid key, then "
        "resume.",
    ),
    403: (
        "permission",
        "The model server does not let this key use the model (403). Check the key's rights, or "
        "use another model (CASCADE_MODEL).",
    ),
    404: (
        "not_found",
        "The model server does not know the model or the address (404). Check CASCADE_MODEL and "
        "OPENAI_BASE_URL.",
    ),
}


def bad_answer(cause: str, **fields: str) -> ProviderError:
    """An answer that is no finished chat completion, for a cause out of `_BAD_ANSWERS`."""
    why = _BAD_ANSWERS[cause].format(**fields)
    return ProviderError(
        "bad_answer",
        f"The model server's answer could not be used: {why}. Try again; if it stays so, check "
        "OPENAI_BASE_URL and CASCADE_MODEL.",
        fields={"cause": cause, **fields},
        retryable=True,
    )


def refused() -> ProviderError:
    """The model, or a filter before or behind it, declined."""
    return ProviderError(
        "refused",
        "The model declined to write this text. Change the beat's direction or the texts around "
        "it, or use another model (CASCADE_MODEL).",
    )


def from_body(body: object) -> ProviderError:
    """The error of an answer whose status said that all was well."""
    fields = body if isinstance(body, Mapping) else {}
    for status in (fields.get("status"), fields.get("code")):
        if str(status).isdecimal() and 400 <= int(str(status)) <= 599:
            return from_status(int(str(status)), body, {})
    if "insufficient_quota" in _codes(body):
        return from_status(429, body, {})
    return ProviderError(
        "server_error",
        "The model server reported an error of its own. Try again.",
        fields={"cause": "reported"},
        retryable=True,
    )


def _codes(body: object) -> set[str]:
    if not isinstance(body, Mapping):
        return set()
    # The SDK takes the object under "error" out where there is one; not every server has it so.
    inner = body.get("error")
    return _codes(inner) | {str(body.get(key)) for key in ("code", "type", "status")}


def from_status(status: int, body: object, headers: Mapping[str, str]) -> ProviderError:
    """The error of an answer with an HTTP status of 400 or above; `body` as far as it was JSON."""
    codes = _codes(body)
    if status == 402 or "insufficient_quota" in codes:
        return ProviderError(
            "quota",
            "The model account has no quota left. Add credit with the model's provider, or set "
            "another OPENAI_API_KEY, then resume.",
        )
    if status == 400 and "content_filter" in codes:
        return refused()
    if status == 413 or "context_length_exceeded" in codes:
        return ProviderError(
            "too_long",
            "The texts of this beat are too long for the model. Use one with a larger context "
            "(CASCADE_MODEL), or shorten them.",
        )
    if status in _FOR_GOOD:
        return ProviderError(*_FOR_GOOD[status], fields={"status": status})
    wait = retry_after(headers)
    if status == 429:
        return ProviderError(
            "rate_limit",
            "The model server is asked too often (429). It is tried again after a pause; "
            "CASCADE_REQUESTS_PER_MINUTE can keep below its limit.",
            fields={"status": status},
            retryable=True,
            retry_after=wait,
        )
    if status in (408, 409) or status >= 500:
        return ProviderError(
            "server_error",
            f"The model server is in trouble ({status}). Try again in a while.",
            fields={"cause": "status", "status": status},
            retryable=True,
            retry_after=wait,
        )
    return ProviderError(
        "bad_request",
        f"The model server does not accept the request ({status}). Check that CASCADE_MODEL is a "
        "chat model and that OPENAI_BASE_URL is right.",
        fields={"status": status},
    )


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The server's wish in seconds, from `Retry-After` (seconds or an HTTP date); None if none.

    Not bounded above: how long to honour it is for whoever waits.
    """
    for header, unit in (("retry-after-ms", 1000), ("retry-after", 1)):
        value = headers.get(header, "").strip()
        try:
            seconds = float(value) / unit
        except ValueError:
            continue
        if math.isfinite(seconds):
            return max(seconds, 0.0)
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, TypeError, OverflowError):
        return None
    if date.tzinfo is None:  # "-0000": of unknown zone, which HTTP takes as UTC
        date = date.replace(tzinfo=UTC)
    return max((date - datetime.now(UTC)).total_seconds(), 0.0)
