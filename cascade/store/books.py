"""The books as they are read: accounts, what runs hold of them, the ledger, and what was spent.

Whose accounts are read is said by their ids; None means all there are. What a number is called it
is everywhere: deposited is all that was granted, held what runs may still take, spent what they
have taken, available the rest.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from cascade.store.columns import UtcDateTime
from cascade.store.ids import oldest_first
from cascade.store.stories import Projects
from cascade.store.tables import CAPTURE, ONCE_A_RUN, CreditAccount, CreditEntry, Run, User
from cascade.story.kinds import KINDS
from cascade.story.months import Month

Ids = Collection[str] | None
# The conditions of the partial indexes, spelled as those are, so that they are found.
_LINES: list[sa.ColumnElement[str]] = [sa.literal_column("'grant'"), sa.literal_column("'hold'")]
_ACTIVE: list[sa.ColumnElement[str]] = [
    sa.literal_column(f"'{one}'") for one in ("queued", "running", "cancelling")
]


@dataclass(frozen=True, slots=True)
class AccountView:
    """Somebody's credits in one project; `user` is the name that `--user` takes.

    Those of a project itself are no user's: then it is empty, and `display_name` the project's.
    """

    id: str
    project_id: str
    project: str
    user: str
    display_name: str
    deposited: int
    available: int
    held: int
    spent: int


@dataclass(frozen=True, slots=True)
class Hold:
    """What a run at work may still take of an account."""

    run_id: str
    story_id: str
    account_id: str
    credits: int


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the ledger: a grant, or a run from its hold to its release.

    Of a run `credits` are those it held at its start; `released` is None until it has ended.
    """

    id: int
    at: datetime
    account_id: str
    kind: str
    credits: int
    reason: str | None
    run_id: str | None = None
    story_id: str | None = None
    captured: int = 0
    released: int | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """One entry of the ledger as it is kept."""

    id: int
    at: datetime
    account_id: str
    kind: str
    credits: int
    run_id: str | None
    step_key: str | None
    story_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Spent:
    """Credits that steps of one kind used of an account on a story within a minute."""

    at: datetime
    account_id: str
    story_id: str
    kind: str
    credits: int


@dataclass(frozen=True, slots=True)
class Use:
    """What runs of a project used in a month, and what they hold now."""

    used: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class Sums:
    """What a project had between two instants; `held` is what was on hold at the end.

    What was there at the beginning, and what was granted, less what was used, is what is left.
    """

    opening: int
    grants: int
    captures: int
    held: int

    @property
    def closing(self) -> int:
        """What was left at the end, what was on hold included."""
        return self.opening + self.grants - self.captures


def accounts_of(
    session: Session,
    whole: Projects,
    user_id: str | None,
    member_of: Collection[str],
    named: Mapping[str, str],
) -> list[AccountView]:
    """The accounts of some projects, and a user's own of others; by project and name.

    Projects are `named` by their ids.
    """
    wanted = sa.select(CreditAccount, User.name, User.display_name).outerjoin(
        User, User.id == CreditAccount.user_id
    )
    if whole is not None:
        own = sa.and_(
            CreditAccount.user_id == user_id, CreditAccount.project_id.in_(list(member_of))
        )
        wanted = wanted.where(sa.or_(CreditAccount.project_id.in_(list(whole)), own))
    rows = session.execute(
        wanted.order_by(
            *oldest_first(CreditAccount.project_id), CreditAccount.user_id.is_not(None), User.name
        )
    ).all()
    return [
        AccountView(
            row.id,
            row.project_id,
            named.get(row.project_id, row.project_id),
            name or "",
            display_name or named.get(row.project_id, row.project_id),
            row.deposited,
            row.available,
            row.held,
            row.captured,
        )
        for row, name, display_name in rows
    ]


