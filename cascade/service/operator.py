"""The view of whoever owns the machine and the database; only the command line has it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cascade import ledger
from cascade.errors import UnknownProject, UsageError
from cascade.formats import json as documents
from cascade.ledger import Credits
from cascade.service.desk import Demo
from cascade.service.house import House
from cascade.service.planning import Planning
from cascade.service.stories import Stories, insert_document
from cascade.service.undoing import Replacements
from cascade.service.watching import Watching
from cascade.service.writing import Writing
from cascade.store import accounts, tokens
from cascade.store.accounts import Actor
from cascade.store.database import Session
from cascade.store.tokens import TokenView

MOST_OF_A_NAME = 200
# How many projects are named where none is said.
MOST_NAMED = 10


class Operator(Stories, Planning, Watching, Replacements, Demo, Writing):
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

    def grant(self, name: str, credits: int, project: str | None = None) -> tuple[Actor, bool]:
        """Gives a user credits in a project, by its id or name; in their oldest, if none is said.

        An unknown name becomes an editor there. The user, and whether it is new.
        Raises UnknownProject.
        """
        if not 1 <= len(name.strip()) <= MOST_OF_A_NAME:
            raise UsageError(f"A user's name has 1 to {MOST_OF_A_NAME} characters. Give another.")
        with self._writing() as gate:
            session = gate.session
            known = accounts.actor_or_none(session, name)
            project_id = _project(session, known, project)
            actor = known or accounts.add_user(session, name, name, "editor", project_id)
            accounts.join(session, actor, project_id, "editor")
            account = accounts.open_account(session, actor, project_id)
            ledger.grant(session, account.id, credits)
            return actor, known is None

    def create_token(self, name: str, days: int) -> str:
        """Makes a token for a user, good for so many days; nobody can show it a second time.

        Raises UnknownUser.
        """
        with self._writing() as gate:
            return tokens.create(gate.session, accounts.find_actor(gate.session, name), days)

    def tokens(self) -> list[TokenView]:
        """Every token that was made, the newest first; none of them as it is shown."""
        with self._reading() as gate:
            return tokens.all_of_them(gate.session)

    def revoke_token(self, token_id: str) -> TokenView:
        """Takes a token back: from now on it opens nothing. Raises UnknownToken."""
        with self._writing() as gate:
            return tokens.revoke(gate.session, token_id)


def _project(session: Session, known: Actor | None, said: str | None) -> str:
    """The project that is meant. Raises UnknownProject."""
    there = accounts.named_projects(session)
    named = [f"{id_} ({called})" for id_, called in there.items()][:MOST_NAMED]
    if said is not None:
        found = [id_ for id_, called in there.items() if said in (id_, called)]
        if len(found) != 1:
            raise UnknownProject(said, named)
        return found[0]
    member = [] if known is None else accounts.roles_of(session, known).by_project
    own = [one for one in member if one in there]
    if own:
        return own[0]
    if len(there) > 1:
        raise UnknownProject(None, named)
    return accounts.first_project(session)
