"""What a plan costs: whole credits a step, and the breakdown shown before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from cascade.story.story import KINDS, Kind

PRICES: Mapping[Kind, int] = MappingProxyType(
    {"beatContent": 3, "keyAction": 2, "scenePlot": 3, "script": 4}
)


def breakdown(kinds: Iterable[Kind]) -> dict[Kind, tuple[int, int]]:
    """How many steps of each kind, and what they cost together: `{kind: (count, credits)}`.

    Every kind is there, with zeros where no step is of it.
    """
    counts = dict.fromkeys(KINDS, 0)
    for kind in kinds:
        counts[kind] += 1
    return {kind: (count, count * PRICES[kind]) for kind, count in counts.items()}


def calls_in_a_row(groups: Sequence[Sequence[str]], concurrency: int) -> int:
    """How many model calls a run makes one after the other: its critical path, in calls.

    `groups` run one after the other, the members of a group at the same time, `concurrency` at
    most.
    """
    return sum(-(-len(group) // concurrency) for group in groups)
