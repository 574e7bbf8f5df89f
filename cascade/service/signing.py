"""Signing in: which user somebody is who comes from an identity provider, and what they are then.

Whatever a provider sends may be anything, of any length. Who that is are issuer and subject alone;
a name is only what they are called, and no two are called the same.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Literal

from cascade.display import is_storable
from cascade.errors import BadIdentity, DatabaseError
from cascade.settings import ClaimedRole, Settings
from cascade.store import accounts, people
from cascade.store.accounts import Actor
from cascade.store.database import Database, Session
from cascade.store.people import Has

MOST_OF_AN_ISSUER, MOST_OF_A_SUBJECT = 500, 255
# Shorter than what a name may have: what makes it the only one is added.
MOST_OF_A_NAME = 150
NAMELESS = "someone"
# How often somebody else may take a name in the moment between looking and writing.
TRIES = 20
CLAIMED, NOT_CLAIMED = "claimed at sign-in", "no longer claimed at sign-in"
FIRST = "first sign-in"

# An address of e-mail that can be somebody's name.
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_NOT_SHOWN = ("Cc", "Cf", "Cs", "Co", "Cn")
log = logging.getLogger("cascade.service")


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is by the word of an identity provider, and whatever else it says of them."""

    issuer: str
    subject: str
    name: str = ""
    display_name: str = ""
    email: str = ""
    email_verified: bool = False
    claims: Mapping[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raises BadIdentity where this is nobody that can be known again."""
        parts: tuple[tuple[Literal["issuer", "subject"], object, int], ...] = (
            ("issuer", self.issuer, MOST_OF_AN_ISSUER),
            ("subject", self.subject, MOST_OF_A_SUBJECT),
        )
        for what, given, most in parts:
            is_text = isinstance(given, str) and 0 < len(given) <= most
            # Never cut: two people could begin alike.
            if not is_text or not given or not is_storable(str(given)) or not str(given).strip():
                raise BadIdentity(what, most)

    @property
    def verified_email(self) -> str:
        """Their e-mail, where the provider vouches for it and it can be a name; else empty."""
        email = self.email
        if self.email_verified is not True or not isinstance(email, str):
            return ""
        is_one = len(email) <= MOST_OF_A_NAME and _EMAIL.fullmatch(email) is not None
        return email if is_one and cleaned(email, MOST_OF_A_NAME) == email else ""

    @property
    def wanted_name(self) -> str:
        """What they are to be called, if nobody is called so.

        Only an e-mail that is theirs for sure: with another's they could be taken for that person.
        """
        if self.verified_email:
            return self.verified_email
        for given in (self.name, self.display_name):
            name = cleaned(given, MOST_OF_A_NAME).replace("@", " at ").strip("- ")
            if name:
                return name[:MOST_OF_A_NAME]
        return NAMELESS

    @property
    def shown_name(self) -> str:
        """Their name as people read it; empty where none is said."""
        return cleaned(self.display_name, MOST_OF_A_NAME) or cleaned(self.name, MOST_OF_A_NAME)


def cleaned(given: object, most: int) -> str:
    """Words of a stranger on one line, without any sign that does not show, cut after so many."""
    if not isinstance(given, str):
        return ""
    # Cut first: there may be megabytes of it.
    text = given[: 4 * most].replace("\t", " ").replace("\n", " ").replace("\r", " ")
    shown = "".join(sign for sign in text if unicodedata.category(sign) not in _NOT_SHOWN)
    return " ".join(unicodedata.normalize("NFC", shown).split())[:most].strip()


def claimed_values(claims: object, path: str) -> frozenset[str]:
    """The values of a claim: a text or a list of them; none where it is missing or anything else.

    Dots of the path go into objects, unless a claim is called by all of it.
    """
    if not isinstance(claims, Mapping):
        return frozenset()
    if path in claims:
        found = claims[path]
        many = found if isinstance(found, list | tuple) else [found]
        return frozenset(one for one in many if isinstance(one, str))
    parts = path.split(".")
    for n in range(len(parts) - 1, 0, -1):
        inner = claims.get(".".join(parts[:n]))
        if isinstance(inner, Mapping):
            return claimed_values(inner, ".".join(parts[n:]))
    return frozenset()


@dataclass(frozen=True, slots=True)
class Wanted:
    """What claims make of somebody: roles by project, and whether an admin.

    `first` is the project in which whoever comes is a viewer at least.
    """

    roles: Mapping[str, str]
    is_admin: bool
    first: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """A role that a sign-in gives or takes; without a project it is an admin's."""

    project_id: str | None
    role: str | None
    reason: str


def changes(has: Has, wanted: Wanted, *, is_new: bool) -> Iterator[Change]:
    """What a sign-in changes of what somebody is. What people have given them stays and wins."""
    for project_id, role in wanted.roles.items():
        was, from_claims = has.roles.get(project_id, (None, True))
        if from_claims and was != role:
            yield Change(project_id, role, CLAIMED)
    for project_id, (was, from_claims) in has.roles.items():
        if from_claims and project_id not in wanted.roles:
            # Who came in as a viewer is one again.
            left = "viewer" if project_id == wanted.first else None
            if was != left:
                yield Change(project_id, left, NOT_CLAIMED)
    first = wanted.first
    if is_new and first is not None and first not in wanted.roles and first not in has.roles:
        yield Change(first, "viewer", FIRST)
    if wanted.is_admin and not has.is_admin:
        yield Change(None, accounts.ADMIN, CLAIMED)
    elif has.admin_from_claims and not wanted.is_admin:
        yield Change(None, None, NOT_CLAIMED)


class Door:
    """Where people come in: one house's settings and database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database

    def sign_in(self, identity: Identity) -> Actor:
        """The user that somebody is, made where they come for the first time. Raises BadIdentity.

        Roles follow from their claims by the settings. Where nothing changes nothing is written.
        """
        identity.check()
        with self._database.read() as session:
            actor, due = people.identified(session, identity.issuer, identity.subject), []
            if actor is not None:
                has = people.what_has(session, actor.user_id)
                due = list(changes(has, self._wanted(session, identity), is_new=False))
        if actor is not None and not due:
            self.seen(actor)
            return actor
        with self._database.write() as session:
            actor, is_new = self._find_or_make(session, identity)
            people.lock(session, actor.user_id)
            has = people.what_has(session, actor.user_id)
            for change in list(changes(has, self._wanted(session, identity), is_new=is_new)):
                _make(session, actor, change)
            people.note_seen(session, actor.user_id)
            return actor

    def seen(self, actor: Actor) -> None:
        """Keeps that somebody is here, to the minute, where the database takes it."""
        with suppress(DatabaseError):
            with self._database.read() as session:
                if not people.is_long_gone(session, actor.user_id):
                    return
            with self._database.write() as session:
                people.note_seen(session, actor.user_id)

    def _find_or_make(self, session: Session, identity: Identity) -> tuple[Actor, bool]:
        """The user, and whether it is new. Others may do the same in the same moment."""
        issuer, subject = identity.issuer, identity.subject
        actor = people.identified(session, issuer, subject)
        if actor is None and (email := identity.verified_email):
            actor = people.adopt(session, email, issuer, subject)
        if actor is not None:
            return actor, False
        wanted = identity.wanted_name
        for name in islice(people.free_names(session, wanted), TRIES):
            if name == self._settings.user:
                continue  # Whom the command line acts as is nobody who comes along.
            shown = identity.shown_name or name
            actor = people.add(session, name, shown, issuer, subject)
            if actor is not None:
                return actor, True
            actor = people.identified(session, issuer, subject)
            if actor is not None:
                return actor, False
        raise RuntimeError(f"{TRIES} names were taken in one moment")

    def _wanted(self, session: Session, identity: Identity) -> Wanted:
        settings = self._settings
        values = claimed_values(identity.claims, settings.role_claim)
        mapped = [one for one in settings.roles if one.value in values]
        in_projects = [one for one in mapped if one.project is not None]
        named: Mapping[str, str] = {}
        if in_projects or settings.sign_in_project is not None:
            named = accounts.named_projects(session)
        roles: dict[str, str] = {}
        for one in in_projects:
            project_id = _project(named, one.project, "CASCADE_ROLES")
            if project_id is not None:
                # Of several the one that is written first.
                roles.setdefault(project_id, one.role)
        first = _project(named, settings.sign_in_project, "CASCADE_SIGN_IN_PROJECT")
        return Wanted(roles, _names_admin(mapped), first)


def _names_admin(mapped: list[ClaimedRole]) -> bool:
    return any(one.project is None for one in mapped)


def _project(named: Mapping[str, str], said: str | None, variable: str) -> str | None:
    """A project by its id or name; None, with a line in the log, where it is not the only one."""
    if said is None or said in named:
        return said
    found = [project_id for project_id, called in named.items() if called == said]
    if len(found) == 1:
        return found[0]
    what = "no project" if not found else "several projects"
    log.warning("%s names %s, and there are %s of that id or name.", variable, said, what)
    return None


def _make(session: Session, actor: Actor, change: Change) -> None:
    if change.project_id is None:
        people.make_admin(
            session,
            actor,
            is_admin=change.role is not None,
            by=None,
            from_claims=True,
            reason=change.reason,
        )
    elif change.role is None:
        people.take(session, actor, change.project_id, by=None, reason=change.reason)
    else:
        people.give(
            session,
            actor,
            change.project_id,
            change.role,
            by=None,
            from_claims=True,
            reason=change.reason,
        )
