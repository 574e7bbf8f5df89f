"""What every error carries, the root of all expected ones, and the one for the unexpected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cascade.display import one_line


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something did not come about, from where that arises to whom it is told.

    `code` and `fields` say it to programs, and are what other languages are made from (`fields` is
    JSON; where one code has several sentences, its `cause` names which). `message` is all of it in
    English: what happened and what to do. None of it carries keys, prompts or a story's text.
    """

    code: str
    message: str
    fields: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


class Explained(Exception):
    """An exception that carries its reason."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.message)
        self.reason = reason

    @property
    def message(self) -> str:
        """The reason in English."""
        return self.reason.message

    @property
    def fields(self) -> Mapping[str, Any]:
        """The reason for programs, beside its code."""
        return self.reason.fields


class CascadeError(Explained):
    """The root of all expected errors."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(Reason(self.code, message, fields))


def said(given: object) -> str:
    """What somebody has given, as a message repeats it: it may hold anything, at any length."""
    return one_line(given, 80)


class Unexpected(CascadeError):
    """What nobody foresaw; the log has the details."""

    code = "unexpected"

    def __init__(self, error: Exception) -> None:
        name = type(error).__name__
        super().__init__(
            f"Something unexpected went wrong in the program ({name}). Try again; if it stays so, "
            "the log has the details.",
            exception=name,
        )
