"""Months in time zones: each instant is in exactly one, whatever a zone does to its clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cascade.story.months import month_of, named_month

ZONES = sorted(available_timezones())
MOMENTS = st.datetimes(datetime(2000, 2, 1), datetime(2080, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("zone", "name", "begin", "end"),
    [
        ("UTC", "2026-11", "2026-11-01T00:00+00:00", "2026-12-01T00:00+00:00"),
        ("Asia/Jakarta", "2026-12", "2026-12-01T00:00+07:00", "2027-01-01T00:00+07:00"),
        # Summer time begins and ends within it.
        ("Europe/Berlin", "2026-03", "2026-03-01T00:00+01:00", "2026-04-01T00:00+02:00"),
        ("Europe/Berlin", "2026-10", "2026-10-01T00:00+02:00", "2026-11-01T00:00+01:00"),
        # The clock is put forward at midnight: the month begins at one.
        ("America/Asuncion", "2017-10", "2017-10-01T01:00-03:00", "2017-11-01T00:00-03:00"),
        # It is put back at one: midnight comes twice, and the first counts.
        ("America/Havana", "2015-11", "2015-11-01T00:00-04:00", "2015-12-01T00:00-05:00"),
        # It is put back from one minute past midnight: what comes again is the new month's.
        ("America/St_Johns", "2009-11", "2009-11-01T00:00-02:30", "2009-12-01T00:00-03:30"),
        # A quarter of an hour, and a day that there was not.
        ("Asia/Kathmandu", "2026-02", "2026-02-01T00:00+05:45", "2026-03-01T00:00+05:45"),
        ("Pacific/Apia", "2011-12", "2011-12-01T00:00-10:00", "2012-01-01T00:00+14:00"),
    ],
)
def test_when_a_month_begins_and_ends(zone: str, name: str, begin: str, end: str) -> None:
    month = named_month(name, zone)
    assert month is not None
    assert (month.name, month.begin, month.end) == (name, at(begin), at(end))
    assert month.begin.tzinfo is UTC


@pytest.mark.parametrize(
    "name", ["", "2026", "2026-13", "2026-00", "26-01", "2026-1", "9999-12", "2026-11\n", "x"]
)
def test_what_is_no_month(name: str) -> None:
    assert named_month(name, "UTC") is None


@given(st.sampled_from(ZONES), MOMENTS)
@example("America/Havana", at("2015-11-01T04:30:00+00:00"))
@example("America/Havana", at("2015-11-01T05:30:00+00:00"))
# It is put back from one minute past midnight: the last hour of October comes again.
@example("America/St_Johns", at("2009-11-01T02:30:30+00:00"))
@example("America/St_Johns", at("2009-11-01T02:45:00+00:00"))
@example("America/Asuncion", at("2017-10-01T03:59:59+00:00"))
def test_each_moment_is_in_one_month(zone: str, moment: datetime) -> None:
    month = month_of(moment, zone)
    assert month.begin <= moment < month.end
    assert month_of(month.begin, zone) == month
    assert month_of(month.end, zone).begin == month.end
    assert month_of(month.begin - timedelta(microseconds=1), zone).end == month.begin
    assert named_month(month.name, zone) == month
    first = month.begin.astimezone(ZoneInfo(zone))
    assert (first.year, first.month, first.day) == (*map(int, month.name.split("-")), 1)


def test_whatever_zone_a_moment_is_told_in() -> None:
    east = timezone(timedelta(hours=9))
    assert month_of(datetime(2026, 12, 1, 8, tzinfo=east), "UTC").name == "2026-11"
