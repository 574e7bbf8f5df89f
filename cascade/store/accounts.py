"""Users, projects, members and their credit accounts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.display import is_storable
from cascade.errors import UnknownUser
from cascade.store.ids import new_id, oldest_first
from cascade.store.inserting import insert_row
from cascade.store.product import product_of
from cascade.store.tables import AuditRow, CreditAccount, CreditEntry, ProjectMember, User
from cascade.store.tables import Role as Role  # noqa: PLC0414 - given on to the service

# What somebody is who may do in every project what anybody may in one.
ADMIN: Literal["admin"] = "admin"
# What somebody may be in a project to do something there.
Standing = Role | Literal["admin"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a user of the database."""

    user_id: str
    name: str
    display_name: str


def find_actor(session: Session, name: str) -> Actor:
    """The user of that name. Raises UnknownUser."""
    actor = actor_or_none(session, name)
    if actor is None:
        raise UnknownUser(name)
    return actor


def actor_or_none(session: Session, name: str) -> Actor | None:
    """The user of that name, if there is one."""
    if not is_storable(name):
        return None
    user = session.scalar(sa.select(User).where(User.name == name))
    return None if user is None else Actor(user.id, user.name, user.display_name)


@dataclass(frozen=True, slots=True)
class Roles:
    """What a user is: by the projects of which they are a member, the oldest first, or an admin.

    An admin is one in every project, whatever they are there as a member.
    """

    by_project: Mapping[str, str] = field(default_factory=dict)
    is_admin: bool = False

    def get(self, project_id: str) -> str | None:
        """What the user is in a project; None where it is not there for them."""
        return ADMIN if self.is_admin else self.by_project.get(project_id)


def roles_of(session: Session, actor: Actor) -> Roles:
    """What the user is; in one statement.

    Also in a project that the product has deleted: its runs and credits are there to be read.
    """
    return roles_of_all(session, [actor.user_id]).get(actor.user_id, Roles())


def roles_of_all(session: Session, user_ids: Collection[str]) -> Mapping[str, Roles]:
    """What each of some users is, by user; in one statement."""
    rows = session.execute(
        sa.select(User.id, User.is_admin, ProjectMember.project_id, ProjectMember.role)
        .outerjoin(ProjectMember, ProjectMember.user_id == User.id)
        .where(User.id.in_(user_ids))
        .order_by(*oldest_first(ProjectMember.project_id))
    )
    admins: dict[str, bool] = {}
    found: dict[str, dict[str, str]] = {}
    for user_id, is_admin, project_id, role in rows:
        admins[user_id] = is_admin
        own = found.setdefault(user_id, {})
        if project_id is not None:
            own[project_id] = role
    return {user_id: Roles(own, admins[user_id]) for user_id, own in found.items()}


def all_projects(session: Session) -> list[str]:
    """Every project, the oldest first."""
    id_ = product_of(session).projects["id"]
    return list(session.scalars(sa.select(id_).order_by(*oldest_first(id_))))


def named_projects(session: Session) -> dict[str, str]:
    """What every project is called, by its id, the oldest first; as its id where it has no name."""
    projects = product_of(session).projects
    id_, name = projects["id"], sa.func.coalesce(projects.text("title"), projects.text("name"))
    rows = session.execute(sa.select(id_, name).order_by(*oldest_first(id_)))
    return {project_id: called or project_id for project_id, called in rows}


def first_project(session: Session) -> str:
    """The oldest project's id; a database without one gets it."""
    id_ = product_of(session).projects["id"]
    project_id = session.scalar(sa.select(id_).order_by(*oldest_first(id_)).limit(1))
    return project_id or add_project(session, "Stories")


def add_project(session: Session, name: str) -> str:
    """Makes a project; its id."""
    return insert_row(session, product_of(session).projects, {"name": name, "title": name})


def add_user(session: Session, name: str, display_name: str, role: Role, project_id: str) -> Actor:
    """Makes a user, a member of one project."""
    user = User(id=new_id(), name=name, display_name=display_name)
    session.add(user)
    session.flush()
    session.add(ProjectMember(project_id=project_id, user_id=user.id, role=role))
    session.flush()
    return Actor(user.id, name, display_name)


