"""What a step costs in whole credits, and how many calls a run makes one after the other."""

from __future__ import annotations

from collections.abc import Sequence


def calls_in_a_row(groups: Sequence[Sequence[str]], concurrency: int) -> int:
    """How many model calls a run makes one after the other: its critical path, in calls.

    `groups` run one after the other, the members of a group at the same time, `concurrency` at
    most.
    """
    return sum(-(-len(group) // concurrency) for group in groups)
