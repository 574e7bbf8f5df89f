"""Prices, breakdowns and the critical path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.story.estimate import breakdown, calls_in_a_row
from cascade.story.kinds import CASCADE, KINDS, Kind
from cascade.story.plan import Step


def test_prices() -> None:
    assert {row.name: row.credits for row in CASCADE} == {
        "beatContent": 3,
        "keyAction": 2,
        "scenePlot": 3,
        "script": 4,
    }


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 9))))
def test_a_breakdown_counts_every_kind(drawn: list[tuple[Kind, int]]) -> None:
    steps = [Step("key", "beat", kind, None, credits, "") for kind, credits in drawn]
    found = breakdown(steps)
    assert list(found) == list(KINDS)
    for kind, (count, credits) in found.items():
        # The prices of the plan's own steps, whatever they cost today.
        prices = [price for one, price in drawn if one == kind]
        assert (count, credits) == (len(prices), sum(prices))


@pytest.mark.parametrize(
    ("sizes", "concurrency", "calls"),
    [
        ([], 4, 0),
        ([1, 1, 1, 1], 4, 4),
        ([1, 1, 1, 5], 4, 5),
        ([1, 4, 1, 8], 4, 5),
        ([1, 5], 1, 6),
        ([5], 64, 1),
    ],
)
def test_calls_in_a_row(sizes: list[int], concurrency: int, calls: int) -> None:
    groups = [[f"{n}/{m}" for m in range(size)] for n, size in enumerate(sizes)]
    assert calls_in_a_row(groups, concurrency) == calls
