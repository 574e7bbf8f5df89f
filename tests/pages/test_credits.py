"""The page of credits, by AppTest: who sees what, giving and taking back, the file."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from streamlit.testing.v1 import AppTest

from cascade.errors import NotAllowed
from cascade.service import AccountView, AuditFilter, MoneyFilter, MoneyPage, Service, Spent
from cascade.ui.credits import spend
from cascade.ui.credits.file import as_csv
from cascade.ui.kit import texts
from tests.service.people import People, gather, save_next, start, stopped

from .tables import LINK, drawn, field, press, words

JAKARTA = ZoneInfo("Asia/Jakarta")


def credits_page(name: str, language: str) -> None:
    import streamlit as st

    from cascade.ui import session
    from cascade.ui.credits.page import draw_credits

    st.session_state["language"] = language
    session.set_viewer(session.service().actor(name))
    with session.shielded():
        draw_credits(session.desk())


@pytest.fixture
def people(service: Service) -> People:
    return gather(service)


def draw(name: str, language: str = "en") -> AppTest:
    return drawn(credits_page, name, language)


def figures(at: AppTest) -> dict[str, str]:
    return dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", words(at)))


def grant(at: AppTest, person: str, credits: int, reason: str) -> AppTest:
    chosen = field(at, "selectbox", "grant-person")
    chosen.set_value(next(n for n, one in enumerate(chosen.options) if person in one))
    field(at, "number_input", "grant-credits").set_value(credits)
    field(at, "text_input", "grant-reason").input(reason)
    return press(at, "Grant")


def test_an_editor_sees_their_own(people: People) -> None:
    ended, at_work = stopped(people), start(people, {"setup": 5})
    save_next(people.service, at_work)
    at = draw("editor")
    credits = people.service.desk(people.actors["editor"]).credits()
    assert figures(at) == {
        "Available": str(credits.available), "Held": str(credits.held),
        "Spent": str(credits.captured), "Deposited": "500",
    }  # fmt: skip
    assert "Held by:" in words(at)
    # What holds, and then the lines of the ledger.
    assert LINK.findall(words(at)) == [(people.mine, one) for one in (at_work, at_work, ended)]
    assert "still held" in words(at)
    assert "credits-user" not in {one.key for one in at.selectbox}
    assert "Sample Viewer" not in words(at)
    assert not [one for one in at.button if one.label == "Grant"]
    [error] = draw("nobody").error
    assert "may not" in error.value


def test_a_producer_sees_all_of_their_project_and_narrows_it(people: People) -> None:
    stopped(people)
    at = draw("producer")
    assert "Sample Viewer" in words(at)
    assert "A Stranger" not in words(at)
    assert figures(at)["Deposited"] == "2,000"
    field(at, "selectbox", "credits-user").select("viewer").run()
    assert figures(at)["Deposited"] == "500"
    assert "Nothing was spent" in at.caption[0].value
    assert figures(draw("producer", "id"))["Disetor"] == "2.000"


def test_credits_are_given_taken_back_and_refused(people: People) -> None:
    at = grant(draw("producer"), "(viewer)", 25, "For the second act")
    assert "Sample Viewer has 25 credits more." in words(at)
    assert "For the second act" in words(at)
    assert field(at, "text_input", "grant-reason").value == ""
    at = grant(at, "(viewer)", -20, "Too many")
    assert "20 credits were taken back from Sample Viewer." in words(at)
    assert "−20" in words(at)
    for credits, reason, said in (
        (-506, "All and more", "505 are available"),
        (5, "", "a reason"),
        (0, "Nothing", "other than 0"),
    ):
        at = grant(at, "(viewer)", credits, reason)
        [error] = at.error
        assert said in error.value
        assert field(at, "text_input", "grant-reason").value == reason, "nothing typed is lost"
    found = people.service.operator().audit(AuditFilter(action="credits.grant", user="producer"))
    assert [one.reason for one in found.entries] == ["Too many", "For the second act"]


def test_a_project_itself_is_given_credits(people: People) -> None:
    at, itself = draw("producer"), "Sample Project (the project itself)"
    receivers = field(at, "selectbox", "grant-person").options
    # Whoever does not choose gives to a person; and nobody's project is another's.
    assert receivers[-1] == itself
    assert not any("Another project" in one for one in receivers)
    assert itself not in words(at)
    at = grant(at, itself, 25, "For what is approved")
    assert "Sample Project has 25 credits more." in words(at)
    own = [one for one in people.desk("producer").money().accounts if not one.user]
    assert [(one.project, one.available) for one in own] == [("Sample Project", 25)]
    # Among the accounts, and in the ledger.
    assert words(at).count(itself) == 2
    at = draw("producer", "id")
    itself = "Sample Project (proyek itu sendiri)"
    assert field(at, "selectbox", "grant-person").options[-1] == itself
    assert words(at).count(itself) == 2


def test_the_page_is_narrowed_to_what_is_the_projects_own(people: People) -> None:
    at = draw("producer")
    whose = field(at, "selectbox", "credits-user")
    assert "The project itself" not in whose.options, "it has no account yet"
    people.desk("producer").grant("", 25, people.home, "For what is approved")
    at = draw("producer")
    assert field(at, "selectbox", "credits-user").options[-1] == "The project itself"
    field(at, "selectbox", "credits-user").set_value("").run()
    assert figures(at)["Deposited"] == "25"
    said = words(at)
    assert "For what is approved" in said
    assert said.count("+") == 1, "one line of the ledger"
    file = list(
        csv.DictReader(io.StringIO(as_csv(people.desk("producer"), OWN).decode("utf-8-sig")))
    )
    assert [(one["user"], one["credits"]) for one in file] == [("", "25")]
    # An editor sees nothing of it; an admin who sees several projects has all of theirs as one.
    assert "" not in people.desk("editor").money().users
    assert people.desk("editor").money(OWN).accounts == ()
    options = field(draw("admin"), "selectbox", "credits-user").options
    assert options[-1] == "The projects themselves"


OWN = MoneyFilter(user="")


def test_an_admin_tells_projects_apart(people: People) -> None:
    receivers = field(draw("admin"), "selectbox", "grant-person").options
    assert receivers[-2:] == [
        "Sample Project (the project itself)", "Another project (the project itself)",
    ]  # fmt: skip


def test_the_ledger_is_turned_over(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.ui.credits.page.PAGE", 1)
    run_id = stopped(people)
    at = draw("editor")
    assert LINK.findall(words(at)) == [(people.mine, run_id)]
    field(at, "button", "credits-older").click().run()
    assert LINK.findall(words(at)) == []
    assert "+500" in words(at)
    field(at, "button", "credits-newer").click().run()
    assert LINK.findall(words(at)) == [(people.mine, run_id)]


def test_the_file_holds_every_movement_and_no_formula(people: People) -> None:
    run_id = stopped(people)
    home = people.service.operator().projects()[0].id
    desk = people.service.desk(people.actors["producer"])
    desk.grant("viewer", -5, home, "=1+1")
    lines = list(csv.reader(io.StringIO(as_csv(desk, MoneyFilter()).decode("utf-8-sig"))))
    assert lines[0][:6] == ["id", "at", "project", "user", "kind", "credits"]
    assert lines[1][3:] == ["viewer", "grant", "-5", "", "", "", "'=1+1"]
    assert [line[4:8] for line in lines if line[6] == run_id] == [
        ["release", "42", run_id, ""],
        ["capture", "3", run_id, "midpoint/beatContent"],
        ["hold", "45", run_id, ""],
    ]
    with pytest.raises(NotAllowed):
        as_csv(people.service.desk(people.actors["nobody"]), MoneyFilter())


def page_of(*told: tuple[str, str, int]) -> MoneyPage:
    """What was spent: an instant in UTC, a story, credits."""
    account = AccountView("a", "p", "P", "ana", "Ana", 0, 0, 0, 0)
    found = [
        Spent(datetime.fromisoformat(f"{at}+00:00"), "a", story, "script", n)
        for at, story, n in told
    ]
    titles = {one.story_id: one.story_id.title() for one in found}
    return MoneyPage((account,), (), (), False, tuple(found), {}, {}, titles, ())


NOW = datetime(2026, 11, 26, 9, tzinfo=JAKARTA)


def numbers(told: spend.Spend | None) -> dict[str, list[int]]:
    assert told is not None
    rows = zip(told.periods, told.table.to_numpy().tolist(), strict=True)
    return {period: row for period, row in rows if any(row)}


def test_weeks_and_months_begin_where_the_reader_is() -> None:
    # Still Sunday the 15th in London, Monday the 16th in Jakarta; and the last of a month.
    found = page_of(
        ("2026-11-15 16:59", "one", 1), ("2026-11-15 17:00", "one", 2),
        ("2026-10-31 17:00", "two", 4),
    )  # fmt: skip
    assert numbers(spend.spend(found, "story", "quarter", NOW)) == {
        "Oct 26": [4, 0], "Nov 9": [0, 1], "Nov 16": [0, 2],
    }  # fmt: skip
    assert numbers(spend.spend(found, "user", "year", NOW)) == {"Nov 2026": [7]}
    assert numbers(spend.spend(found, "kind", "year", NOW.astimezone(ZoneInfo("UTC")))) == {
        "Oct 2026": [4], "Nov 2026": [3],
    }  # fmt: skip


@pytest.mark.parametrize(("first", "in_weeks"), [("2026-06-01", True), ("2026-01-01", False)])
def test_all_of_a_long_time_is_told_in_months(first: str, in_weeks: bool) -> None:
    found = page_of((f"{first} 12:00", "one", 5), ("2026-11-26 01:00", "one", 6))
    told = spend.spend(found, "story", "all", NOW)
    assert told is not None
    assert told.in_weeks == in_weeks
    assert told.table.to_numpy().sum() == 11
    assert (told.table.iloc[0, 0], told.table.iloc[-1, 0]) == (5, 6)


def test_a_time_begins_with_a_whole_period() -> None:
    assert spend.since("quarter", NOW) == datetime(2026, 8, 31, tzinfo=JAKARTA)
    assert spend.since("year", NOW) == datetime(2025, 12, 1, tzinfo=JAKARTA)
    assert spend.since("year", NOW.replace(month=12)) == datetime(2026, 1, 1, tzinfo=JAKARTA)
    assert spend.since("all", NOW) is None
    assert spend.spend(page_of(), "story", "all", NOW) is None


def test_of_many_the_most_are_told_apart_and_none_is_lost() -> None:
    found = page_of(*((f"2026-11-2{n % 6} 05:00", f"s{n}", n + 1) for n in range(12)))
    told = spend.spend(found, "story", "quarter", NOW)
    assert told is not None
    assert list(told.table.columns) == ["S11", "S10", "S9", "S8", "S7", "Others"]
    assert told.table.to_numpy().sum() == sum(range(13))


def test_a_period_is_called_as_the_language_does(monkeypatch: pytest.MonkeyPatch) -> None:
    day = datetime(2026, 8, 31)  # noqa: DTZ001 - by the reader's clock
    named: Callable[..., str] = spend.period_name
    assert (named(day, in_weeks=True), named(day, in_weeks=False)) == ("Aug 31", "Aug 2026")
    monkeypatch.setattr(spend, "language", lambda: "id")
    monkeypatch.setattr(texts, "language", lambda: "id")
    assert (named(day, in_weeks=True), named(day, in_weeks=False)) == ("31 Agu", "Agu 2026")
