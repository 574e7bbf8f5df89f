"""What is said of runs, as it is said: one poller a process feeds any number of watchers.

However many watch, the database is asked the same few statements a look: how the watched runs
stand, what is new of them, and what the watchers may still see. The newest events of a run are
kept for all its watchers; one that is further behind reads the rest by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from cascade.errors import CascadeError, DatabaseAway, DatabaseError, Unexpected
from cascade.runs import events
from cascade.store import accounts, tokens
from cascade.store.accounts import Roles
from cascade.store.database import Database, Session
from cascade.store.tables import Base, CreditAccount, Run, RunStatus

Event = dict[str, Any]

# Between two looks: an event is with its watchers well within 300 ms of its commit.
LOOK_S = 0.05
# So many of a run's newest events are at hand for its watchers.
KEPT = 500
THREAD = "cascade-tail"


# Made once: a poller looks often, and to make a statement takes longer than to execute it.
_RUNS = Base.metadata.tables[Run.__tablename__]
_ACCOUNTS = Base.metadata.tables[CreditAccount.__tablename__]
_STANDING = (
    sa.select(_RUNS.c.id, _RUNS.c.status, _ACCOUNTS.c.project_id, _RUNS.c.last_seq)
    .join_from(_RUNS, _ACCOUNTS, _ACCOUNTS.c.id == _RUNS.c.account_id)
    .where(_RUNS.c.id.in_(sa.bindparam("runs", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look has found for one watcher, all of one moment.

    `error` is why nothing could be read, since `error_since` by the monotonic clock. `status` is
    None where there is no such run; `roles` and `has_token` are what the watcher has by then. With
    `is_over` there will be no other look.
    """

    status: RunStatus | None = None
    project_id: str = ""
    last_seq: int = 0
    roles: Roles = field(default_factory=Roles)
    has_token: bool = True
    error: CascadeError | None = None
    error_since: float = 0.0
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class _Kept:
    """The newest events of a run without a gap, up to the `last` seq."""

    events: tuple[Event, ...] = ()
    last: int = -1


class Watch:
    """One watcher of one run; its `glance` is None until the first look has been taken.

    `wake` is called in the poller's thread whenever there is something new, and must not wait.
    """

    def __init__(
        self, run_id: str, user_id: str | None, token_id: str | None, wake: Callable[[], None]
    ) -> None:
        self.run_id = run_id
        self.user_id = user_id
        self.token_id = token_id
        self.glance: Glance | None = None
        self._kept = _Kept()
        self._wake = wake

    def after(self, seq: int) -> Sequence[Event] | None:
        """The events after a seq that are at hand; None where some of them no longer are."""
        kept = self._kept
        behind = kept.last - seq
        if behind <= 0:
            return ()
        return None if behind > len(kept.events) else kept.events[-behind:]

    def tell(self, glance: Glance, kept: _Kept) -> None:
        """Takes what a look has found, and wakes the watcher where that is anything new."""
        if glance == self.glance:
            return
        # The events first: whoever reads a glance finds what it speaks of.
        self._kept = kept
        self.glance = glance
        self._wake()


