"""The outbox: messages for a receiver elsewhere, written with what they tell, sent in their order.

What is told is ids, names and numbers; no text of a story, key or token is ever in a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.store.ids import new_id
from cascade.store.tables import Base, OutboxMessage, now

Kind = Literal[
    "request.asked",  # a run waits for a decision
    "request.decided",  # approved, declined, withdrawn, replaced, expired or void
    "run.failed",
    "budget.crossed",  # what runs use and hold has come to where producers are warned
]
# So long a message is kept, taken or not: who takes none for longer asks for what there was.
KEPT = timedelta(days=90)
_TABLE = Base.metadata.tables[OutboxMessage.__tablename__]


@dataclass(frozen=True, slots=True)
class Message:
    """One that is to be sent; `attempts` have failed, and it waits until `next_at`."""

    number: int
    id: str
    body: Mapping[str, Any]
    attempts: int
    next_at: datetime | None


def tell(
    session: Session,
    kind: Kind,
    project_id: str,
    fields: Mapping[str, Any],
    about: str | None = None,
) -> None:
    """Writes a message about something of a project, in the transaction that does it.

    With `about` it can be asked for by `was_told`.
    """
    at, id_ = now(), new_id()
    body = {"id": id_, "type": kind, "at": at.isoformat(), "projectId": project_id, **fields}
    session.execute(sa.delete(_TABLE).where(_TABLE.c.at < at - KEPT))
    row = {"id": id_, "at": at, "kind": kind, "about": about, "project_id": project_id}
    session.execute(sa.insert(_TABLE).values(**row, body=body, attempts=0))


def was_told(session: Session, kind: Kind, about: str) -> bool:
    """Whether there is a message of that kind about that."""
    wanted = sa.select(sa.literal(1)).where(_TABLE.c.kind == kind, _TABLE.c.about == about)
    return session.execute(wanted.limit(1)).first() is not None


def first_waiting(session: Session) -> Message | None:
    """The oldest message that was not taken yet."""
    columns = (_TABLE.c.number, _TABLE.c.id, _TABLE.c.body, _TABLE.c.attempts, _TABLE.c.next_at)
    wanted = sa.select(*columns).where(_TABLE.c.taken_at.is_(None)).order_by(_TABLE.c.number)
    row = session.execute(wanted.limit(1)).one_or_none()
    return None if row is None else Message(*row)


def note_taken(session: Session, message: Message) -> None:
    """Keeps that a message was taken: it is sent no more."""
    session.execute(_of(message).values(taken_at=now(), next_at=None))


def note_failed(session: Session, message: Message, pause_s: float) -> None:
    """Keeps that a message was not taken, and when it is to be tried again."""
    after = now() + timedelta(seconds=pause_s)
    session.execute(_of(message).values(attempts=message.attempts + 1, next_at=after))


def _of(message: Message) -> sa.Update:
    return sa.update(_TABLE).where(_TABLE.c.number == message.number)
