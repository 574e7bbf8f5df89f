"""Months in a time zone: when one begins and ends, by that zone's calendar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

_NAMED = re.compile(r"([2-9]\d{3})-(0[1-9]|1[0-2])")
# The one after it has no name any more.
_LAST = "9999-12"
# No zone changes its clock between two seconds.
_SECOND, _DAY = timedelta(seconds=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Month:
    """A month by its name, `2026-11`, from one instant until just before another, both in UTC."""

    name: str
    begin: datetime
    end: datetime


def month_of(moment: datetime, zone: str) -> Month:
    """The month in which a moment is in a zone."""
    there = moment.astimezone(ZoneInfo(zone))
    month = _month(there.year, there.month, ZoneInfo(zone))
    # Where the clock is put back over midnight, the calendar goes back to a month that is over.
    return month if moment < month.end else month_of(month.end + _DAY, zone)


def named_month(name: str, zone: str) -> Month | None:
    """The month of that name in a zone; None where it is no month's name."""
    found = _NAMED.fullmatch(name)
    if found is None or name == _LAST:
        return None
    return _month(int(found[1]), int(found[2]), ZoneInfo(zone))


def _month(year: int, number: int, zone: tzinfo) -> Month:
    following = (year + number // 12, number % 12 + 1)
    return Month(f"{year}-{number:02}", _begin(year, number, zone), _begin(*following, zone))


def _begin(year: int, number: int, zone: tzinfo) -> datetime:
    """The first instant that a zone's calendar shows as a day of the month."""
    midnight = datetime(year, number, 1, tzinfo=zone)
    early, late = sorted(midnight.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    if _is_in(early, year, number, zone):
        return early
    # Midnight itself is left out there: the month begins where the clock is put forward.
    while late - early > _SECOND:
        middle = early + (late - early) // 2
        middle -= timedelta(microseconds=middle.microsecond)
        if _is_in(middle, year, number, zone):
            late = middle
        else:
            early = middle
    return late


def _is_in(moment: datetime, year: int, number: int, zone: tzinfo) -> bool:
    there = moment.astimezone(zone)
    return (there.year, there.month) == (year, number)