def holds(session: Session, of: Ids) -> list[Hold]:
    """What runs hold of some accounts, the newest first."""
    credits = _held_at_start(Run.id) - _captured(Run.id)
    rows = session.execute(
        sa.select(Run.id, Run.story_version_id, Run.account_id, credits)
        .where(Run.status.in_(_ACTIVE), _is_of(Run.account_id, of))
        .order_by(Run.created_at.desc(), Run.id.desc())
    )
    return [Hold(run_id, story_id, of_, int(n)) for run_id, story_id, of_, n in rows]


def lines(session: Session, of: Ids, *, before: int | None = None, most: int) -> list[Line]:
    """The newest lines of the ledger of some accounts, or of those before one; newest first."""
    wanted = (
        sa.select(
            CreditEntry,
            Run.story_version_id,
            _captured(CreditEntry.run_id),
            _entered("release", CreditEntry.run_id).scalar_subquery(),
        )
        .outerjoin(Run, Run.id == CreditEntry.run_id)
        .where(CreditEntry.kind.in_(_LINES), _is_of(CreditEntry.account_id, of))
        .order_by(CreditEntry.id.desc())
        .limit(most)
    )
    if before is not None:
        wanted = wanted.where(CreditEntry.id < before)
    return [
        Line(
            row.id,
            row.at,
            row.account_id,
            row.kind,
            row.credits,
            row.reason,
            row.run_id,
            story_id,
            int(captured),
            released,
        )
        for row, story_id, captured, released in session.execute(wanted)
    ]


def movements(session: Session, of: Ids, *, before: int | None = None, most: int) -> list[Movement]:
    """The newest entries of some accounts, or of those before one; newest first."""
    wanted = _MOVEMENTS.where(_is_of(CreditEntry.account_id, of)).order_by(CreditEntry.id.desc())
    if before is not None:
        wanted = wanted.where(CreditEntry.id < before)
    return [Movement(*row) for row in session.execute(wanted.limit(most))]


def spent(session: Session, of: Ids, since: datetime | None) -> list[Spent]:
    """What was used of some accounts since an instant, to the minute, the oldest first.

    To the minute, because days begin where the reader is, and with a minute everywhere.
    """
    at = _minute(session)
    kind = sa.case(
        *((CreditEntry.step_key.contains(f"/{one}", autoescape=True), one) for one in KINDS),
        else_="",
    )
    columns = (at, CreditEntry.account_id, Run.story_version_id, kind)
    wanted = (
        sa.select(*columns, sa.func.sum(CreditEntry.credits))
        .join(Run, Run.id == CreditEntry.run_id)
        .where(CreditEntry.kind == CAPTURE, _is_of(CreditEntry.account_id, of))
        .group_by(*columns)
        .order_by(at)
    )
    if since is not None:
        wanted = wanted.where(CreditEntry.at >= since)
    return [
        Spent(
            datetime.fromisoformat(minute).replace(tzinfo=UTC), account_id, story_id, kind, int(n)
        )
        for minute, account_id, story_id, kind, n in session.execute(wanted)
    ]


def sums(session: Session, project_id: str, begin: datetime, end: datetime) -> Sums:
    """What a project had from one instant until just before another."""
    kind, n = CreditEntry.kind, CreditEntry.credits
    is_before = CreditEntry.at < begin
    moved = sa.case((kind == "grant", n), (kind == "capture", -n), else_=0)
    held = sa.case((kind == "hold", n), (kind.in_(("capture", "release")), -n), else_=0)

    def total(what: Any, *where: sa.ColumnElement[bool]) -> sa.Function[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(*where), what), else_=0)), 0)

    row = session.execute(
        sa.select(
            total(moved, is_before),
            total(n, ~is_before, kind == "grant"),
            total(n, ~is_before, kind == "capture"),
            total(held, sa.true()),
        )
        .join(CreditAccount, CreditAccount.id == CreditEntry.account_id)
        .where(CreditAccount.project_id == project_id, CreditEntry.at < end)
    ).one()
    return Sums(*(int(one) for one in row))


