"""What clients have called their starts, for a day: the same name again is the same run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import KeyReused
from cascade.store.tables import StartKey, now

KEPT_FOR = timedelta(days=1)


class Taken(Exception):
    """Another transaction has kept the key meanwhile."""


@dataclass(frozen=True, slots=True)
class Key:
    """A client's name for a start, and the digest of what it asks for."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class Known:
    """The run that a key of a user's stands for, and whether the same was asked for."""

    run_id: str
    is_same: bool

    def check(self) -> str:
        """The run's id. Raises KeyReused where something else was asked for."""
        if not self.is_same:
            raise KeyReused(self.run_id)
        return self.run_id


def find(session: Session, user_id: str, key: Key) -> Known | None:
    """What a user's key stands for, where it was used within a day."""
    row = session.get(StartKey, (user_id, key.name), populate_existing=True)
    if row is None or row.created_at <= now() - KEPT_FOR:
        return None
    return Known(row.run_id, row.digest == key.digest)


def keep(session: Session, user_id: str, key: Key, run_id: str) -> None:
    """Keeps a user's key for a run, in the transaction that makes it; forgets what is old.

    Raises Taken; then that transaction is to be given up.
    """
    session.execute(
        sa.delete(StartKey).where(
            StartKey.user_id == user_id, StartKey.created_at <= now() - KEPT_FOR
        )
    )
    row = StartKey(user_id=user_id, key=key.name, digest=key.digest, run_id=run_id)
    try:
        with session.begin_nested():
            session.add(row)
    except sa.exc.IntegrityError:
        raise Taken from None
