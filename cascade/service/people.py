"""People: who works in which project, what they are there, and their tokens.

The same use cases are a desk's, which checks them, and the operator's, to whom all is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import get_args

from cascade.errors import (
    BadField,
    BadName,
    LastAdmin,
    NameTaken,
    UnknownToken,
)
from cascade.service.access import Gate, View, permit
from cascade.service.signing import cleaned
from cascade.store import accounts, people, tokens
from cascade.store.accounts import ADMIN, Actor, Role, Standing
from cascade.store.people import MOST_OF_A_NAME, Person
from cascade.store.tokens import TokenView

# How many projects an error names.
MOST_NAMED = 10
# How long a token may be good for, and is where nobody says.
MOST_DAYS, USUAL_DAYS = 3650, 90


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody and what they are in a project; among admins and those of none without a role.

    `from_claims` where a sign-in has made them that, and no person.
    """

    name: str
    display_name: str
    role: Role | None
    is_admin: bool
    from_claims: bool
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class ProjectPeople:
    """A project with its members, by name."""

    id: str
    name: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class People:
    """The people that somebody may see: of their projects, and to an admin all there are.

    `without` are those of no project who are no admins either. `may_give` is whether roles are
    theirs to give.
    """

    projects: tuple[ProjectPeople, ...]
    admins: tuple[Member, ...]
    without: tuple[Member, ...]
    tokens: tuple[TokenView, ...]
    may_give: bool


class Staffing(View):
    """The use cases about people, roles and tokens."""

    def may_see(self) -> frozenset[str]:
        """Of "read", "people" and "audit" what this person may do anywhere: the pages go by it."""
        with self._reading() as gate:
            return gate.rights()

    def people(self) -> People:
        """Who works in the projects of whoever asks, and to an admin everybody.

        Raises NotAllowed where they may not see it of any project.
        """
        with self._reading() as gate:
            gate.permit_somewhere("people")
            projects = gate.projects_for("people")
            there = accounts.named_projects(gate.session)
            found = people.everybody(gate.session, projects)
            of_whom = None if projects is None else {one.name for one in found} | _own(gate)
            by_project: dict[str | None, list[Person]] = {}
            for one in found:
                by_project.setdefault(one.project_id, []).append(one)
            # Also of one that the product has deleted: its members are there to be seen.
            ids = [*there, *sorted(one for one in by_project if one and one not in there)]
            seen = [one for one in ids if projects is None or one in projects]
            admins = [one for one in found if one.is_admin] if gate.sees_all else []
            without = by_project.get(None, []) if gate.sees_all else []
            return People(
                tuple(
                    ProjectPeople(
                        id_,
                        there.get(id_, id_),
                        tuple(_member(one) for one in by_project.get(id_, ())),
                    )
                    for id_ in seen
                ),
                tuple(_admin(next(same)) for _, same in groupby(admins, lambda one: one.name)),
                tuple(_member(one) for one in without if not one.is_admin),
                tuple(tokens.all_of_them(gate.session, of_whom)),
                may_give=gate.sees_all,
            )

    def set_role(self, name: str, role: Role | None, project_id: str) -> None:
        """Makes somebody something in a project, or nothing; what they are already changes nothing.

        Raises UnknownProject, NotAllowed, UnknownUser.
        """
        if role is not None and role not in get_args(Role):
            raise BadField("role", f"it is to be one of {', '.join(get_args(Role))}")
        with self._writing() as gate:
            gate.permit_project("roles", project_id)
            actor = accounts.find_actor(gate.session, name)
            if role is None:
                people.take(gate.session, actor, project_id, by=self._by)
            else:
                people.give(gate.session, actor, project_id, role, by=self._by)

    def set_admin(self, name: str, is_admin: bool) -> None:
        """Makes somebody an admin, or none any more; what they are already changes nothing.

        Raises NotAllowed, UnknownUser, and LastAdmin where an admin would leave none behind.
        """
        with self._writing() as gate:
            gate.permit_above("roles")
            actor = accounts.find_actor(gate.session, name)
            admins = people.lock_admins(gate.session)
            if self._actor is not None:
                if self._actor.user_id not in admins:
                    # Another has taken it from them in the same moment.
                    permit(self._actor, None, "roles")
                if not is_admin and admins == {actor.user_id}:
                    raise LastAdmin(actor.name)
            people.make_admin(gate.session, actor, is_admin=is_admin, by=self._by)

    def add_person(
        self, name: str, display_name: str, role: Standing, project_id: str | None
    ) -> Actor:
        """Adds somebody who is something in a project, or an admin, which takes none.

        Who signs in with a verified e-mail of that name is that person. Raises UnknownProject,
        NotAllowed, BadName, NameTaken.
        """
        with self._writing() as gate:
            if role == ADMIN:
                gate.permit_above("roles")
            elif project_id is None:
                raise gate.unknown_project(None)
            else:
                gate.permit_project("roles", project_id)
            checked = _checked(name)
            shown = _checked(display_name) if display_name.strip() else checked
            actor = people.add(gate.session, checked, shown)
            if actor is None:
                raise NameTaken(checked)
            if role == ADMIN:
                people.make_admin(gate.session, actor, is_admin=True, by=self._by)
            else:
                assert project_id is not None
                people.give(gate.session, actor, project_id, role, by=self._by)
            return actor

    def create_token(self, name: str, days: int) -> str:
        """Makes a token for a user, good for so many days; nobody can show it a second time.

        One's own, or as an admin anybody's. Raises NotAllowed, UnknownUser.
        """
        if not 1 <= days <= MOST_DAYS:
            raise BadField("days", f"it is to be 1 to {MOST_DAYS}")
        with self._writing() as gate:
            if self._actor is None or name != self._actor.name:
                gate.permit_above("roles")
            actor = accounts.find_actor(gate.session, name)
            return tokens.create(gate.session, actor, days, self._by)

    def revoke_token(self, token_id: str) -> TokenView:
        """Takes a token back: from now on it opens nothing. One's own, or as an admin anybody's.

        Raises UnknownToken, and NotAllowed where they may see it only.
        """
        with self._writing() as gate:
            if not gate.sees_all:
                self._permit_revoking(gate, token_id)
            return tokens.revoke(gate.session, token_id, self._by)

    def _permit_revoking(self, gate: Gate, token_id: str) -> None:
        found = tokens.find(gate.session, token_id)
        if found is not None and found.user in _own(gate):
            return
        seen = people.everybody(gate.session, gate.projects_for("people"))
        if found is None or found.user not in {one.name for one in seen}:
            raise UnknownToken(token_id)
        gate.permit_above("roles")


def _own(gate: Gate) -> set[str]:
    return set() if gate.actor is None else {gate.actor.name}


def _checked(name: str) -> str:
    """A name as it is kept. Raises BadName."""
    kept = " ".join(name.split()) if len(name) <= 2 * MOST_OF_A_NAME else name
    if not kept or len(kept) > MOST_OF_A_NAME or cleaned(kept, MOST_OF_A_NAME) != kept:
        raise BadName(name, MOST_OF_A_NAME)
    return kept


def _member(one: Person) -> Member:
    return Member(
        one.name, one.display_name, one.role, one.is_admin, one.from_claims, one.last_seen_at
    )


def _admin(one: Person) -> Member:
    """Somebody as an admin: whether a sign-in has made them that."""
    return Member(
        one.name, one.display_name, None, one.is_admin, one.admin_from_claims, one.last_seen_at
    )