def uses(session: Session, months: Mapping[str, Month]) -> dict[str, Use]:
    """Of each of some projects what was used in a month, and what is on hold now.

    In one statement, so that a capture of the same moment is in the one or in the other.
    """
    if not months:
        return {}

    def its(moment: str) -> sa.ColumnElement[datetime]:
        when = {id_: sa.literal(getattr(one, moment), UtcDateTime) for id_, one in months.items()}
        return sa.case(when, value=CreditAccount.project_id)

    used = (
        sa.select(sa.func.coalesce(sa.func.sum(CreditEntry.credits), 0))
        .where(
            CreditEntry.account_id == CreditAccount.id,
            CreditEntry.kind == CAPTURE,
            CreditEntry.at >= its("begin"),
            CreditEntry.at < its("end"),
        )
        .scalar_subquery()
    )
    each = (
        sa.select(CreditAccount.project_id, CreditAccount.held, used.label("used"))
        .where(CreditAccount.project_id.in_(list(months)))
        .subquery()
    )
    rows = session.execute(
        sa.select(each.c.project_id, sa.func.sum(each.c.used), sa.func.sum(each.c.held)).group_by(
            each.c.project_id
        )
    )
    found = {id_: Use(int(used), int(held)) for id_, used, held in rows}
    return {id_: found.get(id_, Use()) for id_ in months}


def between(
    session: Session, project_id: str, begin: datetime, end: datetime
) -> list[tuple[Movement, str]]:
    """The entries of a project from one instant until just before another, the oldest first.

    Each with the name of whose account it is of, empty for the project's own.
    """
    wanted = (
        _MOVEMENTS.add_columns(sa.func.coalesce(User.name, ""))
        .join(CreditAccount, CreditAccount.id == CreditEntry.account_id)
        .outerjoin(User, User.id == CreditAccount.user_id)
        .where(
            CreditAccount.project_id == project_id,
            CreditEntry.at >= begin,
            CreditEntry.at < end,
        )
        .order_by(CreditEntry.id)
    )
    return [(Movement(*row[:-1]), row[-1]) for row in session.execute(wanted)]


# As the fields of a movement stand, and no rows of the class: there may be very many.
_MOVEMENTS = sa.select(
    CreditEntry.id,
    CreditEntry.at,
    CreditEntry.account_id,
    CreditEntry.kind,
    CreditEntry.credits,
    CreditEntry.run_id,
    CreditEntry.step_key,
    Run.story_version_id,
    CreditEntry.reason,
).outerjoin(Run, Run.id == CreditEntry.run_id)


def _is_of(account_id: InstrumentedAttribute[str], of: Ids) -> sa.ColumnElement[bool]:
    return sa.true() if of is None else account_id.in_(list(of))


def _captured(run_id: InstrumentedAttribute[Any]) -> sa.ColumnElement[int]:
    """What a run has used so far."""
    other = aliased(CreditEntry)
    total = sa.func.coalesce(sa.func.sum(other.credits), 0)
    return sa.select(total).where(other.run_id == run_id, other.kind == CAPTURE).scalar_subquery()


def _entered(kind: str, run_id: InstrumentedAttribute[Any]) -> sa.Select[int]:
    """The credits of the one entry of a kind that a run has."""
    other = aliased(CreditEntry)
    return sa.select(other.credits).where(
        other.run_id == run_id, other.kind == kind, other.kind.in_(ONCE_A_RUN)
    )


def _held_at_start(run_id: InstrumentedAttribute[Any]) -> sa.ColumnElement[int]:
    return sa.func.coalesce(_entered("hold", run_id).scalar_subquery(), 0)


def _minute(session: Session) -> sa.ColumnElement[str]:
    """The minute of an entry in UTC, as ISO writes it."""
    if session.get_bind().dialect.name == "sqlite":
        return sa.func.substr(sa.type_coerce(CreditEntry.at, sa.Text), 1, 16)
    utc = sa.func.timezone("UTC", CreditEntry.at)
    return sa.func.to_char(utc, "YYYY-MM-DD HH24:MI")
