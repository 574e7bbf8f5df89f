"""Money: what accounts have, hold and have spent, the ledger, and what a month came to.

Everybody sees their own accounts; who may see those of others sees all of the project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cascade import ledger
from cascade.display import is_storable
from cascade.errors import BadField, GrantIncomplete, UnknownUser
from cascade.service.access import Gate, View
from cascade.service.ruling import ProjectView, project_views
from cascade.store import accounts, audit, books, people, rules, stories
from cascade.store.accounts import Actor
from cascade.store.audit import Entry
from cascade.store.books import AccountView, Hold, Line, Movement, Spent
from cascade.story.months import Month, month_of, named_month

MOST_CREDITS = 1_000_000
# A reason stands in the ledger and in the audit.
MOST_OF_A_REASON = 500
# How many entries are read in one transaction where all are asked for.
PORTION = 20_000


@dataclass(frozen=True, slots=True)
class MoneyFilter:
    """Whose accounts are asked for, by a project's id and a user's name; None means any.

    Without a name, but not None, `user` means those of projects themselves.
    """

    project: str | None = None
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Grantee:
    """Somebody to whom credits may be given in a project, by its id; no `user` is the project."""

    project_id: str
    project: str
    user: str
    display_name: str


@dataclass(frozen=True, slots=True)
class MoneyPage:
    """The accounts that are asked for, and what became of their credits.

    `projects` and `users` are what they can be narrowed by, `users` without a name where a project
    has an account of its own that is theirs to see; `titles` what stories are called by
    their ids; `is_more` where there are older lines. `ruled` are the projects that are asked for
    and whose spending as a whole is theirs to see, with what each allows.
    """

    accounts: tuple[AccountView, ...]
    holds: tuple[Hold, ...]
    lines: tuple[Line, ...]
    is_more: bool
    spent: tuple[Spent, ...]
    projects: Mapping[str, str]
    users: Mapping[str, str]
    titles: Mapping[str, str]
    grantees: tuple[Grantee, ...]
    ruled: tuple[ProjectView, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """What a project's credits did in a month: `opening + grants - captures = closing`.

    The month is that of the project's `time_zone`. `held` is what was on hold at its end, or is
    now; `budget` what the project may use in a month, None for no limit. Each entry stands with the
    name of whose account it is of.
    """

    project: str
    project_name: str
    month: str
    opening: int
    grants: int
    captures: int
    closing: int
    held: int
    entries: tuple[tuple[Movement, str], ...]
    budget: int | None
    time_zone: str


class Stating(View):
    """The use case of saying what a month came to."""

    def statement(self, project: str | None = None, month: str | None = None) -> Statement:
        """What a project's credits did in a month as `2026-11`, in this one unless said.

        A project by its id or name, the only one of theirs unless said. Raises UnknownProject,
        NotAllowed, BadField.
        """
        with self._reading() as gate:
            there = accounts.named_projects(gate.session)
            project_id = gate.meant(there, project)
            gate.permit_in("statement", project_id)
            its = rules.of(gate.session, project_id)
            meant = _month(month, its.time_zone)
            sums = books.sums(gate.session, project_id, meant.begin, meant.end)
            return Statement(
                project_id,
                there[project_id],
                meant.name,
                sums.opening,
                sums.grants,
                sums.captures,
                sums.closing,
                sums.held,
                tuple(books.between(gate.session, project_id, meant.begin, meant.end)),
                its.budget,
                its.time_zone,
            )


class Money(View):
    """The use cases of seeing where credits are and have gone."""

    _actor: Actor

    def money(
        self,
        asked: MoneyFilter | None = None,
        *,
        since: datetime | None = None,
        before: int | None = None,
        most: int = 100,
    ) -> MoneyPage:
        """What the accounts that are asked for have, hold and have spent, and their ledger.

        What was spent `since` an instant, lines of the ledger `before` one. Raises NotAllowed for
        whoever is in no project.
        """
        with self._reading() as gate:
            gate.permit_somewhere("read")
            asked = asked or MoneyFilter()
            there = accounts.named_projects(gate.session)
            seen = self._seen(gate, there)
            shown = _narrowed(seen, asked)
            of = None if gate.sees_all and asked == MoneyFilter() else [one.id for one in shown]
            lines = books.lines(gate.session, of, before=before, most=most + 1)
            told = stories.summaries(gate.session, gate.projects)
            return MoneyPage(
                tuple(shown),
                tuple(books.holds(gate.session, of)),
                tuple(lines[:most]),
                len(lines) > most,
                tuple(books.spent(gate.session, of, since)),
                {one.project_id: one.project for one in seen},
                _users(seen),
                {one.id: one.title for one in told},
                tuple(_grantees(gate, there)),
                tuple(one for one in project_views(gate, there) if asked.project in (None, one.id)),
            )

    def ledger_rows(
        self, asked: MoneyFilter | None = None
    ) -> Iterator[tuple[Movement, AccountView]]:
        """All entries of the accounts that are asked for, the newest first, each with its account.

        Read in portions as they are taken; what is written meanwhile is not among them. Raises
        NotAllowed, also when a role is taken away meanwhile.
        """
        by_id: dict[str, AccountView] = {}

        def read(gate: Gate, before: int | None) -> list[Movement]:
            gate.permit_somewhere("read")
            shown = _narrowed(
                self._seen(gate, accounts.named_projects(gate.session)), asked or MoneyFilter()
            )
            by_id.update((one.id, one) for one in shown)
            of = [one.id for one in shown]
            return books.movements(gate.session, of, before=before, most=PORTION)

        return ((one, by_id[one.account_id]) for one in self._in_portions(read, PORTION))

    def grant(self, name: str, credits: int, project_id: str, reason: str) -> None:
        """Gives credits to a member of a project, or to an admin, for runs there.

        Without a name to the project itself, which may pay what is approved.
        Fewer than none take back what was given in error. Raises UnknownProject, NotAllowed,
        UnknownUser, BadField, GrantIncomplete where there is no reason or nothing is given, and
        CorrectionTooLarge where that many are not available.
        """
        why = checked_reason(reason)
        if credits == 0 or why is None:
            raise GrantIncomplete
        if not 1 <= abs(credits) <= MOST_CREDITS:
            raise BadField("credits", f"it is to be 1 to {MOST_CREDITS:,}, or as many less than 0")
        with self._writing() as gate:
            gate.permit_project("grant", project_id)
            actor = accounts.find_actor(gate.session, name) if name else None
            if actor is not None and not people.is_one_of(gate.session, actor, project_id):
                raise UnknownUser(name)
            grant(gate, actor, project_id, credits, self._actor.user_id, why)

    def _seen(self, gate: Gate, there: Mapping[str, str]) -> list[AccountView]:
        own = gate.roles.by_project.keys()
        whole = gate.projects_for("statement")
        return books.accounts_of(gate.session, whole, self._actor.user_id, own, there)


def grant(
    gate: Gate,
    actor: Actor | None,
    project_id: str,
    credits: int,
    by: str | None,
    reason: str | None = None,
) -> None:
    """Puts credits into somebody's account in a project, or takes some back; tells the audit.

    With nobody into the project's own. Raises CorrectionTooLarge.
    """
    if actor is None:
        account, whose = accounts.open_shared_account(gate.session, project_id), project_id
    else:
        account, whose = accounts.open_account(gate.session, actor, project_id), actor.name
    if credits < 0:
        deposited = ledger.take_back(gate.session, account.id, -credits, reason)
    else:
        deposited = ledger.grant(gate.session, account.id, credits, reason)
    before = deposited - credits
    entry = Entry("credits.grant", whose, by, project_id, before, deposited, reason)
    audit.write(gate.session, entry)


def checked_reason(reason: str) -> str | None:
    """A reason as it is kept, on one line; None where there is none. Raises BadField."""
    kept = " ".join(reason.split())
    if len(kept) > MOST_OF_A_REASON or not is_storable(kept):
        raise BadField("reason", f"it is to have {MOST_OF_A_REASON} characters that show at most")
    return kept or None


def _narrowed(seen: list[AccountView], asked: MoneyFilter) -> list[AccountView]:
    return [
        one
        for one in seen
        if asked.project in (None, one.project_id) and asked.user in (None, one.user)
    ]


def _users(seen: list[AccountView]) -> dict[str, str]:
    """What those are called who have accounts, by their names; the projects themselves last."""
    named = {one.user: one.display_name for one in seen if one.user}
    return named | {one.user: one.display_name for one in seen if not one.user}


def _grantees(gate: Gate, there: Mapping[str, str]) -> Iterator[Grantee]:
    """To whom this person may give credits: people, and then the projects themselves."""
    may = gate.projects_for("grant")
    if may is not None and not may:
        return
    for one in people.everybody(gate.session, may):
        if one.project_id is not None and one.project_id in there:
            yield Grantee(one.project_id, there[one.project_id], one.name, one.display_name)
    for project_id, called in there.items():
        if may is None or project_id in may:
            yield Grantee(project_id, called, "", called)


def _month(said: str | None, zone: str) -> Month:
    """The month that is meant, the present one unless said. Raises BadField."""
    found = month_of(datetime.now(UTC), zone) if said is None else named_month(said, zone)
    if found is None:
        raise BadField("month", "it is to be a year and a month, as 2026-11")
    return found
