"""What a project allows those who work in it, as its producers have set it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from cascade.store.tables.base import Base, Id


class ProjectRules(Base):
    """What is set for a project; one of which nothing was ever set has no row.

    Null is no threshold, no budget, any writer. Its months begin and end in `time_zone`.
    """

    __tablename__ = "cascade_project_rules"
    __table_args__ = (
        sa.CheckConstraint("approve_above >= 0 AND budget >= 0", name="not_negative"),
    )

    project_id: Mapped[str] = mapped_column(Id, primary_key=True)
    approve_above: Mapped[int | None]
    budget: Mapped[int | None]
    time_zone: Mapped[str] = mapped_column(sa.String(64))
    writers: Mapped[Any | None] = mapped_column(sa.JSON(none_as_null=True))
