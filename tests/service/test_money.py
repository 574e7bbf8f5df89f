"""Where credits are and have gone: who sees which, what a number means, giving and taking back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from cascade import shapes
from cascade.errors import (
    BadField,
    CorrectionTooLarge,
    GrantIncomplete,
    NotAllowed,
    UnknownProject,
    UnknownUser,
)
from cascade.runs import steps
from cascade.service import Line, MoneyFilter, MoneyPage, RunFilter
from cascade.store.database import Session
from cascade.store.ids import new_id
from cascade.store.tables import CreditEntry, ModelCall, Run
from tests.engine.test_step_cost import counted
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import near

from .people import EVERYBODY, LEVELS, People, failed, save_next, start, stopped

__all__ = ["near"]


def run_of_the_stranger(people: People) -> str:
    stranger = people.desk("stranger")
    run_id = stranger.start(stranger.plan(people.theirs, {"find": 1}).plan)
    save_next(people.service, run_id)
    return run_id


def check_numbers(page: MoneyPage) -> None:
    """One meaning a number everywhere: accounts, holds, ledger and spend say the same."""
    for one in page.accounts:
        assert one.available + one.held + one.spent == one.deposited
        own = [line for line in page.lines if line.account_id == one.id]
        runs = [line for line in own if line.kind == "hold"]
        assert one.deposited == sum(line.credits for line in own if line.kind == "grant")
        assert one.spent == sum(line.captured for line in runs)
        assert one.spent == sum(n.credits for n in page.spent if n.account_id == one.id)
        holds = {hold.run_id: hold.credits for hold in page.holds if hold.account_id == one.id}
        assert one.held == sum(holds.values())
        assert holds == {
            line.run_id: line.credits - line.captured for line in runs if line.released is None
        }


def test_what_is_held_spent_and_left_is_the_same_everywhere(people: People) -> None:
    ended, at_work = stopped(people), start(people, {"setup": 5})
    save_next(people.service, at_work)
    theirs = run_of_the_stranger(people)
    page = people.desk("producer").money()
    check_numbers(page)
    assert {one.user for one in page.accounts} == {"viewer", "editor", "producer", "admin"}
    [hold] = page.holds
    assert (hold.run_id, hold.story_id) == (at_work, people.mine)
    lines = {line.run_id: line for line in page.lines if line.run_id}
    assert lines.keys() == {ended, at_work}
    first = lines[ended]
    assert (first.credits, first.captured, first.released) == (45, 3, 42)
    assert [line.id for line in page.lines] == sorted((one.id for one in page.lines), reverse=True)
    assert {one.kind for one in page.spent} == {"beatContent"}
    # An admin sees both projects, and of each what its own people see.
    all_ = people.desk("admin").money()
    check_numbers(all_)
    assert {one.run_id for one in all_.holds} == {at_work, theirs}
    only = people.desk("admin").money(MoneyFilter(project=people.home))
    assert (only.accounts, only.lines, only.spent) == (page.accounts, page.lines, page.spent)


def test_an_editor_sees_their_own_and_nobody_anothers_project(people: People) -> None:
    stopped(people)
    run_of_the_stranger(people)
    own = {role: people.desk(role).money() for role in EVERYBODY if role != "nobody"}
    for role in ("viewer", "editor", "stranger"):
        page = own[role]
        check_numbers(page)
        assert {one.user for one in page.accounts} == {role}
        assert not page.grantees
        rows = list(people.desk(role).ledger_rows())
        assert {account.user for _, account in rows} == {role}
    stories = {role: set(page.titles) for role, page in own.items()}
    assert people.theirs not in stories["producer"]
    assert stories["stranger"] == {people.theirs}
    assert {one.user for one in own["producer"].grantees} == {"viewer", "editor", "producer", ""}
    seen = repr((own["producer"], list(people.desk("producer").ledger_rows())))
    assert "stranger" not in seen
    assert people.theirs not in seen
    # Whoever asks for what is not theirs to see gets none of it.
    narrowed = people.desk("editor").money(MoneyFilter(user="viewer"))
    assert (narrowed.accounts, narrowed.lines, narrowed.holds, narrowed.spent) == ((), (), (), ())


def test_the_ledger_is_turned_over_line_by_line(people: People) -> None:
    desk = people.desk("producer")
    for n in range(1, 8):
        desk.grant("editor", n, people.home, f"No. {n}")
    whole = desk.money(most=500)
    found: list[Line] = []
    before: int | None = None
    while True:
        page = desk.money(before=before, most=3)
        found += page.lines
        if not page.is_more:
            break
        before = page.lines[-1].id
    assert tuple(found) == whole.lines
    assert [one.reason for one in found[:2]] == ["No. 7", "No. 6"]
    assert not whole.is_more


def test_what_was_spent_before_is_left_out(people: People) -> None:
    stopped(people)
    desk = people.desk("editor")
    assert sum(one.credits for one in desk.money().spent) == 3
    later = datetime.now(UTC) + timedelta(hours=1)
    assert desk.money(since=later).spent == ()


def test_credits_are_given_and_taken_back_for_a_reason(people: People) -> None:
    home, desk = people.home, people.desk("producer")
    desk.grant("viewer", 25, home, "  For the\nsecond act ")
    desk.grant("viewer", -20, home, "Meant for Ana")
    [account] = [one for one in desk.money().accounts if one.user == "viewer"]
    assert (account.deposited, account.available) == (505, 505)
    entries = people.service.operator().audit().entries[:2]
    assert [(one.before, one.after, one.reason, one.user) for one in entries] == [
        (525, 505, "Meant for Ana", "producer"),
        (500, 525, "For the second act", "producer"),
    ]
    credits = people.desk("viewer").credits()
    assert [one["credits"] for one in credits.entries] == [500, 25, -20]


@pytest.mark.parametrize("sums", [(1,), (0, 1)])
def test_never_more_than_is_available_is_taken_back(
    people: People, database_url: str, sums: tuple[int, ...]
) -> None:
    home, desk = people.home, people.desk("producer")
    start(people)
    [account] = [one for one in desk.money().accounts if one.user == "editor"]
    assert account.held > 0
    for more in sums[:-1]:
        desk.grant("editor", -(account.available + more), home, "All of it")
    left = 0 if len(sums) > 1 else account.available
    before = Database(database_url).everything()
    with pytest.raises(CorrectionTooLarge) as refused:
        desk.grant("editor", -(left + sums[-1]), home, "Too much")
    assert refused.value.fields == {"credits": left + 1, "available": left}
    assert Database(database_url).everything() == before


def test_what_cannot_be_given(people: People) -> None:
    home, desk = people.home, people.desk("producer")
    refused: list[tuple[Callable[[], Any], type[Exception]]] = [
        (lambda: desk.grant("editor", 0, home, "x"), GrantIncomplete),
        (lambda: desk.grant("editor", 1, home, " \n"), GrantIncomplete),
        (lambda: desk.grant("editor", 1_000_001, home, "x"), BadField),
        (lambda: desk.grant("editor", -1_000_001, home, "x"), BadField),
        (lambda: desk.grant("editor", 1, home, "x" * 501), BadField),
        (lambda: desk.grant("editor", 1, home, "\x00"), BadField),
        (lambda: desk.grant("stranger", 1, home, "x"), UnknownUser),
        (lambda: desk.grant("editor", 1, "elsewhere", "x"), UnknownProject),
    ]
    before = desk.money()
    for ask, error in refused:
        with pytest.raises(error):
            ask()
    assert desk.money() == before


def test_a_month_in_the_shape_that_programs_know(people: People, near: Near) -> None:
    stopped(people)
    start(people, {"setup": 5})
    run_of_the_stranger(people)
    home, producer = people.home, people.desk("producer")
    document = shapes.statement_document(producer.statement())
    month = f"{datetime.now(UTC):%Y-%m}"
    assert list(document) == [
        "project", "month", "opening", "grants", "captures", "closing", "held", "budget", "entries",
    ]  # fmt: skip
    assert (document["project"], document["month"], document["budget"]) == (home, month, None)
    accounts = producer.money().accounts
    assert (document["opening"], document["captures"]) == (0, sum(one.spent for one in accounts))
    assert document["grants"] == sum(one.deposited for one in accounts)
    assert document["closing"] == sum(one.available + one.held for one in accounts)
    assert document["held"] == sum(one.held for one in accounts)
    kinds = Counter(one["kind"] for one in document["entries"])
    assert kinds == {"grant": 4, "hold": 2, "capture": 1, "release": 1}
    assert {one["user"] for one in document["entries"]} <= {"viewer", "editor", "producer", "admin"}
    # The months before and after: nothing moved, what was left is there.
    assert producer.statement(home, "2000-01").closing == 0
    later = producer.statement("Sample Project", "2999-12")
    assert (later.opening, later.closing) == (document["closing"],) * 2
    assert later.entries == ()
    # The same by the command line, as its operator and as somebody.
    asked = ("statement", "--project", home, "--month", month)
    assert near.json(*asked) == near.json(*asked, "--user", "producer") == document
    said = near(*asked).stdout
    assert "opening + grants - captures = closing" in said
    assert f"0 + {document['grants']} - {document['captures']} = {document['closing']}" in said


def test_whose_month_cannot_be_said(people: People, near: Near) -> None:
    home = people.home
    for role, error in (
        ("viewer", NotAllowed),
        ("editor", NotAllowed),
        ("stranger", UnknownProject),
        ("nobody", UnknownProject),
    ):
        with pytest.raises(error):
            people.desk(role).statement(home)
    for month in ("2026", "2026-13", "2026-00", "26-01", "2026-1", "9999-12", "x"):
        with pytest.raises(BadField):
            people.desk("producer").statement(home, month)
    # Of two projects the operator says which.
    for arguments, code in (
        ((), 2),
        (("--project", "elsewhere"), 2),
        (("--project", home, "--month", "2026-13"), 2),
        (("--user", "editor"), 5),
        (("--user", "nobody"), 2),
        (("--user", "producer"), 0),
    ):
        done = near("statement", *arguments)
        assert done.returncode == code, (arguments, done.stderr)


def test_all_runs_are_listed_a_chain_as_one(people: People) -> None:
    first = stopped(people)
    editor = people.desk("editor")
    second = editor.resume(first)
    save_next(people.service, second)
    theirs = run_of_the_stranger(people)
    page = people.desk("viewer").all_runs()
    [one] = page.lines
    assert (one.id, one.parts, one.status, one.user) == (second, 2, "running", "editor")
    assert (one.estimated_credits, one.used_credits, one.released_credits) == (45, 5, None)
    assert one.tokens is None, "no model wrote"
    assert {change.beat_key for change in one.changes} == LEVELS.keys()
    assert people.theirs not in page.titles
    assert "stranger" not in page.users
    all_ = people.desk("admin").all_runs()
    assert [line.id for line in all_.lines] == [theirs, second]
    editor.cancel(second)
    with people.service.database.write() as session:
        session.get_one(Run, second).status = "cancelled"
    [one] = people.desk("viewer").all_runs().lines
    assert one.released_credits == 40


def test_runs_are_narrowed_and_turned_over(people: People) -> None:
    bad, good = failed(people), stopped(people)
    theirs = run_of_the_stranger(people)
    admin = people.desk("admin")
    title = people.service.operator().story(people.mine).title

    def found(**asked: str) -> list[str]:
        return [one.id for one in admin.all_runs(RunFilter(**asked)).lines]

    assert found() == [theirs, good, bad]
    assert found(story=people.theirs) == found(user="stranger") == [theirs]
    assert found(status="failed") == [bad]
    assert found(text="it is BAD") == [bad]
    assert found(text="all is lost") == found(text=title[2:7].upper()) == [good, bad]
    assert found(text="a stranger") == found(text=theirs) == [theirs]
    assert found(text="100%") == found(text="\x00") == found(story="x") == []
    assert found(story=people.mine, status="cancelled", user="editor", text="lost") == [good]
    page = admin.all_runs(most=2)
    assert page.is_more
    rest = admin.all_runs(before=page.lines[-1].id)
    assert [one.id for one in (*page.lines, *rest.lines)] == [theirs, good, bad]
    assert not rest.is_more


def test_a_run_that_only_waits_to_ask_again_is_marked(people: People) -> None:
    run_id = start(people)
    save_next(people.service, run_id)
    desk = people.desk("editor")

    def is_marked() -> bool:
        [one] = desk.all_runs().lines
        return one.is_retrying

    def retry(wait_s: float) -> None:
        with people.service.database.write() as session:
            steps.announce(session, run_id, "midpoint/keyAction")
            steps.report_retry(session, run_id, "midpoint/keyAction", 1, wait_s, "Busy.")

    assert not is_marked()
    retry(60.0)
    assert is_marked()
    retry(0.0)
    assert not is_marked(), "it asks again"
    retry(60.0)
    save_next(people.service, run_id)
    assert not is_marked(), "what it waited for is saved"


def test_tokens_are_told_where_a_model_wrote(people: People) -> None:
    run_id = stopped(people)
    with people.service.database.write() as session:
        session.get_one(Run, run_id).provider = "openai"
        common = {"run_id": run_id, "provider": "openai", "model": "m", "latency_ms": 1}
        for n in (1, 2):
            call = ModelCall(
                step_key="x", attempt=n, outcome="saved", prompt_tokens=10 * n,
                completion_tokens=n, **common,
            )  # fmt: skip
            session.add(call)
        session.add(ModelCall(step_key="x", attempt=3, outcome="failed", **common))
    [one] = people.desk("viewer").all_runs().lines
    assert one.tokens == 33


def add_runs(session: Session, like: str, count: int) -> None:
    """Puts in runs like one, each with the movements of its credits."""
    run = session.get_one(Run, like)
    names = [one.key for one in Run.__table__.columns]
    for n in range(count):
        id_ = new_id()
        values = {name: getattr(run, name) for name in names}
        at = run.created_at - timedelta(days=n + 1)
        session.add(Run(**values | {"id": id_, "chain_id": id_, "created_at": at}))
        session.flush()
        for kind, key, credits in (
            ("hold", None, 5),
            ("capture", "midpoint/beatContent", 3),
            ("release", None, 2),
        ):
            entry = CreditEntry(
                account_id=run.account_id, run_id=id_, kind=kind, step_key=key, credits=credits,
                at=at,
            )  # fmt: skip
            session.add(entry)


def _all(rows: Callable[[], Iterable[object]]) -> list[object]:
    """What is read in portions, read to its end."""
    return list(rows())


@pytest.mark.parametrize("count", [1, 60])
def test_the_statements_are_as_many_for_many(people: People, count: int) -> None:
    run_id = stopped(people)
    with people.service.database.write() as session:
        add_runs(session, run_id, count)
    for role in ("viewer", "producer", "admin"):
        desk = people.desk(role)
        asked: list[tuple[Callable[[], Any], int]] = [
            (desk.money, 10),
            (desk.all_runs, 5),
            (partial(_all, desk.ledger_rows), 4),
        ]
        if role != "viewer":
            asked.append((partial(desk.statement, people.home), 8))
        for ask, most in asked:
            with counted(people.service.database) as statements:
                ask()
            assert len(statements) <= most, (role, ask, len(statements), statements)
