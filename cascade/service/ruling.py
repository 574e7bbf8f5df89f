"""Projects: what each allows those who work in it, and what was spent and is held there."""

from __future__ import annotations

import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypedDict

from cascade.display import is_storable
from cascade.errors import BadRule
from cascade.runs import budgets
from cascade.runs.budgets import Budget
from cascade.service.access import Gate, View
from cascade.store import accounts, books, rules
from cascade.store.rules import Rules
from cascade.story.months import Month, month_of

# A threshold or a budget, in credits.
MOST_OF_A_RULE = 1_000_000_000
MOST_WRITERS = 20
_LONGEST_WRITER = 200


class RuleChange(TypedDict, total=False):
    """What is to be set for a project; what is not said stays as it is, None takes it away."""

    approve_above: int | None
    budget: int | None
    time_zone: str
    writers: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ProjectView:
    """A project in a list, with what was spent in it this month and what is on hold in it now.

    The `month` is that of its time zone.
    """

    id: str
    name: str
    spent: int
    held: int
    month: Month
    rules: Rules

    @property
    def standing(self) -> Budget | None:
        """How its budget stands; None where it has none."""
        of = self.rules
        if of.budget is None:
            return None
        return Budget(of.budget, self.spent, self.held, self.month, of.time_zone)


class Ruling(View):
    """The use cases about what projects allow."""

    def projects(self) -> list[ProjectView]:
        """The projects whose spending is theirs to see, the oldest first."""
        with self._reading() as gate:
            return project_views(gate, accounts.named_projects(gate.session))

    def set_project(self, project: str | None, change: RuleChange) -> Rules:
        """Sets what a project allows, by its id or name, else the only one; what is set now.

        What is set so already changes nothing. Raises UnknownProject, NotAllowed, BadRule.
        """
        values = _checked(change)
        with self._writing() as gate:
            project_id = gate.meant(accounts.named_projects(gate.session), project)
            gate.permit_in("rules", project_id)
            before, after = rules.change(gate.session, project_id, values, self._by)
            if (before.budget, before.time_zone) != (after.budget, after.time_zone):
                budgets.warn_if_short(gate.session, project_id, after)
            return after


def project_views(gate: Gate, there: Mapping[str, str]) -> list[ProjectView]:
    """Of the projects there are, by their names, those whose spending is this person's to see."""
    projects = gate.projects_for("audit")
    if projects is not None and not projects:
        return []
    seen = [one for one in there if projects is None or one in projects]
    set_ = rules.of_all(gate.session, seen)
    now = datetime.now(UTC)
    months = {id_: month_of(now, its.time_zone) for id_, its in set_.items()}
    use = books.uses(gate.session, months)
    return [
        ProjectView(id_, there[id_], use[id_].used, use[id_].held, months[id_], set_[id_])
        for id_ in seen
    ]


def _checked(change: RuleChange) -> RuleChange:
    """What is to be set as it is kept. Raises BadRule."""
    kept = change.copy()
    for name, credits in (
        ("approve_above", change.get("approve_above")),
        ("budget", change.get("budget")),
    ):
        if credits is not None and not 0 <= credits <= MOST_OF_A_RULE:
            why = f"it is to be 0 to {MOST_OF_A_RULE:,} credits, or none"
            raise BadRule(name, why, MOST_OF_A_RULE)
    if "time_zone" in change and change["time_zone"] not in zoneinfo.available_timezones():
        raise BadRule("time_zone", "it is to be the name of a zone, as Asia/Jakarta or UTC")
    writers = change.get("writers")
    if writers is not None:
        kept["writers"] = tuple(dict.fromkeys(one.strip().lower() for one in writers))
        if not 1 <= len(writers) <= MOST_WRITERS or not all(map(_is_name, kept["writers"] or ())):
            raise BadRule(
                "writers",
                f"it is to be the names of 1 to {MOST_WRITERS} servers, as api.openai.com, or "
                "offline, or none for any",
                MOST_WRITERS,
            )
    return kept


def _is_name(writer: str) -> bool:
    is_word = writer.isprintable() and not any(map(str.isspace, writer))
    return 0 < len(writer) <= _LONGEST_WRITER and is_word and is_storable(writer)
