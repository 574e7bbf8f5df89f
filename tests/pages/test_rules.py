"""Budgets and rules of projects on the page of credits, by AppTest: who sees and sets what."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date
from streamlit.testing.v1 import AppTest

from cascade.service import Service
from cascade.story.months import month_of
from tests.helpers.statements import statements
from tests.service.people import People, gather, save_next, start, stopped

from .tables import drawn, field, words
from .test_credits import credits_page

BAR = re.compile(r'class="used" style="width: ([\d.]+)%".*?class="held" style="width: ([\d.]+)%"')


@pytest.fixture
def people(service: Service) -> People:
    return gather(service)


def draw(name: str = "producer", language: str = "en") -> AppTest:
    return drawn(credits_page, name, language)


def budget(people: People, credits: int | None, zone: str = "Asia/Jakarta") -> None:
    people.desk("producer").set_project(people.home, {"budget": credits, "time_zone": zone})


def bars(at: AppTest) -> list[tuple[str, str, str]]:
    """Of each budget its mark, and how much of its bar is used and held."""
    parts = re.findall(r'<li class="(\w*)">(.*?)</li>', words(at), re.DOTALL)
    return [(mark, *BAR.search(part).groups()) for mark, part in parts]  # type: ignore[union-attr]


def test_a_budget_is_told_in_numbers_and_by_its_own_clock(people: People) -> None:
    stopped(people)
    save_next(people.service, start(people, {"setup": 5}))
    [seen] = people.desk("producer").projects()
    used, held = seen.spent, seen.held
    assert used > 0
    assert held > 0
    assert bars(draw()) == []
    whole = (used + held) * 2
    budget(people, whole)
    at = draw()
    assert f"{used} used + {held} held of {whole} credits" in words(at)
    assert f"<strong>{used + held} credits left</strong>" in words(at)
    anew = month_of(datetime.now(UTC), "Asia/Jakarta").end.astimezone(ZoneInfo("Asia/Jakarta"))
    day = format_date(anew, "medium", locale="en")
    assert f"Begins anew on {day}, 00:00 (Asia/Jakarta)." in words(at)
    assert bars(at) == [("", f"{used / whole * 100:.2f}", f"{held / whole * 100:.2f}")]
    said = words(draw("producer", "id"))
    assert f"{used} terpakai + {held} ditahan dari {whole} credits" in said
    assert f"Tersisa {used + held} credits" in said
    assert "Mulai lagi pada" in said


def test_it_is_marked_where_it_runs_short_and_where_nothing_is_left(people: People) -> None:
    run_id = start(people)
    price = people.desk("producer").projects()[0].held
    for whole, mark, said in (
        (price * 5 // 4 + 1, "", "credits left"),
        (price * 5 // 4, "short", "80% of it is used or held"),
        (price + 1, "short", "1 credit left"),
        (price, "full", "Nothing is left"),
        (price - 1, "full", "0 credits left"),
        (0, "full", "no run of this project can be started"),
    ):
        budget(people, whole)
        at = draw()
        [(found, used, held)] = bars(at)
        assert found == mark, whole
        assert said in words(at)
        assert float(used) + float(held) <= 100
    # Of more than there is the bar shows what there is.
    save_next(people.service, run_id)
    budget(people, 2)
    assert bars(draw()) == [("full", "100.00", "0.00")]


def test_only_who_sees_what_a_project_spends_sees_its_budget(people: People) -> None:
    budget(people, 100)
    for role in ("viewer", "editor", "stranger"):
        assert bars(draw(role)) == [], role
    at = draw("admin")
    assert len(bars(at)) == 1, "the other project has none"
    people.service.operator().set_project("Another project", {"budget": 7})
    at = draw("admin")
    assert len(bars(at)) == 2
    assert len(bars(draw())) == 1
    # Narrowed to a project, the page tells of that alone.
    field(at, "selectbox", "credits-project").select("Another project").run()
    assert "of 7 credits" in words(at)
    assert "of 100 credits" not in words(at)


def test_the_page_reads_what_it_shows_once(people: People) -> None:
    budget(people, 100)
    start(people)
    draw()
    with statements(people.service) as asked:
        draw()
    assert sum(one.startswith("BEGIN") for one in asked) <= 2
    assert len(asked) <= 40, "\n".join(asked)
