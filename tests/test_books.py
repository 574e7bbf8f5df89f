"""What a month came to: it adds up between any two moments, whatever has moved in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import BudgetExceeded, CorrectionTooLarge, InsufficientCredits
from cascade.ledger import LedgerError
from cascade.runs import budgets
from cascade.store import accounts, books, rules
from cascade.store.database import Database
from cascade.store.ids import new_id
from cascade.store.tables import CreditAccount
from cascade.story.months import Month
from tests.helpers.machines import machine_database, new_account

__all__ = ["machine_database"]

MOVES = st.lists(
    st.tuples(
        st.sampled_from(["grant", "take_back", "hold", "capture", "release"]),
        st.integers(0, 1),
        st.integers(1, 40),
    ),
    max_size=14,
)


@dataclass
class Moment:
    """What two accounts of one project had at an instant, by their own rows."""

    at: datetime
    there: int
    held: int
    captured: int
    granted: int


@dataclass
class Project:
    id: str
    account_ids: list[str]
    runs: list[str] = field(default_factory=list)
    keys: int = 0

    def move(self, session: Session, what: str, at: int, credits: int) -> None:
        account_id = self.account_ids[at]
        if what == "hold":
            run_id = new_id()
            budgets.hold(session, account_id, run_id, credits)
            self.runs.append(run_id)
        elif what == "grant":
            ledger.grant(session, account_id, credits)
        elif what == "take_back":
            ledger.take_back(session, account_id, credits)
        elif self.runs and what == "capture":
            self.keys += 1
            ledger.capture(session, self.runs[-1], f"beat{self.keys}/script/1", credits)
        elif self.runs:
            ledger.release(session, self.runs[credits % len(self.runs)])

    def look(self, database: Database) -> Moment:
        with database.read() as session:
            rows = [session.get_one(CreditAccount, one) for one in self.account_ids]
            return Moment(
                datetime.now(UTC),
                sum(row.available + row.held for row in rows),
                sum(row.held for row in rows),
                sum(row.captured for row in rows),
                sum(row.deposited for row in rows),
            )


def attempt(database: Database, work: Callable[[Session], None]) -> None:
    try:
        with database.write() as session:
            work(session)
    except (BudgetExceeded, InsufficientCredits, CorrectionTooLarge, LedgerError):
        pass


def test_a_statement_adds_up_at_every_moment(database: Database) -> None:
    @settings(
        max_examples=40 if database.is_sqlite else 12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(moves=MOVES)
    def check(moves: list[tuple[str, int, int]]) -> None:
        with database.write() as session:
            made, other = (accounts.add_project(session, name) for name in ("One", "Other"))
            project = Project(made, [new_account(session, made, 20)[1] for _ in range(2)])
            # Another's movements are counted nowhere.
            new_account(session, other, 1000)
        moments = [project.look(database)]
        for what, at, credits in moves:
            attempt(database, partial(project.move, what=what, at=at, credits=credits))
            moments.append(project.look(database))
        for begin in moments:
            for end in moments:
                if begin.at <= end.at:
                    compare(database, project.id, begin, end)

    check()


def test_a_budget_and_a_statement_say_the_same_at_every_moment(database: Database) -> None:
    @settings(
        max_examples=40 if database.is_sqlite else 12,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(moves=MOVES, credits=st.integers(0, 90))
    def check(moves: list[tuple[str, int, int]], credits: int) -> None:
        with database.write() as session:
            made, other = (accounts.add_project(session, name) for name in ("One", "Other"))
            project = Project(made, [new_account(session, made, 60)[1] for _ in range(2)])
            elsewhere = Project(other, [new_account(session, other, 60)[1]])
            rules.change(session, made, {"budget": credits, "time_zone": "Asia/Jakarta"}, None)
        for what, at, n in moves:
            attempt(database, partial(project.move, what=what, at=at, credits=n))
            # Another's movements are counted nowhere.
            attempt(database, partial(elsewhere.move, what=what, at=0, credits=n))
            with database.read() as session:
                budget = budgets.standing(session, made, rules.of(session, made))
                assert budget is not None
                month = books.sums(session, made, budget.month.begin, budget.month.end)
            assert (budget.used, budget.held) == (month.captures, month.held)
            assert budget.used + budget.held + budget.left == credits

    check()


def compare(database: Database, project_id: str, begin: Moment, end: Moment) -> None:
    with database.read() as session:
        found = books.sums(session, project_id, begin.at, end.at)
        use = books.uses(session, {project_id: Month("", begin.at, end.at)})[project_id]
        entries = [one for one, _ in books.between(session, project_id, begin.at, end.at)]
    assert found.opening == begin.there
    assert found.closing == end.there == found.opening + found.grants - found.captures
    assert found.held == end.held
    assert found.grants == end.granted - begin.granted
    assert use.used == found.captures
    assert found.captures == end.captured - begin.captured
    for kind, total in (("grant", found.grants), ("capture", found.captures)):
        assert sum(one.credits for one in entries if one.kind == kind) == total


@pytest.mark.parametrize("credits", [0, -1])
def test_nothing_is_taken_back_as_less_than_one(database: Database, credits: int) -> None:
    with database.write() as session:
        _, account_id = new_account(session, accounts.add_project(session, "P"), 20)
        with pytest.raises(LedgerError):
            ledger.take_back(session, account_id, credits)
