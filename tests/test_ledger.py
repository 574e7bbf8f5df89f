"""Credits: no sequence of movements and crashes makes or loses one.

A state machine over the ledger, on SQLite and on Postgres. A crash is an exception inside a
transaction, just before its commit. Then the rules that the database keeps by itself, whoever
writes, and what happens when several write at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import (
    CorrectionTooLarge,
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
from cascade.store.ids import new_id
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
    run_machine,
    transact,
    write_for,
)
from tests.helpers.unqueued import start_run

# The fixture `database`: pytest finds it by its being here.
__all__ = ["machine_database"]


@dataclass
class AccountModel:
    deposited: int = 0
    available: int = 0
    held: int = 0
    captured: int = 0


@dataclass
class HoldModel:
    account_id: str
    held: int
    captured: dict[str, int] = field(default_factory=dict)
    released: int | None = None


class LedgerMachine(RuleBasedStateMachine):
    """Every movement against a model of two dozen lines."""

    database: ClassVar[Database]
    holds = Bundle("holds")
    steps = st.sampled_from(["a", "b", "c", "d"])

    @initialize(deposits=st.lists(st.integers(0, 60), min_size=1, max_size=3))
    def open(self, deposits: list[int]) -> None:
        self.accounts: dict[str, AccountModel] = {}
        self.runs: dict[str, HoldModel] = {}
        with self.database.write() as session:
            project_id = accounts.add_project(session, "Project")
            for credits in deposits:
                _, account_id = new_account(session, project_id, credits)
                self.accounts[account_id] = AccountModel(credits, credits)
        self.grants = sum(credits > 0 for credits in deposits)

    def pick(self, at: int) -> str:
        return list(self.accounts)[at % len(self.accounts)]

    @rule(at=st.integers(0, 2), credits=st.integers(-1, 9), crash=st.booleans())
    def grant(self, at: int, credits: int, crash: bool) -> None:
        account_id = self.pick(at)
        try:
            transact(self.database, crash, ledger.grant, account_id, credits)
        except LedgerError:
            assert credits < 1
            return
        assert credits >= 1
        if not crash:
            self.accounts[account_id].deposited += credits
            self.accounts[account_id].available += credits
            self.grants += 1

    @rule(at=st.integers(0, 2), credits=st.integers(-1, 30), crash=st.booleans())
    def take_back(self, at: int, credits: int, crash: bool) -> None:
        account_id = self.pick(at)
        model = self.accounts[account_id]
        try:
            transact(self.database, crash, ledger.take_back, account_id, credits)
        except CorrectionTooLarge:
            assert credits > model.available
            return
        except LedgerError:
            assert credits < 1
            return
        assert 1 <= credits <= model.available
        if not crash:
            model.deposited -= credits
            model.available -= credits
            self.grants += 1

    @rule(target=holds, at=st.integers(0, 2), credits=st.integers(0, 30), crash=st.booleans())
    def hold(self, at: int, credits: int, crash: bool) -> Any:
        account_id, run_id = self.pick(at), new_id()
        model = self.accounts[account_id]
        try:
            transact(self.database, crash, ledger.hold, account_id, run_id, credits)
        except InsufficientCredits:
            assert credits > model.available
            return run_id
        assert credits <= model.available
        if not crash:
            model.available -= credits
            model.held += credits
            self.runs[run_id] = HoldModel(account_id, credits)
        return run_id

    @rule(run_id=holds)
    def hold_again(self, run_id: str) -> None:
        run = self.runs.get(run_id)
        if run is None:
            return
        # Refused by the database: a run has one hold.
        with pytest.raises((DatabaseRefused, InsufficientCredits)):
            transact(self.database, False, ledger.hold, run.account_id, run_id, 1)

    @rule(
        run_id=holds,
        key=steps,
        credits=st.integers(1, 9),
        crash=st.booleans(),
        times=st.integers(1, 3),
    )
    def capture(self, run_id: str, key: str, credits: int, crash: bool, times: int) -> None:
        run = self.runs.get(run_id)
        for _ in range(times):
            try:
                taken = transact(self.database, crash, ledger.capture, run_id, key, credits)
            except LedgerError:
                left = 0 if run is None else run.held - sum(run.captured.values())
                assert run is None or run.released is not None or credits > left
                assert run is None or key not in run.captured
                continue
            assert run is not None, "captured without a hold"
            if taken:
                assert run.released is None, "captured after the release"
                assert key not in run.captured, "captured twice"
                run.captured[key] = credits
                self.accounts[run.account_id].held -= credits
                self.accounts[run.account_id].captured += credits
            elif not crash:
                assert key in run.captured

    @rule(run_id=holds, crash=st.booleans(), times=st.integers(1, 3))
    def release(self, run_id: str, crash: bool, times: int) -> None:
        run = self.runs.get(run_id)
        for _ in range(times):
            try:
                given = transact(self.database, crash, ledger.release, run_id)
            except LedgerError:
                assert run is None
                continue
            assert run is not None
            if given is None:
                continue
            if run.released is not None:
                assert given == 0, "released twice"
                continue
            run.released = run.held - sum(run.captured.values())
            assert given == run.released
            self.accounts[run.account_id].held -= given
            self.accounts[run.account_id].available += given

    @invariant()
    def the_database_is_the_model(self) -> None:
        with self.database.read() as session:
            for account_id, model in self.accounts.items():
                row = session.get_one(CreditAccount, account_id)
                found = AccountModel(row.deposited, row.available, row.held, row.captured)
                assert found == model
                assert row.available + row.held + row.captured == row.deposited
                assert min(row.available, row.held, row.captured) >= 0
                open_holds = [
                    run_id for run_id, run in self.runs.items() if run.account_id == account_id
                ]
                assert row.held == sum(ledger.held_for(session, run_id) for run_id in open_holds)
                assert row.captured == sum(
                    ledger.captured_by(session, run_id) for run_id in open_holds
                )
            entries = session.scalars(
                sa.select(CreditEntry).where(CreditEntry.account_id.in_(self.accounts))
            ).all()
        expected: list[tuple[str, str | None, str | None, int]] = []
        for run_id, run in self.runs.items():
            expected.append(("hold", run_id, None, run.held))
            expected += [("capture", run_id, key, n) for key, n in run.captured.items()]
            if run.released is not None:
                expected.append(("release", run_id, None, run.released))
        found_entries = [(one.kind, one.run_id, one.step_key, one.credits) for one in entries]
        assert sorted(found_entries, key=repr) == sorted(
            [*expected, *(one for one in found_entries if one[0] == "grant")], key=repr
        )
        grants = [credits for kind, _, _, credits in found_entries if kind == "grant"]
        assert len(grants) == self.grants
        assert sum(grants) == sum(model.deposited for model in self.accounts.values())


def test_no_sequence_of_movements_makes_or_loses_a_credit(database: Database) -> None:
    run_machine(LedgerMachine, database, 60)


# The engine's transactions over it


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
