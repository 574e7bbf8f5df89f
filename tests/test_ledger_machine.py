"""Credits: no sequence of movements and crashes makes or loses one.

A state machine over the ledger, on SQLite and on Postgres. A crash is an exception inside a
transaction, just before its commit.
"""

from __future__ import annotations

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

from cascade import ledger
from cascade.errors import (
    CorrectionTooLarge,
    DatabaseRefused,
    InsufficientCredits,
)
from cascade.ledger import LedgerError
from cascade.store import accounts
from cascade.store.database import Database
from cascade.store.ids import new_id
from cascade.store.tables import (
    CreditAccount,
    CreditEntry,
)
from tests.helpers.machines import (
    machine_database,
    new_account,
    run_machine,
    transact,
)

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
