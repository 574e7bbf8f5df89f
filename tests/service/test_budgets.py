"""Budgets: what is refused, by whichever way a run is started, and what an offer says of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cascade.errors import BudgetExceeded, InsufficientCredits, RunActive, StalePlan
from cascade.runs import lifecycle
from cascade.service import Order, OrderedChange
from cascade.store.tables import CreditEntry
from cascade.story.months import month_of
from tests.helpers.earlier import save_steps
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import near

from .people import LEVELS, REJECTED, People, failed, save_next, start, stopped

__all__ = ["near"]

# What the run of these costs.
PRICE = 45


def set_budget(people: People, credits: int | None, zone: str = "UTC") -> None:
    people.desk("producer").set_project(people.home, {"budget": credits, "time_zone": zone})


def use(people: People) -> tuple[int, int]:
    """What this month's runs have used, and hold."""
    [seen] = people.desk("producer").projects()
    return seen.spent, seen.held


def test_what_does_not_fit_is_refused_and_says_why(people: People, database_url: str) -> None:
    stopped(people)
    start(people, {"setup": 5})
    save_next(people.service, people.desk("editor").runs()[0].id)
    used, held = use(people)
    assert used > 0
    assert held > 0
    set_budget(people, used + held + PRICE - 1, "Asia/Jakarta")
    other = people.service.operator().stories()[1].id
    editor = people.desk("editor")
    beat = people.service.operator().story(other).structure.keys[0]
    level = people.service.operator().story(other).curve[beat] % 5 + 1
    plan = editor.plan(other, {beat: level}).plan
    set_budget(people, used + held + plan.estimated_credits - 1, "Asia/Jakarta")
    before = Database(database_url).everything()
    with pytest.raises(BudgetExceeded) as refused:
        editor.start(plan)
    assert Database(database_url).everything() == before
    fields = refused.value.fields
    assert (fields["budget"], fields["used"], fields["held"], fields["needed"]) == (
        used + held + plan.estimated_credits - 1, used, held, plan.estimated_credits,
    )  # fmt: skip
    end = month_of(datetime.now(UTC), "Asia/Jakarta").end
    assert datetime.fromisoformat(fields["anew"]) == end
    said = f"{end + timedelta(hours=7):%F} at 00:00 (Asia/Jakarta)"
    assert said in refused.value.message
    # One more, and it is started, to the last credit.
    set_budget(people, used + held + plan.estimated_credits)
    editor.start(plan)
    assert sum(use(people)) == used + held + plan.estimated_credits


WAYS = ("start", "place", "stale", "resume", "take_up", "accept")


def by(way: str, people: People) -> Callable[[], object]:
    """A way to start a run; what has to be there for it is."""
    editor = people.desk("editor")
    if way in ("resume", "take_up"):
        run_id = stopped(people)
        return lambda: editor.resume(run_id) if way == "resume" else editor.take_up(run_id)
    if way == "accept":
        run_id = failed(people)
        return lambda: editor.accept(run_id, REJECTED)
    if way == "stale":
        stopped(people)
        plan = editor.plan(people.mine, {}, stale_beats=["midpoint"]).plan
        return lambda: editor.start(plan)
    changes = tuple(
        OrderedChange(key, people.service.operator().story(people.mine).curve[key], level)
        for key, level in LEVELS.items()
    )
    if way == "place":
        return lambda: editor.place(Order(people.mine, "cat", changes))
    plan = editor.plan(people.mine, LEVELS).plan
    return lambda: editor.start(plan)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_in_counts(people: People, way: str) -> None:
    ask = by(way, people)
    used, held = use(people)
    set_budget(people, used + held)
    with pytest.raises(BudgetExceeded):
        ask()
    assert use(people) == (used, held)
    set_budget(people, 500)
    ask()
    more = sum(use(people)) - used - held
    assert more > 0
    set_budget(people, used + held + more)
    assert people.service.operator().statement(people.home).budget == used + held + more


def test_a_run_under_way_is_never_cut_off(people: People) -> None:
    run_id = start(people)
    set_budget(people, 0)
    assert save_steps(people.service, run_id, 999) == []
    people.service.database.transact(lifecycle.finish, run_id)
    assert people.desk("editor").run(run_id).status == "done"
    assert use(people) == (PRICE, 0)


def test_what_else_is_wrong_is_told_first_and_credits_last(
    people: People, database_url: str
) -> None:
    editor = people.desk("editor")
    plan = editor.plan(people.mine, LEVELS).plan
    set_budget(people, 0)
    people.desk("producer").grant("editor", -editor.credits().available, people.home, "All of it")
    with pytest.raises(BudgetExceeded):
        editor.start(plan)
    set_budget(people, None)
    with pytest.raises(InsufficientCredits):
        editor.start(plan)
    people.desk("producer").grant("editor", 500, people.home, "Back")
    start(people, {"setup": 5})
    set_budget(people, 0)
    with pytest.raises(RunActive):
        editor.start(plan)
    people.desk("editor").cancel(editor.runs()[0].id)
    Database(database_url).execute("UPDATE story_versions SET tension_levels = '{}'")
    with pytest.raises(StalePlan):
        editor.start(plan)