class Tail:
    """The poller. It looks only while somebody watches, in a thread of its own.

    `on_cancelling` is told of watched runs that are cancelling, again and again, and may wait.
    """

    def __init__(self, database: Database, on_cancelling: Callable[[str], object]) -> None:
        self._database = database
        self._on_cancelling = on_cancelling
        self._changed = threading.Condition()
        self._watches: set[Watch] = set()
        self._kept: dict[str, _Kept] = {}
        self._thread: threading.Thread | None = None
        self._ending: threading.Thread | None = None
        self._away_since: float | None = None
        self._is_closed = False
        self._has_joined = False
        self._has_news = False
        database.on_news.append(self._look_now)

    @contextmanager
    def watch(
        self,
        run_id: str,
        user_id: str | None = None,
        token_id: str | None = None,
        wake: Callable[[], None] = lambda: None,
    ) -> Iterator[Watch]:
        """Watches a run while the block lasts, as that user by that token; None sees everything."""
        watch = Watch(run_id, user_id, token_id, wake)
        with self._changed:
            self._watches.add(watch)
            self._has_joined = True
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._look_on, name=THREAD, daemon=True)
                self._thread.start()
            self._changed.notify()
            if self._is_closed:
                watch.tell(Glance(is_over=True), _Kept())
        try:
            yield watch
        finally:
            with self._changed:
                self._watches.discard(watch)
                self._changed.notify()

    @property
    def watching(self) -> int:
        """How many watch."""
        return len(self._watches)

    def close(self) -> None:
        """Looks no more, and tells so whoever still watches."""
        with self._changed:
            self._is_closed = True
            thread = self._thread
            self._changed.notify()
        if thread is not None:
            thread.join()
        for watch in list(self._watches):
            watch.tell(Glance(is_over=True), _Kept())

    def _look_on(self) -> None:
        while True:
            with self._changed:
                if not self._watches or self._is_closed:
                    self._thread = None
                    self._kept.clear()
                    return
                watches = list(self._watches)
                self._has_joined = self._has_news = False
            self._look(watches)
            with self._changed:
                if self._watches:
                    # Whoever joins meanwhile need not wait.
                    self._changed.wait_for(
                        lambda: self._has_joined or self._has_news or self._is_closed,
                        timeout=LOOK_S,
                    )

    def _look_now(self) -> None:
        with self._changed:
            self._has_news = True
            self._changed.notify()

    def _look(self, watches: Collection[Watch]) -> None:
        try:
            glances = self._glances(watches)
        except Exception as error:
            told = self._failure(error)
            for watch in watches:
                watch.tell(told, watch._kept)
            return
        self._database.note_back()
        self._away_since = None
        for watch, glance in glances:
            watch.tell(glance, self._kept.get(watch.run_id, _Kept()))
        cancelling = {one.run_id for one, glance in glances if glance.status == "cancelling"}
        if cancelling and (self._ending is None or not self._ending.is_alive()):
            # Not here: to end a run may mean to wait for its row, and others watch meanwhile.
            self._ending = threading.Thread(target=self._end, args=(cancelling,), daemon=True)
            self._ending.start()

    def _end(self, run_ids: Collection[str]) -> None:
        for run_id in run_ids:
            self._on_cancelling(run_id)

    def _failure(self, error: Exception) -> Glance:
        if isinstance(error, DatabaseError):
            self._database.note_away(error)
        if isinstance(error, DatabaseAway):
            self._away_since = self._away_since or time.monotonic()
            return Glance(error=error, error_since=self._away_since)
        return Glance(error=error if isinstance(error, CascadeError) else Unexpected(error))

    def _glances(self, watches: Collection[Watch]) -> list[tuple[Watch, Glance]]:
        users = {one.user_id for one in watches if one.user_id is not None}
        those = {one.token_id for one in watches if one.token_id is not None}
        with self._database.read() as session:
            rows = _rows(session, {one.run_id for one in watches})
            roles = accounts.roles_of_all(session, users) if users else {}
            good = tokens.still_good(session, those) if those else frozenset()
            self._read_on(session, {run_id: last for run_id, (_, _, last) in rows.items()})
        return [(one, self._glance(one, rows.get(one.run_id), roles, good)) for one in watches]

    @staticmethod
    def _glance(
        watch: Watch,
        row: tuple[RunStatus, str, int] | None,
        roles: Mapping[str, Roles],
        good: Collection[str],
    ) -> Glance:
        has_token = watch.token_id is None or watch.token_id in good
        mine = roles.get(watch.user_id or "", Roles())
        if row is None:
            return Glance(roles=mine, has_token=has_token)
        status, project_id, last_seq = row
        return Glance(status, project_id, last_seq, mine, has_token)

    def _read_on(self, session: Session, lasts: Mapping[str, int]) -> None:
        """Reads what is new of each run, the newest events of it at most."""
        for gone in self._kept.keys() - lasts.keys():
            del self._kept[gone]
        after = {
            run_id: max(self._kept.get(run_id, _Kept()).last, last - KEPT)
            for run_id, last in lasts.items()
            if last > self._kept.get(run_id, _Kept()).last
        }
        if not after:
            return
        found = events.read_all(session, after) if any(lasts[one] for one in after) else {}
        for run_id, seq in after.items():
            kept, new = self._kept.get(run_id, _Kept()), found.get(run_id, [])
            old = kept.events if seq == kept.last else ()
            self._kept[run_id] = _Kept((*old, *new)[-KEPT:], lasts[run_id])


def _rows(session: Session, run_ids: Collection[str]) -> dict[str, tuple[RunStatus, str, int]]:
    found = session.execute(_STANDING, {"runs": list(run_ids)})
    return {run_id: (status, project_id, last) for run_id, status, project_id, last in found}
