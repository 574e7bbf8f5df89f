"""What is kept of a request beside its run: why it was made, what was said, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, get_args

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from cascade.store.tables.base import Base, Id, now
from cascade.store.tables.own import Run, User

RequestCause = Literal[
    "threshold",  # its price is above the project's threshold
    "credits",  # its editor has too few credits, and the project's account may pay
    "wish",  # its editor wanted it decided
]
Decision = Literal[
    "approved",  # its credits are held, and it is queued
    "declined",  # by a decider, for a reason
    "withdrawn",  # by who asked, or cancelled
    "replaced",  # by a newer one of the same editor for the same story
    "expired",  # nobody decided it in time
    "void",  # what its plan was made from has changed
]


class Request(Base):
    """A plan that waits for a second person's decision, or waited.

    `resumes` is the run whose rest it is: it becomes a part of that chain when it is approved.
    `comments` are what deciders want changed, the oldest first: who, when, and their words.
    `updated_at` is when anything of it was said or decided last.
    """

    __tablename__ = "cascade_requests"
    __table_args__ = (
        sa.CheckConstraint(
            "cause IN ({})".format(", ".join(f"'{one}'" for one in get_args(RequestCause))),
            name="cause",
        ),
        sa.CheckConstraint(
            "decision IN ({})".format(", ".join(f"'{one}'" for one in get_args(Decision))),
            name="decision",
        ),
    )

    run_id: Mapped[str] = mapped_column(Id, sa.ForeignKey(Run.id), primary_key=True)
    cause: Mapped[RequestCause] = mapped_column(sa.String(16))
    resumes: Mapped[str | None] = mapped_column(Id, sa.ForeignKey(Run.id))
    comments: Mapped[list[dict[str, Any]]] = mapped_column(sa.JSON)
    decision: Mapped[Decision | None] = mapped_column(sa.String(16))
    decided_by: Mapped[str | None] = mapped_column(Id, sa.ForeignKey(User.id))
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    updated_at: Mapped[datetime] = mapped_column(default=now)
