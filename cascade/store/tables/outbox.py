"""What is to be told to a receiver elsewhere, kept until that has taken it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from cascade.store.tables.base import Base, Id, now

_IS_WAITING = sa.text("taken_at IS NULL")


class OutboxMessage(Base):
    """One message, written in the transaction of what it tells; sent in the order of `number`.

    `id` is the receiver's to know one by that comes twice; `about` what of its kind it is about,
    where that is to be found again. After a try that failed it waits until `next_at`.
    """

    __tablename__ = "cascade_outbox"
    __table_args__ = (
        sa.UniqueConstraint("id"),
        sa.Index("cascade_ix_outbox_about", "kind", "about"),
        sa.Index(
            "cascade_ix_outbox_waiting",
            "number",
            sqlite_where=_IS_WAITING,
            postgresql_where=_IS_WAITING,
        ),
    )

    number: Mapped[int] = mapped_column(
        sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True
    )
    id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime] = mapped_column(default=now)
    kind: Mapped[str] = mapped_column(sa.String(32))
    about: Mapped[str | None] = mapped_column(sa.String(160))
    project_id: Mapped[str] = mapped_column(Id)
    body: Mapped[dict[str, Any]]
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    taken_at: Mapped[datetime | None]
