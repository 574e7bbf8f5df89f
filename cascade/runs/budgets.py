"""Budgets: what a project's runs may use in a month, and the one way credits are set aside for one.

A capture counts in the month of its moment, what is on hold in the present one: so what is used
and held this month never passes the budget by a start, and a run under way is never cut off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import BudgetExceeded
from cascade.store import books, outbox, rules
from cascade.store.rules import Rules
from cascade.store.tables import CreditAccount, now
from cascade.story.months import Month, month_of

# From how much of a budget on its project's producers are warned.
WARNED_PERCENT = 80


@dataclass(frozen=True, slots=True)
class Budget:
    """How a project's budget of a month stands: the credits of it, what of them is used and held.

    `month` is one of the project's `time_zone`; at its end the budget begins anew.
    """

    credits: int
    used: int
    held: int
    month: Month
    time_zone: str

    @property
    def left(self) -> int:
        """What may still be started; 0 where more is used or held than a later budget allows."""
        return max(0, self.credits - self.used - self.held)

    @property
    def anew(self) -> datetime:
        """When it begins anew, by the project's clock."""
        return self.month.end.astimezone(ZoneInfo(self.time_zone))

    def lacks(self, more: int) -> int:
        """How many credits it is short of for a run of so many more; 0 where they suffice."""
        return max(0, more - self.left)

    @property
    def is_short(self) -> bool:
        """Whether it has come to where its project's producers are warned."""
        return (self.used + self.held) * 100 >= self.credits * WARNED_PERCENT

    def with_held(self, more: int) -> Budget:
        """How it stands when a run of so many more is started."""
        return replace(self, held=self.held + more)

    def is_crossed_by(self, more: int) -> bool:
        """Whether a run of so many more takes it to where its producers are warned."""
        return not self.is_short and self.with_held(more).is_short


def standing(
    session: Session, project_id: str, of: Rules, at: datetime | None = None
) -> Budget | None:
    """How a project's budget stands at this moment; None where it has none."""
    if of.budget is None:
        return None
    month = month_of(at or now(), of.time_zone)
    use = books.uses(session, {project_id: month})[project_id]
    return Budget(of.budget, use.used, use.held, month, of.time_zone)


def check(session: Session, project_id: str, credits: int) -> Budget | None:
    """How a project's budget stands, with room for so many more; None where it has none.

    Whoever asks at the same moment in that project waits until this transaction has ended.
    Raises BudgetExceeded.
    """
    budget = standing(session, project_id, rules.lock(session, project_id))
    if budget is not None and budget.lacks(credits):
        raise BudgetExceeded(
            needed=credits,
            budget=budget.credits,
            used=budget.used,
            held=budget.held,
            anew=budget.anew,
            zone=budget.time_zone,
        )
    return budget


def hold(session: Session, account_id: str, run_id: str, credits: int) -> None:
    """Sets credits aside for a run, where the budget of the account's project has that many left.

    Whoever starts at the same moment in that project waits until this transaction has ended.
    Raises BudgetExceeded, and InsufficientCredits if not that many are available.
    """
    whose = sa.select(CreditAccount.project_id).where(CreditAccount.id == account_id)
    project_id = session.scalars(whose).one()
    budget = check(session, project_id, credits)
    ledger.hold(session, account_id, run_id, credits)
    if budget is not None:
        after = budget.with_held(credits)
        # Where a month begins with so much on hold nobody crosses anything: the next start tells.
        if after.is_short and not (budget.is_short and _was_told(session, project_id, budget)):
            _warn(session, project_id, after, run_id)


def warn_if_short(session: Session, project_id: str, of: Rules) -> None:
    """Tells that a project's budget, which was set just now, is as good as used up already."""
    budget = standing(session, project_id, of)
    if budget is not None and budget.is_short and not _was_told(session, project_id, budget):
        _warn(session, project_id, budget, None)


def _was_told(session: Session, project_id: str, budget: Budget) -> bool:
    return outbox.was_told(session, "budget.crossed", _crossing(project_id, budget))


def _warn(session: Session, project_id: str, budget: Budget, run_id: str | None) -> None:
    fields = {
        "month": budget.month.name,
        "percent": WARNED_PERCENT,
        "budget": budget.credits,
        "used": budget.used,
        "held": budget.held,
        "beginsAnew": budget.anew.isoformat(),
        "runId": run_id,
    }
    about = _crossing(project_id, budget)
    outbox.tell(session, "budget.crossed", project_id, fields, about=about)


def _crossing(project_id: str, budget: Budget) -> str:
    """What a warning is about: once a month and height of the budget, unless it falls again."""
    return f"{project_id}/{budget.month.name}/{budget.credits}"
