"""Credits, in two phases: hold at the start of a run, capture a step, release what is left.

Every function works inside the caller's transaction and locks the account's row first, so that
movements of one account happen one after the other. The vocabulary is that of two-phase transfers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from cascade.errors import CorrectionTooLarge, InsufficientCredits
from cascade.store.columns import UtcDateTime
from cascade.store.tables import (
    CAPTURE,
    ONCE_A_RUN,
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
    if _entries(session, run_id, "capture", step_key):
        return False
    raise LedgerError(f"run {run_id} has less than {credits} credits on hold for {step_key}")


def release(session: Session, run_id: str) -> int:
    """Gives back what is left of a run's hold, once; how many credits that were (then 0)."""
    account_id = _account_of(session, run_id)
    _lock(session, account_id)
    if _entries(session, run_id, "release"):
        return 0
    rest = held_for(session, run_id)
    _move(session, account_id, available=rest, held=-rest)
    _enter(session, account_id, "release", rest, run_id)
    return rest


def held_for(session: Session, run_id: str) -> int:
    """Credits that are still on hold for a run: 0 before its hold and after its release."""
    sums = _sums(session, run_id)
    if "release" in sums:
        return 0
    return sums.get("hold", 0) - sums.get("capture", 0)


def captured_by(session: Session, run_id: str) -> int:
    """Credits that a run has used so far."""
    return _sums(session, run_id).get("capture", 0)


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


def _sums(session: Session, run_id: str) -> dict[str, int]:
    rows = session.execute(
        sa.select(CreditEntry.kind, sa.func.sum(CreditEntry.credits))
        .where(CreditEntry.run_id == run_id)
        .group_by(CreditEntry.kind)
    )
    return {kind: int(total) for kind, total in rows}


def _entries(session: Session, run_id: str, kind: EntryKind, step_key: str | None = None) -> bool:
    wanted = [CreditEntry.run_id == run_id, CreditEntry.kind == kind]
    if step_key is not None:
        wanted.append(CreditEntry.step_key == step_key)
    return session.execute(sa.select(sa.literal(1)).where(*wanted).limit(1)).first() is not None


def _new_capture() -> sa.Executable:
    """Enters a capture where the run's hold is open, has that much left, and has none of the step.

    In one statement, for the account's row is locked by then.
    """
    run_id: sa.BindParameter[str] = sa.bindparam("run")
    step_key: sa.BindParameter[str] = sa.bindparam("step")
    credits: sa.BindParameter[int] = sa.bindparam("price")
    other = aliased(CreditEntry)
    of_run = sa.select(other.id).where(other.run_id == run_id)
    captured = sa.select(sa.func.coalesce(sa.func.sum(other.credits), 0)).where(
        other.run_id == run_id, other.kind == CAPTURE
    )
    entry = sa.select(
        CreditEntry.account_id,
        sa.literal("capture"),
        sa.cast(credits, sa.Integer),
        CreditEntry.run_id,
        sa.cast(step_key, sa.Text),
        sa.bindparam("at", type_=UtcDateTime),
    ).where(
        CreditEntry.run_id == run_id,
        CreditEntry.kind == "hold",
        CreditEntry.kind.in_(ONCE_A_RUN),
        ~of_run.where(other.kind == "release", other.kind.in_(ONCE_A_RUN)).exists(),
        ~of_run.where(other.kind == CAPTURE, other.step_key == step_key).exists(),
        CreditEntry.credits - captured.scalar_subquery() >= credits,
    )
    columns = ["account_id", "kind", "credits", "run_id", "step_key", "at"]
    table = Base.metadata.tables[CreditEntry.__tablename__]
    return sa.insert(table).from_select(columns, entry).returning(table.c.id)


def _taken() -> sa.Executable:
    """Takes a price out of what the account of a run's hold has on hold, where it has that much."""
    price: sa.BindParameter[int] = sa.bindparam("price", type_=sa.Integer())
    accounts = Base.metadata.tables[CreditAccount.__tablename__]
    there = accounts.c
    return (
        sa.update(accounts)
        .where(there.id == _PAID_BY.scalar_subquery(), there.held >= price)
        .values(held=there.held - price, captured=there.captured + price)
        .returning(there.id)
    )


# Made once: making a statement takes longer than executing it.
_NEW_CAPTURE = _new_capture()
# The account of a run's hold.
_PAID_BY = sa.select(CreditEntry.account_id).where(
    CreditEntry.run_id == sa.bindparam("run"),
    CreditEntry.kind == "hold",
    CreditEntry.kind.in_(ONCE_A_RUN),
)
_TAKEN = _taken()


def _account_of(session: Session, run_id: str) -> str:
    account_id = session.scalar(_PAID_BY, {"run": run_id})
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