def test_a_capture_counts_in_the_month_of_its_moment(people: People) -> None:
    """What was used before the month began is not of it; where it began depends on the zone."""
    run_id = stopped(people)
    month = month_of(datetime.now(UTC), "UTC")
    moments = [(datetime.now(UTC), 3), (month.begin, 1), (month.begin - timedelta(seconds=1), 10)]
    with people.service.database.write() as session:
        entry = session.query(CreditEntry).filter_by(run_id=run_id).first()
        assert entry is not None
        common: dict[str, Any] = {"account_id": entry.account_id, "step_key": "x"}
        for at, n in moments[1:]:
            common |= {"at": at, "credits": n, "run_id": f"{n}"}
            session.add_all(CreditEntry(kind=kind, **common) for kind in ("hold", "capture"))
    # Mostly 4, 14 where the month began seven hours earlier, and 3 where it did five hours later:
    # in the hours around its end another month is under way in one of the zones.
    for zone in ("UTC", "Asia/Jakarta", "America/New_York"):
        set_budget(people, 100, zone)
        own = month_of(datetime.now(UTC), zone)
        assert use(people) == (sum(n for at, n in moments if own.begin <= at < own.end), 0)
        told = people.service.operator().statement(people.home)
        assert (told.captures, told.held, told.time_zone) == (*use(people), zone)


@pytest.mark.parametrize("fits", [1, 2])
def test_two_starts_at_the_edge_at_once(people: People, fits: int) -> None:
    """Of two that begin in the same moment on two stories, as many as the budget has room for."""
    editor, operator = people.desk("editor"), people.service.operator()
    plans = []
    for one in operator.stories()[:2]:
        story = operator.story(one.id)
        key = story.structure.keys[0]
        plans.append(editor.plan(one.id, {key: story.curve[key] % 5 + 1}).plan)
    prices = [plan.estimated_credits for plan in plans]
    set_budget(people, max(prices) if fits == 1 else sum(prices))
    both = threading.Barrier(2)
    came: list[str | BudgetExceeded] = []

    def ask(plan: Any) -> None:
        both.wait(timeout=60)
        try:
            came.append(people.desk("editor").start(plan))
        except BudgetExceeded as error:
            came.append(error)

    threads = [threading.Thread(target=ask, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [isinstance(one, str) for one in came].count(True) == fits
    assert sum(use(people)) <= (max(prices) if fits == 1 else sum(prices))


def test_an_offer_says_how_the_budget_stands_after_it(people: People, near: Near) -> None:
    editor = people.desk("editor")
    assert editor.plan(people.mine, LEVELS).budget is None
    command = ("plan", people.mine, "--set", "midpoint=4", "--set", "allIsLost=2")
    assert "budget" not in near(*command).stdout
    for credits, over, crosses, words in (
        (45, 0, True, "after this 45, which is past 80 %"),
        (44, 1, True, "after this 45, 1 too many: it would be refused. The budget begins anew on "),
        (56, 0, True, "after this 45, which is past 80 %"),
        (57, 0, False, "0 used and 0 held of 57; after this 45\n"),
    ):
        set_budget(people, credits)
        offer = editor.plan(people.mine, LEVELS)
        assert offer.budget is not None
        assert (offer.budget.credits, offer.budget.used, offer.budget.held) == (credits, 0, 0)
        assert (offer.over_budget, offer.crosses_budget) == (over, crosses), credits
        said = near(*command).stdout
        assert words in said, said
    # What is left of a run counts what it has used.
    set_budget(people, 45)
    run_id = stopped(people)
    rest = editor.offer_to_resume(run_id)
    assert rest.budget is not None
    assert (rest.budget.used, rest.over_budget) == (3, 0)
    set_budget(people, 44)
    assert editor.offer_to_resume(run_id).over_budget == 1


def test_by_the_command_line(people: People, near: Near) -> None:
    set_budget(people, 44)
    done = near("run", people.mine, "--set", "midpoint=4", "--set", "allIsLost=2")
    [event] = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, event["type"], event["code"]) == (5, "error", "budget_exceeded")
    assert "The project's budget is 44 credits a month" in event["error"]
    assert (
        near("statement", "--project", people.home)
        .stdout.splitlines()[3]
        .endswith("budget: 44 a month")
    )
    assert near.json("statement", "--project", people.home)["budget"] == 44