def account_of(session: Session, actor: Actor, project_id: str) -> CreditAccount | None:
    """The user's account in a project, if there is one yet."""
    return session.scalar(
        sa.select(CreditAccount).where(
            CreditAccount.project_id == project_id, CreditAccount.user_id == actor.user_id
        )
    )


@dataclass(frozen=True, slots=True)
class Purses:
    """What could pay a run: a user's account in a project, and the project's own."""

    own: CreditAccount | None
    shared: CreditAccount | None

    @property
    def available(self) -> int:
        """Credits of the user's that runs do not hold."""
        return self.own.available if self.own is not None else 0

    @property
    def held(self) -> int:
        """Credits of the user's that runs hold."""
        return self.own.held if self.own is not None else 0

    @property
    def shared_available(self) -> int:
        """Credits of the project's that runs do not hold."""
        return self.shared.available if self.shared is not None else 0


def purses_of(session: Session, actor: Actor, project_id: str) -> Purses:
    """What could pay a run of a user in a project; in one statement."""
    whose = sa.or_(CreditAccount.user_id == actor.user_id, CreditAccount.user_id.is_(None))
    found = session.scalars(
        sa.select(CreditAccount).where(CreditAccount.project_id == project_id, whose)
    ).all()
    return Purses(
        next((one for one in found if one.user_id is not None), None),
        next((one for one in found if one.user_id is None), None),
    )


def purses_in(session: Session, projects: Collection[str]) -> Callable[[str, str], Purses]:
    """The same of anybody in some projects, by project and user; in one statement."""
    found = session.scalars(
        sa.select(CreditAccount).where(CreditAccount.project_id.in_(list(projects)))
    )
    known = {(one.project_id, one.user_id): one for one in found}

    def purses(project_id: str, user_id: str) -> Purses:
        return Purses(known.get((project_id, user_id)), known.get((project_id, None)))

    return purses


def shared_account(session: Session, project_id: str) -> CreditAccount | None:
    """The account of a project itself, if there is one."""
    return session.scalar(
        sa.select(CreditAccount).where(
            CreditAccount.project_id == project_id, CreditAccount.user_id.is_(None)
        )
    )


def available(session: Session, actor: Actor, project_id: str) -> int:
    """Credits the user may use in a project; 0 where there is no account yet."""
    account = account_of(session, actor, project_id)
    return account.available if account is not None else 0


def open_account(session: Session, actor: Actor, project_id: str) -> CreditAccount:
    """The user's account in a project, made with no credits where there was none."""
    account = account_of(session, actor, project_id)
    return account or _open(session, project_id, actor.user_id)


def open_shared_account(session: Session, project_id: str) -> CreditAccount:
    """The account of a project itself, made with no credits where there was none."""
    return shared_account(session, project_id) or _open(session, project_id, None)


def _open(session: Session, project_id: str, user_id: str | None) -> CreditAccount:
    account = CreditAccount(
        id=new_id(),
        project_id=project_id,
        user_id=user_id,
        deposited=0,
        available=0,
        held=0,
        captured=0,
    )
    try:
        with session.begin_nested():
            session.add(account)
    except sa.exc.IntegrityError:
        # Another transaction has made it in the same moment.
        whose = CreditAccount.user_id.is_not_distinct_from(user_id)
        wanted = sa.select(CreditAccount).where(CreditAccount.project_id == project_id, whose)
        return session.scalars(wanted).one()
    return account


def accounts_of(session: Session, actor: Actor) -> list[CreditAccount]:
    """All accounts of a user, the oldest first."""
    return list(
        session.scalars(
            sa.select(CreditAccount)
            .where(CreditAccount.user_id == actor.user_id)
            .order_by(*oldest_first(CreditAccount.id))
        )
    )


@contextmanager
def without_append_only(session: Session) -> Iterator[None]:
    """Lets what only grows be deleted while the block lasts; only a demo's reset may."""
    tables = (CreditEntry.__tablename__, AuditRow.__tablename__)
    if session.get_bind().dialect.name == "sqlite":
        wanted = sa.text(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN :tables"
        ).bindparams(sa.bindparam("tables", expanding=True))
        triggers = session.execute(wanted, {"tables": tables}).all()
        for name, _ in triggers:
            session.execute(sa.text(f"DROP TRIGGER {name}"))
        yield
        for _, sql in triggers:
            session.connection().exec_driver_sql(sql)
    else:
        for table in tables:
            session.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        yield
        for table in tables:
            session.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER USER"))
