"""The ledger as a file for a spreadsheet: every movement, as it is kept."""

from __future__ import annotations

from cascade.service import AccountView, Desk, MoneyFilter, Movement
from cascade.ui.kit import spreadsheet

COLUMNS = ("id", "at", "project", "user", "kind", "credits", "run", "step", "story", "reason")


def as_csv(desk: Desk, asked: MoneyFilter) -> bytes:
    """All movements of the accounts that are asked for, the newest first. Raises NotAllowed."""
    rows = (_values(one, account) for one, account in desk.ledger_rows(asked))
    return spreadsheet.as_csv(COLUMNS, rows)


def _values(one: Movement, account: AccountView) -> tuple[object, ...]:
    return (
        one.id,
        one.at.isoformat(),
        account.project,
        account.user,
        one.kind,
        one.credits,
        one.run_id,
        one.step_key,
        one.story_id,
        one.reason,
    )
