"""Budgets and rules of projects on the page of credits, by AppTest: who sees and sets what."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from babel.dates import format_date
from streamlit.testing.v1 import AppTest

from cascade.service import AuditFilter, Rules, Service
from cascade.story.months import month_of
from cascade.ui.credits.rules import zones
from tests.helpers.statements import statements
from tests.service.people import People, gather, save_next, start, stopped

from .tables import drawn, field, press, words
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
    found = []
    for mark, part in parts:
        bar = BAR.search(part)
        assert bar, part
        found.append((mark, bar[1], bar[2]))
    return found


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


def rules_of(people: People, name: str = "Sample Project") -> Rules:
    return next(one.rules for one in people.service.operator().projects() if one.name == name)


def rule(at: AppTest, name: str) -> Any:
    """The field of a rule; its key says as well what is set."""
    every = [*at.text_input, *at.selectbox, *at.multiselect]
    return next(one for one in every if (one.key or "").startswith(f"rules-{name}-"))


def fields(at: AppTest) -> tuple[object, ...]:
    """What the fields of the form hold."""
    above, budget, zone, writers = (
        rule(at, name).value for name in ("approve_above", "budget", "time_zone", "writers")
    )
    return above, budget, zone, tuple(writers)


def test_a_producer_sets_rules_and_takes_them_away(people: People) -> None:
    at = draw()
    assert fields(at) == ("", "", "UTC", ())
    rule(at, "approve_above").input("40")
    rule(at, "budget").input("1500")
    rule(at, "time_zone").set_value("Asia/Jakarta")
    rule(at, "writers").set_value(["offline", "API.example.org"])
    at = press(at, "Set the rules")
    assert not at.error
    kept = Rules(40, 1500, "Asia/Jakarta", ("offline", "api.example.org"))
    assert rules_of(people) == kept
    for said in (
        "Rules of Sample Project: ",
        "Runs above so many credits need approval: none → 40",
        "Budget a month: none → 1,500",
        "Time zone of its months: UTC → Asia/Jakarta",
        "Writers that are allowed: all → offline, api.example.org",
        "of 1,500 credits",
    ):
        assert said in words(at)
    # Where it was set, and nothing above what is read there.
    [box] = [one for one in at.expander if one.label == "Rules of the project"]
    assert [one.value for one in box.success] == [one.value for one in at.success]
    assert fields(at) == ("40", "1500", "Asia/Jakarta", ("offline", "api.example.org"))
    rule(at, "budget").input("")
    rule(at, "writers").set_value([])
    at = press(at, "Set the rules")
    assert rules_of(people) == Rules(40, None, "Asia/Jakarta", None)
    assert "Budget a month: 1,500 → none" in words(at)
    assert "approval: " not in words(at), "what stays as it is is not told"
    told = people.service.operator().audit(AuditFilter(user="producer")).entries
    assert [(one.action, one.after) for one in told][:2] == [
        ("project.writers", None), ("project.budget", None),
    ]  # fmt: skip
    assert len(told) == 6


def test_what_is_set_so_already_is_said(people: People) -> None:
    budget(people, 0)
    at = press(draw(), "Set the rules")
    assert "set so already" in words(at)
    people.desk("producer").set_project(people.home, {"writers": ("a.example",)})
    at = draw()
    rule(at, "writers").set_value(["A.Example"])
    assert "set so already" in words(press(at, "Set the rules"))
    assert rules_of(people) == Rules(None, 0, "Asia/Jakarta", ("a.example",))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("1500", 1500), ("1,500", 1500), ("1.500", 1500), (" 1 500 ", 1500), ("0", 0)],
)
def test_credits_are_typed_as_people_write_them(people: People, typed: str, kept: int) -> None:
    at = draw()
    rule(at, "budget").input(typed)
    press(at, "Set the rules")
    assert rules_of(people).budget == kept


@pytest.mark.parametrize("name", ["approve_above", "budget"])
@pytest.mark.parametrize("typed", ["-1", "1.5", "many", "1000000001", "1e3", "²"])
def test_what_is_no_number_of_credits_is_refused(people: People, name: str, typed: str) -> None:
    at = draw()
    rule(at, name).input(typed)
    at = press(at, "Set the rules")
    [error] = at.error
    assert "a whole number of credits from 0 to 1,000,000,000" in error.value
    assert rule(at, name).value == typed, "nothing typed is lost"
    assert rules_of(people) == Rules()


@pytest.mark.parametrize("bad", [["two words"], [f"w{n}" for n in range(21)]])
def test_writers_that_cannot_be_are_refused_beside_the_form(people: People, bad: list[str]) -> None:
    at = draw()
    rule(at, "budget").input("9")
    rule(at, "writers").set_value(bad)
    at = press(at, "Set the rules")
    [error] = at.error
    assert "1 to 20 servers" in error.value
    # In the box of the form, and with all that was typed.
    [box] = [one for one in at.expander if one.label == "Rules of the project"]
    assert [one.value for one in box.error] == [error.value]
    assert fields(at) == ("", "9", "UTC", tuple(bad))
    assert rules_of(people) == Rules()


def test_what_another_sets_meanwhile_is_kept_and_then_shown(people: People) -> None:
    at = draw()
    people.desk("admin").set_project(people.home, {"budget": 300, "approve_above": 5})
    rule(at, "approve_above").input("7")
    at = press(at, "Set the rules")
    assert rules_of(people) == Rules(7, 300)
    assert fields(at)[:2] == ("7", "300")


def test_a_role_that_is_gone_sets_nothing(people: People) -> None:
    at = draw()
    people.desk("admin").set_role("producer", "editor", people.home)
    rule(at, "budget").input("1")
    press(at, "Set the rules")
    assert rules_of(people) == Rules()
    for role in ("viewer", "editor", "stranger"):
        assert "Rules of the project" not in [one.label for one in draw(role).expander], role


def test_an_admin_chooses_the_project(people: People) -> None:
    budget(people, 10)
    at = draw("admin")
    assert fields(at)[1] == "10"
    field(at, "selectbox", "rules-project").select("Another project").run()
    assert fields(at) == ("", "", "UTC", ())
    rule(at, "budget").input("77")
    at = press(at, "Set the rules")
    assert "Rules of Another project: " in words(at)
    assert rules_of(people, "Another project").budget == 77
    assert rules_of(people).budget == 10
    # A project that the page is narrowed to is the one.
    field(at, "selectbox", "credits-project").select("Sample Project").run()
    assert fields(at)[1] == "10"
    assert "rules-project" not in {one.key for one in at.selectbox}


def test_the_form_in_indonesian(people: People) -> None:
    budget(people, 2500)
    at = draw("producer", "id")
    assert "Aturan proyek" in [one.label for one in at.expander]
    assert rule(at, "budget").label == "Anggaran per bulan"
    assert [one.label for one in at.button if one.label == "Simpan aturan"]
    assert "dari 2.500 credits" in words(at)


def test_zones_are_those_of_places(people: People) -> None:
    assert {"UTC", "Asia/Jakarta", "Asia/Makassar", "Europe/Berlin"} <= zones()
    assert not {"Factory", "localtime", "Etc/GMT+7"} & zones()
    options = rule(draw(), "time_zone").options
    assert options[0] == "UTC"
    # One that a command has set stays as it is.
    people.desk("producer").set_project(people.home, {"time_zone": "Etc/GMT+7"})
    at = draw()
    assert fields(at)[2] == "Etc/GMT+7"
    press(at, "Set the rules")
    assert rules_of(people).time_zone == "Etc/GMT+7"
