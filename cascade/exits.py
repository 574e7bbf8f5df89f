"""What a process says by its exit code; the README has the table for those who run it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cascade.errors import CascadeError, Refused, UsageError

DONE, USAGE, CANCELLED, FAILED, REFUSED, WAITING = 0, 2, 3, 4, 5, 6

# By family: the first that an error belongs to.
_OF_FAMILIES: Mapping[type[CascadeError], int] = MappingProxyType(
    {UsageError: USAGE, Refused: REFUSED, CascadeError: FAILED}
)


def exit_code(error: CascadeError) -> int:
    """What a process ends with that an error has stopped."""
    return next(code for family, code in _OF_FAMILIES.items() if isinstance(error, family))
