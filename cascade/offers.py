"""What use cases answer with: a story in a list, a priced plan, the cost of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cascade.story.plan import Plan


@dataclass(frozen=True, slots=True)
class StorySummary:
    """A story in a list."""

    id: str
    title: str
    structure_type: str
    language: str
    beats: int
    scenes: int


@dataclass(frozen=True, slots=True)
class Draft:
    """What an editor has pending on a story: new levels and wishes for them, by beat key."""

    levels: Mapping[str, int]
    directions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan with what the one who asks needs for deciding: balance and expected seconds."""

    plan: Plan
    available: int
    expected_seconds: float

    @property
    def missing(self) -> int:
        """Credits that are missing; 0 where they suffice."""
        return max(0, self.plan.estimated_credits - self.available)


@dataclass(frozen=True, slots=True)
class Cost:
    """Money; not `complete` where some call's tokens are unknown, so that it was more."""

    amount: float
    currency: str
    complete: bool
