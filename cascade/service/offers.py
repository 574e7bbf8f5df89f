"""What use cases answer with: a priced plan, the cost of a run, what somebody has for runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cascade.runs.budgets import Budget
from cascade.runs.requests import RequestCause
from cascade.settings import Settings
from cascade.store.accounts import Purses
from cascade.store.calls import Used
from cascade.story.plan import Plan


@dataclass(frozen=True, slots=True)
class Funds:
    """Credits of one person in a project: what they may use, and what their runs have set aside."""

    available: int
    held: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan with what the one who asks needs for deciding: balance, seconds, the budget now.

    `budget` is None where the project has none. `server` is to where texts go, None for nowhere;
    with `writer_refused` the project does not allow it, and the start would be refused. `needs` is
    why somebody else has to decide it: `threshold` where its price is above the project's,
    `credits` where the project's account pays it; None where it starts at once, or not.
    """

    plan: Plan
    available: int
    expected_seconds: float
    budget: Budget | None = None
    server: str | None = None
    writer_refused: bool = False
    needs: RequestCause | None = None

    @property
    def missing(self) -> int:
        """Credits of one's own that are missing; 0 where they suffice."""
        return max(0, self.plan.estimated_credits - self.available)

    @property
    def over_budget(self) -> int:
        """Credits that the project's budget is short of; with any the start would be refused."""
        return self.budget.lacks(self.plan.estimated_credits) if self.budget is not None else 0

    @property
    def crosses_budget(self) -> bool:
        """Whether it takes the budget to where the project's producers are warned."""
        credits = self.plan.estimated_credits
        return self.budget is not None and self.budget.is_crossed_by(credits)

    def accepting(self, key: str) -> tuple[int, int, int]:
        """Its price in parts: one step's text; how many steps are left besides, and their price."""
        own = self.plan.step(key).credits
        return own, len(self.plan.steps) - 1, self.plan.estimated_credits - own


@dataclass(frozen=True, slots=True)
class Cost:
    """Money; not `complete` where some call's tokens are unknown, so that it was more."""

    amount: float
    currency: str
    complete: bool


def funds_of(purses: Purses) -> Funds:
    """A person's own credits in a project; none where there is no account yet."""
    return Funds(purses.available, purses.held)


def cost_of(tokens: Iterable[Used], settings: Settings) -> Cost | None:
    """What calls cost that used these tokens, by the settings' prices; None where none is set."""
    if settings.price_prompt is None or settings.price_completion is None:
        return None
    cached_price = settings.price_cached
    if cached_price is None:
        cached_price = settings.price_prompt
    millionths, complete = 0.0, True
    for used in tokens:
        millionths += (used.prompt_tokens - used.cached_tokens) * settings.price_prompt
        millionths += used.cached_tokens * cached_price
        millionths += used.completion_tokens * settings.price_completion
        complete = complete and not used.unknown_calls
    return Cost(millionths / 1_000_000, settings.price_currency, complete)
