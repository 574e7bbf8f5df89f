"""The ledger: the rules that the database keeps by itself, whoever writes, and several at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import (
    DatabaseRefused,
    InsufficientCredits,
    RunActive,
)
from cascade.ledger import LedgerError
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment, Written
from cascade.store import accounts, migrate
from cascade.store.accounts import Actor
from cascade.store.database import Database
from cascade.store.inserting import insert_story
from cascade.store.pieces import Stood, put_back_level
from cascade.store.stories import lock_story, read_story
from cascade.store.tables import (
    CreditAccount,
    CreditEntry,
    Run,
    RunStep,
)
from cascade.story.plan import make_plan
from tests.helpers.machines import (
    STORY,
    machine_database,
    new_account,
    write_for,
)
from tests.helpers.unqueued import start_run

# The fixture `database`: pytest finds it by its being here.
__all__ = ["machine_database"]


@dataclass
class Accounts:
    """A project with a story, and two users with 20 credits each."""

    database: Database
    story_id: str
    users: list[tuple[Actor, str]]

    def balance(self, at: int = 0) -> tuple[int, int, int, int]:
        """Deposited, available, held and captured."""
        with self.database.read() as session:
            row = session.get_one(CreditAccount, self.users[at][1])
            return row.deposited, row.available, row.held, row.captured


@pytest.fixture
def two(database: Database) -> Accounts:
    with database.write() as session:
        project_id = accounts.add_project(session, "Project")
        users = [new_account(session, project_id, 20) for _ in range(2)]
        return Accounts(database, insert_story(session, project_id, STORY), users)


def test_a_statement_is_of_some_accounts_and_of_all_their_movements(two: Accounts) -> None:
    mine, others = (account_id for _, account_id in two.users)
    with two.database.write() as session:
        ledger.hold(session, mine, "run-1", 9)
        ledger.capture(session, "run-1", "you/beatContent", 3)
        ledger.hold(session, others, "run-2", 5)
        found = ledger.statement(session, "me", [mine])
        both = ledger.statement(session, "us", [mine, others])
        nobody = ledger.statement(session, "nobody", [])
    assert (found.user, found.deposited, found.available, found.held, found.captured) == (
        ("me", 20, 11, 6, 3)
    )
    movements = [
        (one["kind"], one["credits"], one["runId"], one["stepKey"]) for one in found.entries
    ]
    assert movements == [
        ("grant", 20, None, None),
        ("hold", 9, "run-1", None),
        ("capture", 3, "run-1", "you/beatContent"),
    ]
    assert (both.deposited, both.available, both.held, both.captured) == (40, 26, 11, 3)
    assert [one["kind"] for one in both.entries] == ["grant", "grant", "hold", "capture", "hold"]
    assert nobody == ledger.Credits("nobody", 0, 0, 0, 0, ())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cascade_credit_entries SET credits = credits + 1",
        "UPDATE cascade_credit_entries SET at = at WHERE kind = 'grant'",
        "DELETE FROM cascade_credit_entries",
        "DELETE FROM cascade_credit_entries WHERE kind = 'grant'",
    ],
)
def test_entries_can_only_be_appended(two: Accounts, statement: str) -> None:
    with (
        pytest.raises(DatabaseRefused, match="append-only"),
        two.database.write() as session,
    ):
        session.execute(sa.text(statement))
    with two.database.read() as session:
        assert session.scalar(sa.select(sa.func.sum(CreditEntry.credits))) == 40


def test_entries_cannot_be_truncated(postgres_url: str) -> None:
    # SQLite has no TRUNCATE.
    database = Database(postgres_url)
    migrate.ensure(database)
    try:
        with (
            pytest.raises(DatabaseRefused, match="append-only"),
            database.write() as session,
        ):
            session.execute(sa.text("TRUNCATE cascade_credit_entries"))
    finally:
        database.close()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ("available = available + 1", "conserved"),
        ("held = held + 1", "conserved"),
        ("captured = captured + 1", "conserved"),
        ("deposited = deposited - 1", "conserved"),
        ("available = -1, held = 21", "not_negative"),
        ("available = 21, held = -1", "not_negative"),
        ("available = 21, captured = -1", "not_negative"),
    ],
)
def test_sums_that_do_not_hold_are_refused(two: Accounts, change: str, rule: str) -> None:
    account_id = two.users[0][1]
    with pytest.raises(DatabaseRefused, match=rule), two.database.write() as session:
        session.execute(
            sa.text(f"UPDATE cascade_credit_accounts SET {change} WHERE id = :id"),
            {"id": account_id},
        )
    assert two.balance() == (20, 20, 0, 0)


def test_entries_that_contradict_each_other_are_refused(two: Accounts) -> None:
    account_id, other_id = two.users[0][1], two.users[1][1]

    def enter(kind: str, credits: int, run_id: str | None, key: str | None, to: str) -> None:
        with two.database.write() as session:
            session.execute(
                sa.text(
                    "INSERT INTO cascade_credit_entries "
                    "(account_id, kind, credits, run_id, step_key, at) VALUES ("
                    ":account_id, :kind, :credits, :run_id, :key, '2026-01-01 00:00:00')"
                ),
                {
                    "account_id": to,
                    "kind": kind,
                    "credits": credits,
                    "run_id": run_id,
                    "key": key,
                },
            )

    enter("hold", 9, "run-1", None, account_id)
    enter("capture", 3, "run-1", "you/beatContent", account_id)
    enter("capture", 2, "run-1", "you/keyAction", account_id)
    enter("capture", 3, "run-2", "you/beatContent", account_id)
    enter("release", 4, "run-1", None, account_id)
    enter("grant", 5, None, None, account_id)
    enter("grant", 5, None, None, account_id)
    for kind, credits, run_id, key, to in (
        ("hold", 1, "run-1", None, account_id),
        ("hold", 9, "run-1", None, other_id),
        ("capture", 3, "run-1", "you/beatContent", account_id),
        ("capture", 1, "run-1", "you/keyAction", other_id),
        ("release", 0, "run-1", None, account_id),
        ("release", 4, "run-1", None, other_id),
        ("hold", -1, "run-3", None, account_id),
        ("grant", 1, None, None, "no such account"),
    ):
        with pytest.raises(DatabaseRefused):
            enter(kind, credits, run_id, key, to)


def start_of(two: Accounts, session: Session, at: int = 0) -> str:
    """Starts a run of 5 credits."""
    actor, account_id = two.users[at]
    plan = make_plan(read_story(session, two.story_id), {"go": 5})
    return start_run(session, plan, actor.user_id, account_id)


def test_rows_of_runs_that_contradict_each_other_are_refused(two: Accounts) -> None:
    with two.database.write() as session:
        run_id = start_of(two, session)
    columns = ", ".join(column.name for column in Run.__table__.columns if column.name != "id")

    def copy(new: str) -> None:
        with two.database.write() as session:
            session.execute(
                sa.text(
                    f"INSERT INTO cascade_runs (id, {columns}) "
                    f"SELECT :new, {columns} FROM cascade_runs"
                ),
                {"new": new},
            )

    def update(table: str, change: str) -> None:
        with two.database.write() as session:
            session.execute(sa.text(f"UPDATE {table} SET {change}"))

    with pytest.raises(DatabaseRefused):
        copy("a second active run of the story")
    with pytest.raises(DatabaseRefused):
        update("cascade_runs", "status = 'paused'")
    update("cascade_runs", "status = 'cancelled'")
    copy("resumed")
    with pytest.raises(DatabaseRefused):
        update("cascade_runs", "status = 'running'")
    with two.database.write() as session:
        session.add_all(
            RunStep(run_id=id_, key=key, chain_id=run_id, position=9, credits=3, status="pending")
            for id_, key in (("resumed", "go/beatContent"), ("resumed", "go/keyAction"))
        )
    update("cascade_run_steps", "status = 'saved' WHERE run_id = 'resumed'")
    # Saved by the run that was resumed: in the chain it is saved, so charged, once.
    with pytest.raises(DatabaseRefused):
        update("cascade_run_steps", "status = 'saved' WHERE key = 'go/keyAction'")


def test_movements_that_the_rules_forbid(two: Accounts) -> None:
    account_id = two.users[0][1]
    for credits in (0, -3):
        with pytest.raises(LedgerError), two.database.write() as session:
            ledger.grant(session, account_id, credits)
    moves: list[Callable[[Session], object]] = [
        lambda s: ledger.capture(s, "run-1", "you/keyAction", 2),
        lambda s: ledger.release(s, "run-1"),
    ]
    for move in moves:
        with pytest.raises(LedgerError, match="run-1 has no hold"), two.database.write() as session:
            move(session)
    with pytest.raises(DatabaseRefused), two.database.write() as session:
        ledger.hold(session, account_id, "run-1", -1)
    with two.database.write() as session:
        ledger.hold(session, account_id, "run-1", 5)
    with pytest.raises(LedgerError), two.database.write() as session:
        ledger.capture(session, "run-1", "you/keyAction", 6)
    with pytest.raises(DatabaseRefused), two.database.write() as session:
        ledger.capture(session, "run-1", "you/keyAction", -1)
    assert two.balance() == (20, 15, 5, 0)
    with pytest.raises(InsufficientCredits) as refused, two.database.write() as session:
        ledger.hold(session, account_id, "run-2", 18)
    assert refused.value.fields == {"needed": 18, "available": 15, "missing": 3}
    assert refused.value.message.startswith("3 credits are missing: this needs 18 and 15 are")


# Several at once


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """What each of several threads brought back, or the error that it ended with."""
    together = threading.Barrier(count)

    def run(n: int) -> Any:
        together.wait()
        try:
            return work(n)
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def test_a_step_captured_by_many_at_once_is_captured_once(two: Accounts) -> None:
    with two.database.write() as session:
        ledger.hold(session, two.users[0][1], "run-1", 12)

    def capture(_: int) -> bool:
        with two.database.write() as session:
            return ledger.capture(session, "run-1", "you/script/1", 4)

    found = at_once(8, capture)
    assert sorted(found) == [False] * 7 + [True]
    assert two.balance() == (20, 8, 8, 4)


def test_many_holds_at_once_never_go_below_zero(two: Accounts) -> None:
    def hold(n: int) -> str:
        with two.database.write() as session:
            ledger.hold(session, two.users[0][1], f"run-{n}", 6)
        return "held"

    found = at_once(8, hold)
    assert found.count("held") == 3
    assert sum(isinstance(one, InsufficientCredits) for one in found) == 5
    assert two.balance() == (20, 2, 18, 0)


def test_captures_and_releases_at_once(two: Accounts) -> None:
    with two.database.write() as session:
        ledger.hold(session, two.users[0][1], "run-1", 12)

    def move(n: int) -> Any:
        with two.database.write() as session:
            if n % 2:
                return ledger.release(session, "run-1")
            return ledger.capture(session, "run-1", f"you/script/{n}", 3)

    found = at_once(8, move)
    captured = [one for n, one in enumerate(found) if n % 2 == 0 and one is True]
    refused = [one for n, one in enumerate(found) if n % 2 == 0 and isinstance(one, LedgerError)]
    released = [one for n, one in enumerate(found) if n % 2]
    assert len(captured) + len(refused) == 4
    # Whoever comes second releases nothing.
    assert sorted(released)[:3] == [0, 0, 0]
    assert sum(released) == 12 - 3 * len(captured)
    assert two.balance() == (20, 20 - 3 * len(captured), 0, 3 * len(captured))


def test_starts_at_once_make_one_run(two: Accounts) -> None:
    def start(n: int) -> str:
        with two.database.write() as session:
            return start_of(two, session, n % 2)

    found = at_once(8, start)
    started = [one for one in found if isinstance(one, str)]
    assert len(started) == 1
    assert all(isinstance(one, RunActive) for one in found if one not in started)
    assert two.balance(0)[2] + two.balance(1)[2] == 5


def test_saves_and_a_cancel_at_once(two: Accounts) -> None:
    """A step that committed before the cancel counts; one that comes after it is refused."""
    for _ in range(3):
        with two.database.write() as session:
            run_id = start_of(two, session)
            plan = make_plan(read_story(session, two.story_id), {"go": 5})
            runs.begin(session, run_id)
            assignment = steps.announce(session, run_id, "go/beatContent")
        assert isinstance(assignment, Assignment)
        written = write_for(assignment.brief, f"by {run_id}")

        def act(n: int, run_id: str = run_id, written: Written = written) -> str:
            with two.database.write() as session:
                if n == 0:
                    return runs.cancel(session, run_id)
                return steps.save(session, run_id, "go/beatContent", written)

        found = at_once(4, act)
        assert found[0] == "cancelling"
        saved = found[1:].count("saved")
        assert found[1:].count("stopped") == 3 - saved
        with two.database.write() as session:
            runs.finish(session, run_id)
            assert ledger.captured_by(session, run_id) == (3 if saved else 0)
            assert ledger.held_for(session, run_id) == 0
            text = read_story(session, two.story_id).contents["go"]
            assert (text == f"by {run_id}") == bool(saved)
            # The next round starts from another level again.
            row = lock_story(session, two.story_id)
            put_back_level(session, row, "go", Stood("3"))
        assert plan.estimated_credits == 5
    assert two.balance()[2] == 0
