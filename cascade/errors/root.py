"""The root of all expected errors, and the one that stands for the unexpected."""

from __future__ import annotations

from typing import Any, ClassVar

from cascade.display import one_line


class CascadeError(Exception):
    """The root of all expected errors."""

    code: ClassVar[str] = "error"

    def __init__(self, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.message = message
        self.fields = fields


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
