"""The view of whoever owns the machine and the database; only the command line has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cascade import ledger
from cascade.errors import UsageError
from cascade.formats import json as documents
from cascade.ledger import Credits
from cascade.service.access import Gate
from cascade.service.auditing import Auditing
from cascade.service.desk import Demo
from cascade.service.house import House
from cascade.service.money import Stating, checked_reason, grant
from cascade.service.people import Staffing
from cascade.service.planning import Planning
from cascade.service.requesting import Requested
from cascade.service.ruling import Ruling
from cascade.service.stories import Stories, insert_document
from cascade.service.undoing import Replacements
from cascade.service.watching import Watching
from cascade.service.writing import Writing
from cascade.store import accounts, people, tokens
from cascade.store.accounts import ADMIN, Actor, Standing
from cascade.store.people import MOST_OF_A_NAME
from cascade.store.tokens import TokenView


class Operator(
    Stories,
    Planning,
    Watching,
    Requested,
    Replacements,
    Staffing,
    Ruling,
    Stating,
    Auditing,
    Demo,
    Writing,
):
    """Reads everything, and gives what nobody may give themselves. Has no orders on a story."""

    def __init__(self, house: House) -> None:
        super().__init__(house, None)

    @property
    def database(self) -> str:
        """The database's address without its passwords."""
        return self._house.database.name

    def import_story(self, path: Path, left_out: Callable[[str], None] | None = None) -> str:
        """Makes a new story from a JSON file; its id.

        With `left_out` what is not understood is left out and told to it, a line each.
        Raises BadDocument, and CannotImport where the product's tables need more than it gives.
        """
        story = documents.read_document(path, left_out)
        with self._writing() as gate:
            return insert_document(gate, accounts.first_project(gate.session), story)

    def credits(self) -> Credits:
        """What the user has that the command line acts as; nothing where there is none yet."""
        name = self._house.settings.user
        with self._reading() as gate:
            actor = accounts.actor_or_none(gate.session, name)
            own = accounts.accounts_of(gate.session, actor) if actor is not None else []
            return ledger.statement(gate.session, name, [account.id for account in own])

    def grant(
        self, name: str, credits: int, project: str | None = None, reason: str = ""
    ) -> tuple[Actor, bool]:
        """Gives a user credits in a project, by its id or name; in their oldest, if none is said.

        An unknown name becomes an editor there. The user, and whether it is new.
        Fewer than none take back what was given in error. Raises UnknownProject, BadField, and
        CorrectionTooLarge where that many are not available.
        """
        if not 1 <= len(name.strip()) <= MOST_OF_A_NAME:
            raise UsageError(f"A user's name has 1 to {MOST_OF_A_NAME} characters. Give another.")
        with self._writing() as gate:
            session = gate.session
            known = accounts.actor_or_none(session, name)
            project_id = _project(gate, known, project)
            actor = known or people.add(session, name, name)
            if actor is None:
                # Another has added them in the same moment.
                actor = accounts.find_actor(session, name)
            if not people.is_one_of(session, actor, project_id):
                people.give(session, actor, project_id, "editor", by=None)
            grant(gate, actor, project_id, credits, None, checked_reason(reason))
            return actor, known is None

    def grant_project(self, credits: int, project: str | None = None, reason: str = "") -> int:
        """Gives credits to a project itself, which may pay what is approved; what it has then.

        By its id or name, the only one unless said. Raises UnknownProject, BadField.
        """
        with self._writing() as gate:
            project_id = gate.meant(accounts.named_projects(gate.session), project)
            grant(gate, None, project_id, credits, None, checked_reason(reason))
            return accounts.open_shared_account(gate.session, project_id).available

    def user_role(self, name: str, role: Standing | None, project: str | None = None) -> None:
        """Makes somebody something in a project, by its id or name, or an admin.

        With no role in none that is said they are nothing any more, an admin neither; without a
        project the only one is meant, or the only one of theirs. Raises UnknownUser,
        UnknownProject.
        """
        with self._writing() as gate:
            session = gate.session
            actor = accounts.find_actor(session, name)
            if role is None and project is None:
                for one in accounts.roles_of(session, actor).by_project:
                    people.take(session, actor, one, by=None)
                people.make_admin(session, actor, is_admin=False, by=None)
            elif role == ADMIN:
                people.make_admin(session, actor, is_admin=True, by=None)
            elif role is None:
                people.take(session, actor, _project(gate, actor, project), by=None)
            else:
                own = _project(gate, actor, project, is_only=True)
                people.give(session, actor, own, role, by=None)

    def user_add(
        self, name: str, role: Standing, project: str | None = None, display_name: str = ""
    ) -> None:
        """Adds somebody: an admin, or something in a project, by its id or name.

        Raises UnknownProject, BadName, NameTaken.
        """
        project_id = None
        if role != ADMIN:
            with self._writing() as gate:
                project_id = _project(gate, None, project)
        self.add_person(name, display_name, role, project_id)

    def tokens(self) -> list[TokenView]:
        """Every token that was made, the newest first; none of them as it is shown."""
        with self._reading() as gate:
            return tokens.all_of_them(gate.session)


def _project(gate: Gate, known: Actor | None, said: str | None, *, is_only: bool = False) -> str:
    """The project that is meant; with `is_only` not the oldest of several that are theirs.

    Raises UnknownProject.
    """
    there = accounts.named_projects(gate.session)
    if said is not None:
        found = [id_ for id_, called in there.items() if said in (id_, called)]
        if len(found) != 1:
            raise gate.unknown_project(said)
        return found[0]
    member = [] if known is None else accounts.roles_of(gate.session, known).by_project
    own = [one for one in member if one in there]
    if own and not (is_only and len(own) > 1):
        return own[0]
    if len(there) > 1:
        raise gate.unknown_project(None)
    return accounts.first_project(gate.session)
