"""People: who they are to a sign-in, what each is in which project, and when they were last here.

Every change of what somebody is goes through `give`, `take` or `make_admin`, which tell the audit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store import audit
from cascade.store.accounts import ADMIN, Actor, Role, Standing
from cascade.store.audit import Entry
from cascade.store.ids import new_id
from cascade.store.stories import Projects
from cascade.store.tables import ProjectMember, User, now

# A look within so long of the last one that was kept is not kept.
SEEN_EVERY = timedelta(minutes=1)
MOST_OF_A_NAME = 200


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody, with what they are in one project; `role` is None in `project_id` None: in none."""

    name: str
    display_name: str
    is_admin: bool
    admin_from_claims: bool
    last_seen_at: datetime | None
    project_id: str | None
    role: Role | None
    from_claims: bool


@dataclass(frozen=True, slots=True)
class Has:
    """What somebody is: by project the role and whether claims gave it, and whether an admin."""

    roles: Mapping[str, tuple[str, bool]]
    is_admin: bool
    admin_from_claims: bool


# Who is there


def everybody(session: Session, projects: Projects) -> list[Person]:
    """The members of some projects, once for each, by name; with all projects everybody there is.

    In one statement.
    """
    joined = sa.select(User, ProjectMember).join(
        ProjectMember, ProjectMember.user_id == User.id, isouter=projects is None
    )
    if projects is not None:
        joined = joined.where(ProjectMember.project_id.in_(list(projects)))
    rows = session.execute(joined.order_by(User.name, ProjectMember.project_id)).all()
    return [
        Person(
            user.name,
            user.display_name,
            user.is_admin,
            user.admin_from_claims,
            user.last_seen_at,
            member.project_id if member is not None else None,
            cast(Role, member.role) if member is not None else None,
            member is not None and member.from_claims,
        )
        for user, member in rows
    ]


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody who is something in a project, or an admin, who is it in none."""

    name: str
    display_name: str
    role: Standing
    project_id: str | None = None


def with_roles(
    session: Session, projects: Collection[str], roles: Collection[Standing]
) -> list[Holder]:
    """Who is one of these in some projects, or an admin if that is one of them; by name.

    In one statement.
    """
    of_these = sa.and_(
        ProjectMember.user_id == User.id,
        ProjectMember.project_id.in_(list(projects)),
        ProjectMember.role.in_(list(roles)),
    )
    wanted = (
        sa.select(User, ProjectMember)
        .outerjoin(ProjectMember, of_these)
        .where(ProjectMember.role.is_not(None) | (User.is_admin & sa.literal(ADMIN in roles)))
        .order_by(User.name, ProjectMember.project_id)
    )
    return [
        Holder(user.name, user.display_name, ADMIN)
        if user.is_admin and ADMIN in roles
        else Holder(user.name, user.display_name, cast(Role, member.role), member.project_id)
        for user, member in session.execute(wanted)
    ]


def is_one_of(session: Session, actor: Actor, project_id: str) -> bool:
    """Whether somebody is a member of a project, or an admin."""
    member = sa.select(ProjectMember.user_id).where(
        ProjectMember.user_id == User.id, ProjectMember.project_id == project_id
    )
    wanted = sa.select(User.id).where(User.id == actor.user_id, User.is_admin | member.exists())
    return session.scalar(wanted) is not None


def what_has(session: Session, user_id: str) -> Has:
    """What somebody is, in one statement."""
    joined = (
        sa.select(User, ProjectMember)
        .outerjoin(ProjectMember, ProjectMember.user_id == User.id)
        .where(User.id == user_id)
        .execution_options(populate_existing=True)
    )
    rows = session.execute(joined).all()
    user = rows[0][0]
    return Has(
        {one.project_id: (one.role, one.from_claims) for _, one in rows if one is not None},
        user.is_admin,
        user.admin_from_claims,
    )


def lock(session: Session, user_id: str) -> None:
    """Has others wait who change what this person is, until the transaction ends."""
    # Not the key: what refers to the person waits for nobody.
    wanted = sa.select(User.id).where(User.id == user_id).with_for_update(key_share=True)
    session.execute(wanted)


def lock_admins(session: Session) -> frozenset[str]:
    """The ids of all admins, who stay so until the transaction ends.

    Always in one order: two who locked them in another could wait for each other.
    """
    admins = sa.select(User.id).where(User.is_admin).order_by(User.id)
    return frozenset(session.scalars(admins.with_for_update(key_share=True)))


# What they are


def give(
    session: Session,
    actor: Actor,
    project_id: str,
    role: str,
    *,
    by: str | None,
    from_claims: bool = False,
    reason: str | None = None,
) -> bool:
    """Makes somebody something in a project; False, and nothing done, where they are it already."""
    lock(session, actor.user_id)
    row = session.get(ProjectMember, (project_id, actor.user_id), populate_existing=True)
    before = row.role if row is not None else None
    if before == role:
        return False
    if row is None:
        session.add(
            ProjectMember(
                project_id=project_id, user_id=actor.user_id, role=role, from_claims=from_claims
            )
        )
    else:
        row.role, row.from_claims = role, from_claims
    session.flush()
    _tell(session, actor, project_id, before, role, by, reason)
    return True


def take(
    session: Session, actor: Actor, project_id: str, *, by: str | None, reason: str | None = None
) -> bool:
    """Takes away what somebody is in a project; False, and nothing done, where that is nothing."""
    lock(session, actor.user_id)
    row = session.get(ProjectMember, (project_id, actor.user_id), populate_existing=True)
    if row is None:
        return False
    session.delete(row)
    session.flush()
    _tell(session, actor, project_id, row.role, None, by, reason)
    return True


def make_admin(
    session: Session,
    actor: Actor,
    *,
    is_admin: bool,
    by: str | None,
    from_claims: bool = False,
    reason: str | None = None,
) -> bool:
    """Makes somebody an admin, or none any more; False, and nothing done, where they are so."""
    changed = session.scalar(
        sa.update(User)
        .where(User.id == actor.user_id, User.is_admin.is_not(is_admin))
        .values(is_admin=is_admin, admin_from_claims=is_admin and from_claims)
        .returning(User.id)
        .execution_options(synchronize_session=False)
    )
    if changed is None:
        return False
    before, after = (None, ADMIN) if is_admin else (ADMIN, None)
    _tell(session, actor, None, before, after, by, reason)
    return True


def _tell(
    session: Session,
    actor: Actor,
    project_id: str | None,
    before: str | None,
    after: str | None,
    by: str | None,
    reason: str | None,
) -> None:
    entry = Entry("user.role", actor.name, by, project_id, before, after, reason)
    audit.write(session, entry)


# Who they are


def add(
    session: Session,
    name: str,
    display_name: str,
    issuer: str | None = None,
    subject: str | None = None,
) -> Actor | None:
    """Makes a user who is nothing anywhere; None where that name, or that identity, is taken."""
    user = User(id=new_id(), name=name, display_name=display_name, issuer=issuer, subject=subject)
    try:
        with session.begin_nested():
            session.add(user)
    except sa.exc.IntegrityError:
        return None
    return Actor(user.id, name, display_name)


def identified(session: Session, issuer: str, subject: str) -> Actor | None:
    """The user who that is to a sign-in, if there is one yet."""
    wanted = sa.select(User.id, User.name, User.display_name).where(
        User.issuer == issuer, User.subject == subject
    )
    row = session.execute(wanted).one_or_none()
    return None if row is None else Actor(*row)


def adopt(session: Session, email: str, issuer: str, subject: str) -> Actor | None:
    """Takes for somebody the user of the name of their e-mail whom nobody has signed in as yet.

    Capitals count only where there are several: who added them may have written it otherwise.
    None where there is no such user.
    """
    rows = session.execute(
        sa.select(User.id, User.name)
        .where(
            sa.or_(User.name == email, sa.func.lower(User.name) == email.lower()),
            User.issuer.is_(None),
        )
        .order_by(User.name)
    ).all()
    # A database may have other ideas of capitals than ASCII's.
    near = [(id_, name) for id_, name in rows if name.isascii() and email.isascii()]
    exact = [id_ for id_, name in rows if name == email]
    found = exact or ([near[0][0]] if len(near) == 1 else [])
    if not found:
        return None
    taken = (
        sa.update(User)
        # Somebody else may have come first.
        .where(User.id == found[0], User.issuer.is_(None))
        .values(issuer=issuer, subject=subject)
        .returning(User.id, User.name, User.display_name)
        .execution_options(synchronize_session=False)
    )
    try:
        with session.begin_nested():
            row = session.execute(taken).one_or_none()
    except sa.exc.IntegrityError:
        return None
    return None if row is None else Actor(*row)


def free_names(session: Session, wanted: str) -> Iterator[str]:
    """Names that nobody has, the nearest to the wanted one first; without an end."""
    # Not by a pattern's own capitals: what is too much does no harm.
    taken = set(
        session.scalars(sa.select(User.name).where(User.name.startswith(wanted, autoescape=True)))
    )
    n = 1
    while True:
        name = wanted if n == 1 else f"{wanted}-{n}"
        if name not in taken:
            yield name
        n += 1


# When they were here


def is_long_gone(session: Session, user_id: str) -> bool:
    """Whether somebody's last look was long enough ago to keep this one."""
    row = session.execute(sa.select(User.last_seen_at).where(User.id == user_id)).one_or_none()
    return row is not None and (row[0] is None or now() - row[0] >= SEEN_EVERY)


def note_seen(session: Session, user_id: str) -> None:
    """Keeps that somebody is here, where that was not kept within the minute."""
    at = now()
    session.execute(
        sa.update(User)
        .where(
            User.id == user_id,
            sa.or_(User.last_seen_at.is_(None), User.last_seen_at <= at - SEEN_EVERY),
        )
        .values(last_seen_at=at)
        .execution_options(synchronize_session=False)
    )
