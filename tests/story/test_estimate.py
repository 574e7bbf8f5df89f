"""Prices, breakdowns and the critical path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.story.estimate import PRICES, breakdown, calls_in_a_row
from cascade.story.story import KINDS, Kind


def test_prices() -> None:
    assert dict(PRICES) == {"beatContent": 3, "keyAction": 2, "scenePlot": 3, "script": 4}


@given(st.lists(st.sampled_from(KINDS)))
def test_a_breakdown_counts_every_kind(kinds: list[Kind]) -> None:
    found = breakdown(kinds)
    assert list(found) == list(KINDS)
    for kind, (count, credits) in found.items():
        assert count == kinds.count(kind)
        assert (
            credits == count * {"beatContent": 3, "keyAction": 2, "scenePlot": 3, "script": 4}[kind]
        )


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
