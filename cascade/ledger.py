"""Credits, in two phases: hold at the start of a run, capture a step, release what is left.

Every function works inside the caller's transaction and locks the account's row first, so that
movements of one account happen one after the other. The vocabulary is that of two-phase transfers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import CorrectionTooLarge, InsufficientCredits
from cascade.store.columns import UtcDateTime
from cascade.store.tables import (
    CAPTURE,
    HOLD,
    ONCE_A_RUN,
    RELEASE,
    Base,
    CreditAccount,
    CreditEntry,
    EntryKind,
    now,
)


@dataclass(frozen=True, slots=True)
class Credits:
    """A user's credits over some accounts; `entries` as the surfaces show them, oldest first."""

    user: str
    deposited: int
    available: int
    held: int
    captured: int
    entries: tuple[dict[str, Any], ...]


class LedgerError(Exception):
    """A movement that the rules forbid; a mistake in the program, never a user's."""


def grant(session: Session, account_id: str, credits: int, reason: str | None = None) -> int:
    """Puts whole credits into an account; how many were ever put into it.

    Raises LedgerError unless there is at least one.
    """
    if credits < 1:
        raise LedgerError(f"a grant of {credits} credits")
    _move(session, account_id, deposited=credits, available=credits)
    _enter(session, account_id, "grant", credits, reason=reason)
    return int(_lock(session, account_id).deposited)


def take_back(session: Session, account_id: str, credits: int, reason: str | None = None) -> int:
    """Takes what was given in error out of an account; how many credits are left put into it.

    It is entered as a grant of fewer than none, so that the sum of grants is what was put in.
    Raises CorrectionTooLarge where that many are not available, and LedgerError unless there is at
    least one.
    """
    if credits < 1:
        raise LedgerError(f"a correction of {credits} credits")
    account = _lock(session, account_id)
    if account.available < credits:
        raise CorrectionTooLarge(credits, account.available)
    _move(session, account_id, deposited=-credits, available=-credits)
    _enter(session, account_id, "grant", -credits, reason=reason)
    return int(_lock(session, account_id).deposited)


def hold(session: Session, account_id: str, run_id: str, credits: int) -> None:
    """Sets credits aside for a run. Raises InsufficientCredits if not that many are available."""
    account = _lock(session, account_id)
    if account.available < credits:
        raise InsufficientCredits(credits, account.available)
    _move(session, account_id, available=-credits, held=credits)
    _enter(session, account_id, "hold", credits, run_id)


def capture(session: Session, run_id: str, step_key: str, credits: int) -> bool:
    """Takes a step's price out of the run's hold; False, with nothing done, if it was taken before.

    Raises LedgerError if the run has no open hold or not that much is left of it.
    """
    entry = {"run": run_id, "step": step_key, "price": credits, "at": now()}
    moved = session.scalar(_TAKEN, {"run": run_id, "price": credits})
    if moved is not None and session.scalar(_NEW_CAPTURE, entry) is not None:
        return True
    account_id = _account_of(session, run_id)
    if moved is not None:
        _move(session, account_id, held=credits, captured=-credits)
    if session.scalar(_WAS_CAPTURED, {"run": run_id, "step": step_key}):
        return False
    raise LedgerError(f"run {run_id} has less than {credits} credits on hold for {step_key}")


def release(session: Session, run_id: str) -> int:
    """Gives back what is left of a run's hold, once; how many credits that were (then 0)."""
    account_id = _account_of(session, run_id)
    _lock(session, account_id)
    if session.scalar(_WAS_RELEASED, {"run": run_id}):
        return 0
    rest = held_for(session, run_id)
    _move(session, account_id, available=rest, held=-rest)
    _enter(session, account_id, "release", rest, run_id)
    return rest


def held_for(session: Session, run_id: str) -> int:
    """Credits that are still on hold for a run: 0 before its hold and after its release."""
    held, captured, is_released = session.execute(_SUMS, {"run": run_id}).one()
    return 0 if is_released else int(held) - int(captured)


def captured_by(session: Session, run_id: str) -> int:
    """Credits that a run has used so far."""
    return int(session.scalar(_USED, {"run": run_id}) or 0)


def statement(session: Session, user: str, account_ids: Sequence[str]) -> Credits:
    """What accounts of a user have, hold and have used, with every movement."""
    sums = session.execute(
        sa.select(
            *(
                sa.func.coalesce(sa.func.sum(column), 0)
                for column in (
                    CreditAccount.deposited,
                    CreditAccount.available,
                    CreditAccount.held,
                    CreditAccount.captured,
                )
            )
        ).where(CreditAccount.id.in_(account_ids))
    ).one()
    rows = session.scalars(
        sa.select(CreditEntry)
        .where(CreditEntry.account_id.in_(account_ids))
        .order_by(CreditEntry.id)
    )
    entries = tuple(
        {
            "runId": row.run_id,
            "stepKey": row.step_key,
            "kind": row.kind,
            "credits": row.credits,
            "at": row.at.isoformat(),
        }
        for row in rows
    )
    deposited, available, held, captured = (int(one) for one in sums)
    return Credits(user, deposited, available, held, captured, entries)


