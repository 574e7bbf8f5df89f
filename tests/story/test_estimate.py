"""Prices and the critical path."""

from __future__ import annotations

import pytest

from cascade.story.estimate import calls_in_a_row
from cascade.story.kinds import CASCADE


def test_prices() -> None:
    assert {row.name: row.credits for row in CASCADE} == {
        "beatContent": 3,
        "keyAction": 2,
        "scenePlot": 3,
        "script": 4,
    }


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
