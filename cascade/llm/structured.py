"""Structured answers: how a text is asked for, and what may be wrong with what comes back."""

from __future__ import annotations

import re
from typing import Any, Literal, get_args

Form = Literal["json_schema", "json_object", "plain"]
FORMS: tuple[Form, ...] = get_args(Form)  # from the strictest to what every server takes

# Far above the longest scene; a model that babbles on is cut off here.
MOST_CHARACTERS = 200_000

LINE_END = re.compile(r"\r\n?")
# Postgres refuses NUL, and the rest of these shows as boxes or as nothing.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


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
    return CONTROL.sub("", LINE_END.sub("\n", text)).strip()
