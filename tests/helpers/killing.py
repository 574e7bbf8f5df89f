"""Kill -9, again and again, of whatever executes; then all must be as if nothing had happened."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import statistics
import subprocess
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cascade.engine.seats import SEATS, lock_number
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.checking import (
    check_credits,
    check_events,
    check_saved_once,
    entries_of,
    plan_document,
)
from tests.helpers.near import Near
from tests.helpers.observe import Database, lock_holder, masked, tell, wait_for

WORKERS = 3
DELAY_MS = 40


@dataclass
class Member:
    """One process that executes, or stands by to."""

    process: subprocess.Popen[str]
    kind: str
    said: str = ""

    def is_ready(self) -> bool:
        """True when it has said that it executes."""
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), False)
        with contextlib.suppress(TypeError, BlockingIOError):
            self.said += self.process.stderr.read() or ""
        return "Executing" in self.said


@dataclass
class Kill:
    """One kill of the process that executed a run."""

    run_id: str
    kind: str
    at: float
    warm: bool  # another process stood ready


@dataclass
class Killer:
    """Runs under fire on one database. The seed says everything that is random."""

    cli: Any
    url: str
    seed: int
    kills: list[Kill] = field(default_factory=list)
    members: dict[str, Member] = field(default_factory=dict)
    events: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.near = Near(self.url)
        self.database = Database(self.url)
        self.service = Service(Settings(database_url=self.url, provider="offline"))
        self.service.operator().grant("editor", 100_000)
        if not self.database.is_sqlite:
            # One role a process: the server then says which process holds which lock.
            for name in (*self._names(), "kill_run"):
                found = self.database.value("SELECT 1 FROM pg_roles WHERE rolname = :n", n=name)
                if not found:
                    self.database.execute(f"CREATE ROLE {name} SUPERUSER LOGIN")

    def round(self, kills: int) -> None:
        """Two runs on two stories, one by `cascade run`; killed until both end or that many died.

        Whatever is left alive then ends them.
        """
        rows = self.database.content()
        stories = self.random.sample(self.service.operator().stories(), 2)
        changes = {story.id: self._changes(story.id) for story in stories}
        self._stop(*self.members)
        actor = self.service.actor("editor")
        one, other = stories
        queued = self.service.desk(actor).start(
            self.service.desk(actor).plan(other.id, changes[other.id]).plan
        )
        sets = [part for beat, n in changes[one.id].items() for part in ("--set", f"{beat}={n}")]
        known = {run.id for run in self.service.operator().runs(one.id)}
        running = Member(self.cli.start("run", one.id, *sets, **self._env("kill_run")), kind="run")
        self.members["kill_run"] = running
        run_id = wait_for(
            # It may be over by the time that it is looked for.
            lambda: next(
                (run.id for run in self.service.operator().runs(one.id) if run.id not in known),
                "",
            ),
            "the run to be written",
        )
        active = [run_id, queued]
        until = len(self.kills) + kills
        while active := [each for each in active if self._is_active(each)]:
            if len(self.kills) < until:
                self._strike(self.random.choice(active))
            for name in self._names():
                if name not in self.members:
                    process = self.cli.start("worker", **self._env(name))
                    self.members[name] = Member(process, "worker")
            time.sleep(0.01)
        self._check(run_id, running)
        self._check(queued)
        before, after = rows, self.database.content()
        for story_id, finished in ((one.id, run_id), (other.id, queued)):
            keys = {step.key for step in self.service.operator().run(finished).plan.steps}
            before = masked(before, story_id, keys, set(changes[story_id]))
            after = masked(after, story_id, keys, set(changes[story_id]))
        assert after == before, "nothing outside the plans has changed"

    def close(self) -> None:
        """Ends every process, and looks once more at all the credits."""
        self._stop(*self.members)
        self.service.close()
        credits = self.near.json("credits")
        check_credits(credits)
        assert credits["held"] == 0
        assert credits["available"] + credits["captured"] == 100_500

    def figures(self) -> str:
        """How long it took from a kill until the run went on."""
        warm: list[float] = []
        cold: list[float] = []
        for kill, following in zip(self.kills, [*self.kills[1:], None], strict=True):
            later = [at for at in self._instants(kill.run_id) if at > kill.at]
            if not later or (following and following.at < later[0]):
                continue  # killed again before it could go on
            (warm if kill.warm else cold).append(later[0] - kill.at)
        by_kind = {kind: sum(k.kind == kind for k in self.kills) for kind in ("run", "worker")}
        parts = [f"{len(self.kills)} kills {by_kind}, {len(self.events)} runs, seed {self.seed}"]
        for name, seconds in (("another stood by", warm), ("none stood by", cold)):
            if len(seconds) > 1:
                p95 = statistics.quantiles(seconds, n=20, method="inclusive")[-1]
                parts.append(
                    f"{name}: median {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, "
                    f"most {max(seconds):.2f} s ({len(seconds)})"
                )
        return "; ".join(parts)

    # -- the inside

    def _names(self) -> list[str]:
        return [f"kill_{number}" for number in range(WORKERS)]

    def _env(self, name: str) -> dict[str, str]:
        env = {"CASCADE_OFFLINE_DELAY_MS": str(DELAY_MS)}
        if not self.database.is_sqlite:
            url = sa.make_url(self.url).set(username=name)
            env["CASCADE_DATABASE_URL"] = url.render_as_string(hide_password=False)
        return env

    def _changes(self, story_id: str) -> dict[str, int]:
        curve = self.service.operator().story(story_id).curve
        beats = self.random.sample(list(curve), min(len(curve), 6))
        return {beat: curve[beat] % 5 + 1 for beat in beats}

    def _is_active(self, run_id: str) -> bool:
        status = self.database.value("SELECT status FROM cascade_runs WHERE id = :id", id=run_id)
        assert status in ("queued", "running", "done"), (run_id, status, self.seed)
        return bool(status != "done")

    def _strike(self, run_id: str) -> None:
        """Kills whoever executes the run, at an instant that nobody chose."""
        if self.kills and self.random.random() < 0.6:
            # Not always before it has gone on: then no run would ever come far.
            wait_for(lambda: self._went_on(run_id), f"run {run_id} to go on, seed {self.seed}")
        deadline = time.monotonic() + self.random.uniform(0, 0.9)
        while time.monotonic() < deadline:
            time.sleep(0.005)
        name = self._executor_of(run_id)
        if name is None or not self._is_active(run_id):
            return
        victim = self.members.pop(name)
        if self.random.random() < 0.5:
            # As when a machine goes down: nobody is left who stands by.
            self._stop(*(other for other in self._names() if other in self.members))
        warm = any(one.kind == "worker" and one.is_ready() for one in self.members.values())
        at = time.time()
        victim.process.send_signal(signal.SIGKILL)
        self._bury(victim)
        self.kills.append(Kill(run_id, victim.kind, at, warm))

    def _went_on(self, run_id: str) -> bool:
        """True where the run has an event since the last kill, or has ended."""
        events = self.service.operator().events(run_id)
        last = datetime.fromisoformat(events[-1]["at"]).timestamp() if events else 0
        return last > self.kills[-1].at or not self._is_active(run_id)

    def _executor_of(self, run_id: str) -> str | None:
        """The name of the process that executes a run."""
        if self.database.is_sqlite:
            pid = lock_holder(Path(f"{sa.make_url(self.url).database}.executor.lock"))
            mine = (name for name, one in self.members.items() if one.process.pid == pid)
            return next(mine, None)
        executor = self.database.value(
            "SELECT executor_id FROM cascade_dbos.workflow_status "
            "WHERE workflow_uuid LIKE :id AND status = 'PENDING'",
            id=f"{run_id}@%",
        )
        if executor is None:
            return None
        name = self.database.value(
            "SELECT usename FROM pg_locks JOIN pg_stat_activity USING (pid) "
            "WHERE locktype = 'advisory' AND classid = :seats AND objid = :number",
            seats=SEATS,
            number=lock_number(executor) & 0xFFFFFFFF,
        )
        return name if name in self.members else None

    def _stop(self, *names: str) -> None:
        gone = [self.members.pop(name) for name in names]
        for member in gone:
            member.process.send_signal(signal.SIGKILL)
        for member in gone:
            self._bury(member)

    def _bury(self, member: Member) -> None:
        member.is_ready()
        out, _ = member.process.communicate(timeout=120)
        member.is_ready = lambda: False  # type: ignore[method-assign]
        assert "Traceback" not in member.said, member.said
        if member.kind == "run":
            self._printed = [json.loads(line) for line in out.splitlines() if line.endswith("}")]

    def _instants(self, run_id: str) -> list[float]:
        return [datetime.fromisoformat(e["at"]).timestamp() for e in self.events[run_id]]

    def _check(self, run_id: str, member: Member | None = None) -> None:
        """All that must hold of a run that ended under fire."""
        run = self.service.operator().run(run_id)
        assert run.status == "done", (run.status, run.error, self.seed)
        events = self.events[run_id] = self.service.operator().events(run_id)
        check_events(events, plan_document(run.plan.to_json()), restarted=True)
        document = self.near.json("show", run.story_id)
        check_saved_once(self.database, run_id, document)
        assert {step.status for step in run.steps} == {"saved"}
        credits = self.near.json("credits")
        captures = entries_of(credits, run_id, "capture")
        assert captures == {step.key: step.credits for step in run.plan.steps}
        assert entries_of(credits, run_id, "release") == {None: 0}
        for change in run.plan.changes:
            assert (
                self.service.operator().story(run.story_id).curve[change.beat_key]
                == change.new_level
            )
        if member is not None:
            if member.process.poll() is None:
                member.process.wait(timeout=120)
            if self.members.get("kill_run") is member:
                self._bury(self.members.pop("kill_run"))
            assert self._printed == events[: len(self._printed)], "printed is what is stored"


def under_fire(cli: Any, url: str, seed: int, kills: int) -> str:
    """Rounds until so many processes have been killed; the figures. Fails where a rule broke."""
    killer = Killer(cli, url, seed)
    try:
        while len(killer.kills) < kills:
            killer.round(min(8, kills - len(killer.kills)))
    except BaseException:
        tell(f"after {len(killer.kills)} kills, seed {seed}")
        raise
    finally:
        killer.close()
    return killer.figures()
