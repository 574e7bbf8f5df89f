"""What can go wrong at a model server, as ProviderErrors in plain words.

Nothing that a server said is repeated: it may quote the prompt, or the key.
"""

from __future__ import annotations

from collections.abc import Mapping

from cascade.llm.pauses import pause_wished
from cascade.llm.provider import ProviderError
from cascade.llm.wordings import cause_of, kept_no_form, words_of

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
        "The model server refuses the API key ({status}). Set OPENAI_API_KEY to a valid key, then "
        "resume.",
    ),
    403: (
        "permission",
        "The model server does not let this key use the model ({status}). Check the key's rights, "
        "or use another model (CASCADE_MODEL).",
    ),
    404: (
        "not_found",
        "The model server does not know the model or the address ({status}). Check CASCADE_MODEL "
        "and OPENAI_BASE_URL.",
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


def bad_address(host: str) -> ProviderError:
    """A server that is there, and has no chat completions at the address that is set."""
    return ProviderError(
        "bad_address",
        f"The model server at {host} has no chat completions at this address. OPENAI_BASE_URL is "
        "to be the part before /chat/completions, which mostly ends in /v1.",
        fields={"host": host},
    )


def redirected(host: str) -> ProviderError:
    """A server that sends on to another one, which would get the key and the texts."""
    return ProviderError(
        "redirected",
        f"The model server at {host} sends the request on to another address. That is not "
        "followed, for it would get the key and the texts. Set OPENAI_BASE_URL to where it leads.",
        fields={"host": host},
    )


def bad_proxy(*, retryable: bool = False) -> ProviderError:
    """The proxy of the environment, not the model server."""
    return ProviderError(
        "bad_proxy",
        "The proxy to the model server cannot be used, or refuses the connection. Check "
        "HTTPS_PROXY, HTTP_PROXY and ALL_PROXY, or name the server in NO_PROXY.",
        retryable=retryable,
    )


def bad_key() -> ProviderError:
    """A key that cannot stand in a request at all."""
    return ProviderError(
        "bad_key",
        "OPENAI_API_KEY holds a sign that no key has, a space or a typographic one for example. "
        "Copy the key anew.",
    )


def from_body(body: object) -> ProviderError:
    """The error of an answer whose status said that all was well."""
    fields = body if isinstance(body, Mapping) else {}
    for status in (fields.get("status"), fields.get("code")):
        if str(status)[:4].isdecimal() and 400 <= int(str(status)[:4]) <= 599:
            return from_status(int(str(status)[:4]), body, {})
    words = words_of(body)
    if kept_no_form(words):
        return bad_answer("odd_end")
    cause = cause_of(words, may_wait=pause_wished({}, body) is not None)
    meant = {"auth": 401, "quota": 402, "model": 404, "rate_limit": 429, "loading": 503}
    if cause in meant:
        return from_status(meant[cause], body, {})
    if cause in ("refused", "too_long"):
        return from_status(400, body, {})
    return ProviderError(
        "server_error",
        "The model server reported an error of its own. Try again.",
        fields={"cause": "reported"},
        retryable=True,
    )


def from_status(status: int, body: object, headers: Mapping[str, str]) -> ProviderError:
    """The error of an answer with an HTTP status of 400 or above; `body` as far as it was JSON."""
    wait = pause_wished(headers, body)
    words = words_of(body)
    if kept_no_form(words):
        return bad_answer("odd_end")
    cause = cause_of(words, may_wait=wait is not None and status in (429, 503))
    if status == 402 or cause == "quota":
        return ProviderError(
            "quota",
            "The model account has no quota left. Add credit with the model's provider, or set "
            "another OPENAI_API_KEY, then resume.",
        )
    if status == 401 or cause == "auth":
        return _for_good(401, status)
    if cause == "refused":
        return refused()
    if status == 413 or cause == "too_long":
        return ProviderError(
            "too_long",
            "The texts of this beat are too long for the model. Use one with a larger context "
            "(CASCADE_MODEL), or shorten them.",
        )
    if cause == "loading" and (status >= 500 or status in (408, 409, 425, 429)):
        return ProviderError(
            "server_error",
            "The model server is still loading the model. Try again in a while.",
            fields={"cause": "loading"},
            retryable=True,
            retry_after=wait,
            passes=True,
        )
    if status == 429 or cause == "rate_limit":
        return ProviderError(
            "rate_limit",
            f"The model server is asked too often ({status}). Leave it a while; "
            "CASCADE_REQUESTS_PER_MINUTE can keep below its limit.",
            fields={"status": status},
            retryable=True,
            retry_after=wait,
            passes=True,
        )
    if status == 404 or (cause == "model" and status < 500):
        return _for_good(404, status)
    if status == 403:
        return _for_good(403, status)
    if status in (408, 409, 425) or status >= 500:
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


def _for_good(kind: int, status: int) -> ProviderError:
    code, message = _FOR_GOOD[kind]
    return ProviderError(code, message.format(status=status), fields={"status": status})