# Statements are made once, and name tables: making one takes longer than executing it, and one that
# names classes is made again each time.
_ENTRIES = Base.metadata.tables[CreditEntry.__tablename__]
_ACCOUNTS = Base.metadata.tables[CreditAccount.__tablename__]
_RUN: sa.BindParameter[str] = sa.bindparam("run", type_=sa.Text())
_STEP: sa.BindParameter[str] = sa.bindparam("step", type_=sa.Text())
_PRICE: sa.BindParameter[int] = sa.bindparam("price", type_=sa.Integer())


def _once(
    kind: sa.ColumnElement[str], *of: sa.ColumnElement[Any], table: sa.FromClause = _ENTRIES
) -> sa.Select[Any]:
    """Columns of the one hold, or release, that a run has.

    The kind is no parameter: it would keep SQLite from the index, or have it plan each time anew.
    """
    return sa.select(*of).where(
        table.c.run_id == _RUN, table.c.kind == kind, table.c.kind.in_(ONCE_A_RUN)
    )


def _captured(*of: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Columns over what a run has used so far."""
    return sa.select(*of).where(_ENTRIES.c.run_id == _RUN, _ENTRIES.c.kind == CAPTURE)


# The account of a run's hold, what the run has used, and whether it has its release or a step's
# capture.
_PAID_BY = _once(HOLD, _ENTRIES.c.account_id)
_USED = _captured(sa.func.coalesce(sa.func.sum(_ENTRIES.c.credits), 0))
_IS_RELEASED = _once(RELEASE, _ENTRIES.c.id).exists()
_IS_CAPTURED = _captured(_ENTRIES.c.id).where(_ENTRIES.c.step_key == _STEP).exists()
_SUMS = sa.select(
    sa.func.coalesce(_once(HOLD, _ENTRIES.c.credits).scalar_subquery(), 0),
    _USED.scalar_subquery(),
    _IS_RELEASED,
)
_WAS_RELEASED, _WAS_CAPTURED = sa.select(_IS_RELEASED), sa.select(_IS_CAPTURED)


def _new_capture() -> sa.Executable:
    """Enters a capture where the run's hold is open, has that much left, and has none of the step.

    In one statement, for the account's row is locked by then.
    """
    held = _ENTRIES.alias()
    entry = _once(
        HOLD,
        held.c.account_id,
        sa.literal("capture"),
        sa.cast(_PRICE, sa.Integer),
        held.c.run_id,
        sa.cast(_STEP, sa.Text),
        sa.bindparam("at", type_=UtcDateTime),
        table=held,
    ).where(
        ~_IS_RELEASED,
        ~_IS_CAPTURED,
        held.c.credits - _USED.scalar_subquery() >= _PRICE,
    )
    columns = ["account_id", "kind", "credits", "run_id", "step_key", "at"]
    return sa.insert(_ENTRIES).from_select(columns, entry).returning(_ENTRIES.c.id)


def _taken() -> sa.Executable:
    """Takes a price out of what the account of a run's hold has on hold, where it has that much."""
    there = _ACCOUNTS.c
    return (
        sa.update(_ACCOUNTS)
        .where(there.id == _PAID_BY.scalar_subquery(), there.held >= _PRICE)
        .values(held=there.held - _PRICE, captured=there.captured + _PRICE)
        .returning(there.id)
    )


_NEW_CAPTURE = _new_capture()
_TAKEN = _taken()


def _account_of(session: Session, run_id: str) -> str:
    account_id: str | None = session.scalar(_PAID_BY, {"run": run_id})
    if account_id is None:
        raise LedgerError(f"run {run_id} has no hold")
    return account_id


def _lock(session: Session, account_id: str) -> CreditAccount:
    return session.execute(
        sa.select(CreditAccount)
        .where(CreditAccount.id == account_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).scalar_one()


def _move(session: Session, account_id: str, **amounts: int) -> None:
    session.execute(
        sa.update(CreditAccount)
        .where(CreditAccount.id == account_id)
        .values({name: getattr(CreditAccount, name) + n for name, n in amounts.items()})
        .execution_options(synchronize_session=False)
    )


def _enter(
    session: Session,
    account_id: str,
    kind: EntryKind,
    credits: int,
    run_id: str | None = None,
    step_key: str | None = None,
    reason: str | None = None,
) -> None:
    session.add(
        CreditEntry(
            account_id=account_id,
            kind=kind,
            credits=credits,
            run_id=run_id,
            step_key=step_key,
            reason=reason,
        )
    )
    session.flush()
