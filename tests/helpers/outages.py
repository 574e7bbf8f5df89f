"""A database that goes away in mid-run, in every way it does, again and again; and what must hold.

`Outages` keeps a run going on each of some stories while its database is struck. The seed says
everything that is random.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from cascade import shapes
from cascade.errors import DatabaseAway, RunActive
from cascade.service import Service
from tests.helpers.checking import (
    check_credits,
    check_events,
    check_saved_once,
    entries_of,
    plan_document,
)
from tests.helpers.observe import Database, wait_for

T = TypeVar("T")

# How long a run may take to go on; the slowest machine is in it.
LONGEST_S = 120.0
GRANTED = 100_000


# Takes a database away; what it returns brings it back.
Away = Callable[[], Callable[[], None]]


def ways_of_postgres(admin: sa.Engine, url: str, seed: int) -> dict[str, Away]:
    """How a Postgres goes away: read-only, some sessions, all sessions, not to be reached."""
    name, chance = sa.make_url(url).database, random.Random(seed)

    def execute(sql: str) -> list[int]:
        with admin.connect() as connection:
            found = connection.exec_driver_sql(sql)
            return [row[0] for row in found] if found.returns_rows else []

    def end(pids: list[int]) -> None:
        for pid in pids:
            execute(f"SELECT pg_terminate_backend({pid})")

    def sessions() -> list[int]:
        return execute(f"SELECT pid FROM pg_stat_activity WHERE datname = '{name}'")

    def read_only() -> Callable[[], None]:
        def turn(on: str) -> None:
            execute(f"ALTER SYSTEM SET default_transaction_read_only = {on}")
            execute("SELECT pg_reload_conf()")

        turn("on")
        return lambda: turn("off")

    def lose_some() -> Callable[[], None]:
        # All may have ended a moment ago.
        there = sessions()
        end(chance.sample(there, min(len(there), chance.randint(1, max(1, len(there) // 2)))))
        return lambda: None

    def restart() -> Callable[[], None]:
        execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        end(sessions())

        def let_in() -> None:
            execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")

        return let_in

    return {"read-only": read_only, "sessions lost": lose_some, "away": restart}


@dataclass
class Outage:
    """One of them: its kind, and how long it took until every run under way had gone on."""

    kind: str
    went_on_s: float


@dataclass
class Outages:
    """Runs on all stories of a service that executes, and strikes at their database.

    `ways` take the database away by name; what they return brings it back. A run is of so many
    `beats`.
    """

    service: Service
    ways: dict[str, Away]
    seed: int
    beats: int = 6
    found: list[Outage] = field(default_factory=list)
    ended: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.database = Database(self.service.database.url.render_as_string(hide_password=False))
        self.service.operator().grant("editor", GRANTED)
        self.active: dict[str, str] = {}

    def strike(self, times: int) -> None:
        """So many outages, each in mid-run and at an instant that nobody chose; then all ends."""
        kinds = [kind for kind in self.ways for _ in range(-(-times // len(self.ways)))][:times]
        self.random.shuffle(kinds)
        for kind in kinds:
            # What takes but some sessions stops no run: all may end before it is over.
            while not (outage := self._struck(kind)):
                pass
            self.found.append(outage)
        for story_id in list(self.active):
            wait_for(lambda: self._has_ended(story_id), "a run to end", LONGEST_S)  # noqa: B023
        self._check_credits()

    def figures(self) -> str:
        """How long it took from a database's return until a run went on."""
        parts = [f"{len(self.found)} outages, {self.ended} runs, seed {self.seed}"]
        for kind in self.ways:
            took = [one.went_on_s for one in self.found if one.kind == kind]
            if took:
                parts.append(
                    f"{kind}: median {statistics.median(took):.2f} s, most {max(took):.2f} s"
                )
        return "; ".join(parts)

    # -- the inside

    def _struck(self, kind: str) -> Outage | None:
        """One outage that every run has outlived; None where it met none that was left to go on."""
        self._keep_running()
        time.sleep(self.random.uniform(0, 0.4))
        bring_back = self.ways[kind]()
        try:
            time.sleep(self.random.choice((0.05, 0.3, self.random.uniform(0.5, 1.5))))
        finally:
            bring_back()
        back_at = time.time()
        if not self._waiting_since(back_at):
            return None
        wait_for(
            lambda: not self._waiting_since(back_at),
            f"every run to go on after {kind}, seed {self.seed}",
            LONGEST_S,
        )
        return Outage(kind, time.time() - back_at)

    def _keep_running(self) -> None:
        """Every story has a run; those that ended meanwhile are looked at."""
        for story in self._ask(self.service.operator().stories):
            if story.id in self.active and not self._has_ended(story.id):
                continue
            curve = self._ask(lambda: self.service.operator().story(story.id)).curve  # noqa: B023
            beats = self.random.sample(list(curve), min(len(curve), self.beats))
            levels = {beat: curve[beat] % 5 + 1 for beat in beats}
            self.active[story.id] = self._ask(lambda: self._start(story.id, levels))  # noqa: B023
        # One that has ended by the time that it is looked at was begun, too.
        wait_for(
            lambda: any(self._status(run_id) != "queued" for run_id in self.active.values()),
            "a run to be begun",
            LONGEST_S,
        )

    def _status(self, run_id: str) -> str:
        return self._ask(lambda: self.service.operator().run(run_id)).status

    def _start(self, story_id: str, levels: dict[str, int]) -> str:
        actor = self.service.actor("editor")
        try:
            return self.service.desk(actor).start(
                self.service.desk(actor).plan(story_id, levels).plan
            )
        except RunActive as error:
            # Nobody was told that the one before was written after all.
            return str(error.fields["run"])

    def _has_ended(self, story_id: str) -> bool:
        """True where the story's run has ended, and all is as it must be then."""
        run = self._ask(lambda: self.service.operator().run(self.active[story_id]))
        if run.is_active:
            return False
        assert run.status == "done", (run.status, run.error, self.seed)
        assert {step.status for step in run.steps} == {"saved"}
        events = self._ask(lambda: self.service.operator().events(run.id))
        check_events(events, plan_document(run.plan.to_json()), restarted=True)
        document = self._ask(lambda: self.service.operator().document(story_id))
        check_saved_once(self.database, run.id, document)
        for change in run.plan.changes:
            story = self._ask(lambda: self.service.operator().story(story_id))
            assert story.curve[change.beat_key] == change.new_level
        credits = self._credits()
        captured = entries_of(credits, run.id, "capture")
        assert captured == {step.key: step.credits for step in run.plan.steps}
        assert entries_of(credits, run.id, "release") == {None: 0}
        del self.active[story_id]
        self.ended += 1
        return True

    def _check_credits(self) -> None:
        credits = self._credits()
        check_credits(credits)
        assert credits["held"] == 0
        assert credits["available"] + credits["captured"] == GRANTED + 500

    def _credits(self) -> dict[str, Any]:
        actor = self._ask(lambda: self.service.actor("editor"))
        return shapes.credits_document(self._ask(lambda: self.service.desk(actor).credits()))

    def _waiting_since(self, instant: float) -> list[str]:
        """The runs that have not ended, and of which nothing was told since then."""
        rows = self.database.query(
            "SELECT id, (SELECT CAST(max(at) AS TEXT) FROM cascade_run_events"
            " WHERE run_id = cascade_runs.id) AS told"
            " FROM cascade_runs WHERE status IN ('queued', 'running', 'cancelling')"
        )
        return [
            row["id"] for row in rows if row["told"] is None or _seconds(row["told"]) <= instant
        ]

    def _ask(self, ask: Callable[[], T]) -> T:
        """What the service answers once its database does."""
        deadline = time.monotonic() + LONGEST_S
        while True:
            try:
                return ask()
            except DatabaseAway:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def _seconds(at: str) -> float:
    """The instant of an event as the database keeps it."""
    instant = datetime.fromisoformat(at)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).timestamp()
