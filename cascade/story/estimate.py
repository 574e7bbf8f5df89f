"""What a plan costs: whole credits a step, and the breakdown shown before anything is paid."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cascade.story.kinds import KINDS, Kind
from cascade.story.plan import Step


def breakdown(steps: Iterable[Step]) -> dict[Kind, tuple[int, int]]:
    """How many steps of each kind, and what they cost together: `{kind: (count, credits)}`.

    Every kind is there, with zeros where no step is of it.
    """
    found = dict.fromkeys(KINDS, (0, 0))
    for step in steps:
        count, credits = found[step.kind]
        found[step.kind] = count + 1, credits + step.credits
    return found


def calls_in_a_row(groups: Sequence[Sequence[str]], concurrency: int) -> int:
    """How many model calls a run makes one after the other: its critical path, in calls.

    `groups` run one after the other, the members of a group at the same time, `concurrency` at
    most.
    """
    return sum(-(-len(group) // concurrency) for group in groups)
