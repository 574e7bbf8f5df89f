"""The audit: who did what, written in the transaction of the deed, and read by who may see it.

Nobody else knows the table. `before` and `after` are JSON: of one object the `after` of an entry is
the `before` of the next, where nothing but what is audited changes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.display import is_storable
from cascade.store import accounts
from cascade.store.rows import StoryRow
from cascade.store.stories import Projects
from cascade.store.tables import AuditRow, Base, User, now
from cascade.story.structures import BEATS

Deed = Literal[
    "user.role",  # object NAME: a role in the entry's project, or in none being an admin
    "project.threshold",  # object PROJECT: what is set for it
    "project.budget",
    "project.zone",
    "project.writers",
    "credits.grant",  # object NAME, or PROJECT: all that was ever granted to them in the project
    "request.ask",  # object RUN: its status and price; also where changes are asked for
    "request.approve",
    "request.decline",
    "request.withdraw",
    "token.create",  # object ID: whose, and until when
    "token.revoke",
    "text.restore",  # object STORY/KEY: digests
    "level.set",  # object STORY/BEAT: levels, by a run's first step of it or by a restore
    "fits",  # object STORY/KEY, with the reason; changes no text
]
# A page of the audit asks for words in it; no database takes a pattern of any length.
LONGEST_TEXT = 200


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed to be written; `by` is the user's id, None where the operator did it."""

    action: Deed
    object: str
    by: str | None
    project_id: str | None = None
    before: Any = None
    after: Any = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One deed as it is read; `user` is None where the operator did it.

    `user` is the name that `--user` takes; `project` what the project is called, None for none.
    """

    id: int
    at: datetime
    user: str | None
    display_name: str | None
    project: str | None
    action: str
    object: str
    before: Any
    after: Any
    reason: str | None


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which deeds are asked for; None means any.

    `project` is an id, `user` the name of who did it (empty: the operator), `until` is left out
    itself, `text` stands in the object, in the name of its beat, or in the reason.
    """

    project: str | None = None
    user: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str | None = None

    def is_storable(self) -> bool:
        """Whether a database can be asked for it; what it cannot keep stands nowhere in it."""
        said = (self.project, self.user, self.action, self.text)
        return all(one is None or is_storable(one) for one in said)


@dataclass(frozen=True, slots=True)
class Choices:
    """What the deeds that somebody may see can be narrowed by.

    Among `users` the empty name is the operator's; `projects` are by id, what each is called.
    """

    users: tuple[str, ...]
    actions: tuple[str, ...]
    projects: Mapping[str, str]


def level_set(row: StoryRow, beat_key: str, before: int, after: int, by: str) -> Entry:
    """That a beat of a story got another level, as it is to be written."""
    return Entry("level.set", f"{row.id}/{beat_key}", by, row.project_id, before, after)


def write(session: Session, *entries: Entry) -> None:
    """Keeps deeds, in one statement; in the order in which they are given."""
    if not entries:
        return
    at = now()
    rows = [
        {
            "at": at,
            "user_id": one.by,
            "project_id": one.project_id,
            "action": one.action,
            "object": one.object,
            "before": one.before,
            "after": one.after,
            "reason": one.reason or None,
        }
        for one in entries
    ]
    session.execute(_WRITE, rows)


def newest(
    session: Session,
    projects: Projects,
    asked: AuditFilter,
    *,
    before: int | None = None,
    most: int,
) -> list[AuditEntry]:
    """The newest deeds of some projects, or of `before` an entry, the newest first.

    With all projects also those of none.
    """
    if not asked.is_storable():
        return []
    wanted = _READ.where(_seen(projects), *_narrowed(asked)).order_by(AuditRow.id.desc())
    if before is not None:
        wanted = wanted.where(AuditRow.id < before)
    return _entries(session, wanted.limit(most))


def oldest(session: Session, projects: Projects, *, after: int, most: int) -> list[AuditEntry]:
    """The oldest deeds of some projects after an entry, the oldest first."""
    wanted = _READ.where(_seen(projects), AuditRow.id > after).order_by(AuditRow.id)
    return _entries(session, wanted.limit(most))


def choices(session: Session, projects: Projects) -> Choices:
    """What the deeds of some projects can be narrowed by."""
    # First what there is of it, which is little; then who that is.
    there_is = (
        sa.select(AuditRow.user_id, AuditRow.action, AuditRow.project_id)
        .where(_seen(projects))
        .distinct()
        .subquery()
    )
    rows = session.execute(
        sa.select(User.name, there_is.c.action, there_is.c.project_id).outerjoin_from(
            there_is, User, User.id == there_is.c.user_id
        )
    ).all()
    named = accounts.named_projects(session)
    there = {project_id for _, _, project_id in rows if project_id is not None}
    in_order = [*(one for one in named if one in there), *sorted(there - named.keys())]
    return Choices(
        tuple(sorted({name or "" for name, _, _ in rows}, key=str.casefold)),
        tuple(sorted({action for _, action, _ in rows})),
        {one: named.get(one, one) for one in in_order},
    )


# Into the table itself: a class's rows would go in by several statements where one lacks a value.
_WRITE = sa.insert(Base.metadata.tables[AuditRow.__tablename__])
_READ = sa.select(AuditRow, User.name, User.display_name).outerjoin(
    User, User.id == AuditRow.user_id
)


def _seen(projects: Collection[str] | None) -> sa.ColumnElement[bool]:
    return sa.true() if projects is None else AuditRow.project_id.in_(list(projects))


def _narrowed(asked: AuditFilter) -> Iterable[sa.ColumnElement[bool]]:
    if asked.project is not None:
        yield AuditRow.project_id == asked.project
    if asked.user is not None:
        yield User.name == asked.user if asked.user else AuditRow.user_id.is_(None)
    if asked.action is not None:
        yield AuditRow.action == asked.action
    if asked.since is not None:
        yield AuditRow.at >= asked.since
    if asked.until is not None:
        yield AuditRow.at < asked.until
    if asked.text:
        words = asked.text[:LONGEST_TEXT]
        yield sa.or_(
            AuditRow.reason.icontains(words, autoescape=True),
            *(
                AuditRow.object.icontains(one, autoescape=True)
                for one in (words, *_beats_called(words))
            ),
        )


def _beats_called(words: str) -> list[str]:
    """How objects name the beats that people call by these words, or by some that hold them."""
    return [f"/{beat.key}" for beat in BEATS if words.casefold() in beat.label.casefold()]


def _entries(session: Session, wanted: sa.Select[AuditRow, str, str]) -> list[AuditEntry]:
    rows = session.execute(wanted).all()
    named = accounts.named_projects(session) if any(row.project_id for row, _, _ in rows) else {}
    return [
        AuditEntry(
            row.id,
            row.at,
            name,
            display_name,
            None if (its := row.project_id) is None else named.get(its, its),
            row.action,
            row.object,
            row.before,
            row.after,
            row.reason,
        )
        for row, name, display_name in rows
    ]
