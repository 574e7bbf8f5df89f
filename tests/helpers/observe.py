"""What must hold after any run, read from outside: rows, events, credits. And waiting for it."""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

T = TypeVar("T")
Row = dict[str, Any]
Rows = dict[str, dict[str, Row]]
Event = dict[str, Any]

KINDS = ("beatContent", "keyAction", "scenePlots", "scripts")
KIND_OF_STEP = {
    "beatContent": "beatContent",
    "keyAction": "keyAction",
    "scenePlot": "scenePlots",
    "script": "scripts",
}
ENDS = ("done", "cancelled", "error")
COMMON = {"type", "seq", "runId", "at"}
# The keys an event has beside the common ones: always, and sometimes.
SHAPES: dict[str, tuple[set[str], set[str]]] = {
    "start": ({"totalBeats", "estimatedCredits"}, set()),
    "beat_start": ({"beatIndex", "beatKey", "beatLabel"}, set()),
    "step": ({"beatIndex", "step", "status"}, {"progress", "result", "scenes"}),
    "scene": ({"beatIndex", "step", "sceneNumber", "status"}, set()),
    "retry": ({"beatIndex", "step", "attempt", "waitSeconds", "error"}, {"sceneNumber"}),
    "beat_complete": ({"beatIndex"}, set()),
    "done": ({"totalCreditsUsed", "beatsRegenerated"}, set()),
    "cancelled": ({"totalCreditsUsed", "beatsRegenerated"}, set()),
    "error": ({"error", "code"}, {"beatIndex"}),
}


def wait_for(condition: Callable[[], T], what: str, timeout: float = 30.0) -> T:
    """Looks again and again until the condition gives something; fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited {timeout:g} s in vain for {what}"
        time.sleep(0.01)
    return found


def tell(line: str) -> None:
    """A figure for whoever reads the report of the tests (`pytest -rA`)."""
    sys.stdout.write(f"{line}\n")


def lock_holder(path: Path) -> int | None:
    """The process that holds a lock on a file, as the kernel says."""
    if not path.exists():
        return None
    inode = str(path.stat().st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        parts = line.split()
        if parts[1] != "->" and parts[5].split(":")[-1] == inode:
            return int(parts[4])
    return None


CONTENT = (
    "projects",
    "cascade_project_members",
    "cascade_users",
    "story_versions",
    "scene_plots",
    "scene_shots",
)
RULED = (
    "cascade_pieces",
    "cascade_revisions",
    "cascade_credit_accounts",
    "cascade_credit_entries",
    "cascade_drafts",
    "cascade_runs",
    "cascade_run_steps",
    "cascade_run_events",
    "cascade_start_keys",
    "cascade_requests",
    "cascade_audit",
)


class Database:
    """A database as a stranger sees it: raw rows by SQL, and edits behind the program's back."""

    def __init__(self, url: str) -> None:
        address = sa.make_url(url)
        if address.drivername == "postgresql":
            address = address.set(drivername="postgresql+psycopg2")
        self.is_sqlite = address.get_backend_name() == "sqlite"
        self._engine = sa.create_engine(
            address, poolclass=sa.pool.NullPool, isolation_level="AUTOCOMMIT"
        )

    def query(self, sql: str, **values: Any) -> list[Row]:
        """The rows that a statement gives."""
        with closing(self._engine.connect()) as connection:
            return [dict(row) for row in connection.execute(sa.text(sql), values).mappings()]

    def value(self, sql: str, **values: Any) -> Any:
        """The first column of the first row; None without rows."""
        found = self.query(sql, **values)
        return next(iter(found[0].values())) if found else None

    def execute(self, sql: str, **values: Any) -> int:
        """Changes rows; how many."""
        with closing(self._engine.connect()) as connection:
            return int(connection.execute(sa.text(sql), values).rowcount)

    def rows(self, *tables: str) -> Rows:
        """Whole tables by primary key, JSON as the text it is stored as."""
        found: Rows = {}
        with closing(self._engine.connect()) as connection:
            inspector = sa.inspect(connection)
            for table in tables:
                names = [column["name"] for column in inspector.get_columns(table)]
                keys = inspector.get_pk_constraint(table)["constrained_columns"]
                columns = ", ".join(f"CAST({name} AS TEXT) AS {name}" for name in names)
                rows = connection.execute(sa.text(f"SELECT {columns} FROM {table}")).mappings()
                found[table] = {"/".join(str(row[k]) for k in keys): dict(row) for row in rows}
        return found

    def content(self) -> Rows:
        """Everything that is content, or that no run may touch."""
        return self.rows(*CONTENT)

    def everything(self) -> Rows:
        """Every row that the program's own rules are about."""
        return self.content() | self.rows(*RULED)

    def sign(self) -> int:
        """A number that is another one when a row of all that is another one: quick to take."""
        with closing(self._engine.connect()) as connection:
            found = (
                sorted(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table}")))
                for table in (*CONTENT, *RULED)
            )
            return hash(tuple(map(tuple, found)))

    def plan_of(self, run_id: str) -> dict[str, Any]:
        """The plan that is stored with a run."""
        sql = "SELECT CAST(plan AS TEXT) FROM cascade_runs WHERE id = :id"
        plan: dict[str, Any] = json.loads(self.value(sql, id=run_id))
        return plan

    def edit_map(self, story_id: str, column: str, key: str, value: Any) -> None:
        """Another program's edit of one entry in a JSON map of a story; nothing else moves."""
        with self._engine.connect() as raw:
            connection = raw.execution_options(isolation_level="SERIALIZABLE")
            with connection.begin():
                lock = "" if self.is_sqlite else " FOR UPDATE"
                if self.is_sqlite:
                    # The driver begins at the first write: so write first, then read.
                    connection.execute(
                        sa.text("UPDATE story_versions SET id = id WHERE id = :id"),
                        {"id": story_id},
                    )
                stored = connection.scalar(
                    sa.text(
                        f"SELECT CAST({column} AS TEXT) FROM story_versions WHERE id = :id{lock}"
                    ),
                    {"id": story_id},
                )
                text = json.dumps({**json.loads(stored), key: value})
                connection.execute(
                    sa.text(f"UPDATE story_versions SET {column} = :new WHERE id = :id"),
                    {"id": story_id, "new": text},
                )


def assert_untouched(
    before: Rows, after: Rows, story_id: str, keys: Iterable[str], levels: Iterable[str]
) -> None:
    """Content is the same byte for byte, but for the pieces and levels named, of that story."""
    keys, levels = set(keys), set(levels)
    was, is_now = (masked(rows, story_id, keys, levels) for rows in (before, after))
    for table in was:
        assert is_now[table] == was[table], f"{table} changed outside {sorted(keys)}"


def masked(rows: Rows, story_id: str, keys: set[str], levels: set[str]) -> Rows:
    """Content rows without what may differ; a map that may differ, by its other entries."""
    rest = {table: {key: dict(row) for key, row in found.items()} for table, found in rows.items()}
    story = rest["story_versions"][story_id]
    kind = story["structure_type"]
    gone = {
        "tension_levels": levels,
        f"{kind}_beats": {key.split("/")[0] for key in keys if key.endswith("/beatContent")},
        f"{kind}_key_actions": {key.split("/")[0] for key in keys if key.endswith("/keyAction")},
    }
    for column, beats in gone.items():
        if beats:
            stored = json.loads(story[column] or "{}")
            story[column] = [(beat, text) for beat, text in stored.items() if beat not in beats]
    for scene in rest["scene_plots"].values():
        if scene["story_version_id"] == story_id:
            for column, step in (("plot", "scenePlot"), ("script", "script")):
                if f"{scene['beat_key']}/{step}/{scene['scene_number']}" in keys:
                    del scene[column]
    return rest


def assert_document_untouched(
    before: Row, after: Row, keys: Iterable[str], levels: Iterable[str]
) -> None:
    """The same for two documents of `show --json`."""
    keys, levels = set(keys), set(levels)

    def rest(document: Row) -> str:
        copy = json.loads(json.dumps(document))
        copy.pop("outOfDate", None)
        for beat in copy["beats"]:
            for name, step in (("content", "beatContent"), ("keyAction", "keyAction")):
                if f"{beat['key']}/{step}" in keys:
                    del beat[name]
            if beat["key"] in levels:
                del beat["tension"]
        for scene in copy["scenes"]:
            for name, step in (("plot", "scenePlot"), ("script", "script")):
                if f"{scene['beatKey']}/{step}/{scene['number']}" in keys:
                    del scene[name]
        return json.dumps(copy, ensure_ascii=False)

    assert rest(after) == rest(before)


def text_in(document: Row, key: str) -> str:
    """The text of one piece in a document of `show --json`."""
    beat_key, kind, *rest = key.split("/")
    if rest:
        scene = next(one for one in document["scenes"] if one["number"] == int(rest[0]))
        return str(scene["plot" if kind == "scenePlot" else "script"])
    beat = next(one for one in document["beats"] if one["key"] == beat_key)
    return str(beat["content" if kind == "beatContent" else "keyAction"])


def level_in(document: Row, beat_key: str) -> int:
    """The level of one beat in a document of `show --json`."""
    return int(next(one["tension"] for one in document["beats"] if one["key"] == beat_key))


def step_keys(plan: Row) -> list[str]:
    """The step keys of a plan as `plan --json` prints it."""
    return [step["key"] for step in plan["steps"]]


def check_events(events: list[Event], plan: Row, *, restarted: bool = False) -> None:
    """All that DESIGN.md section 5 says of the events of one run that has ended.

    `plan` is the run's as `plan --json` prints it. `restarted`: executors died meanwhile, so that
    `generating` may have come again.
    """
    assert events, "an ended run has at least the event that ends it"
    run_ids = {event["runId"] for event in events}
    assert len(run_ids) == 1
    assert None not in run_ids
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    instants = [datetime.fromisoformat(event["at"]) for event in events]
    assert all(at.utcoffset() is not None for at in instants)
    for event in events:
        _check_shape(event)
    assert [event["type"] for event in events if event["type"] in ENDS] == [events[-1]["type"]]
    end = events[-1]
    if events[0]["type"] == "cancelled":
        assert len(events) == 1, "a run cancelled in the queue has only its end"
        assert (end["totalCreditsUsed"], end["beatsRegenerated"]) == (0, 0)
        return
    changes, steps = plan["changes"], plan["steps"]
    assert [event["type"] for event in events].count("start") == 1
    assert events[0]["type"] == "start"
    assert events[0]["totalBeats"] == len(changes)
    assert events[0]["estimatedCredits"] == plan["estimatedCredits"]
    _check_once(events)
    beats = [event for event in events if "beatIndex" in event and event["type"] not in ENDS]
    indexes = [event["beatIndex"] for event in beats]
    assert indexes == sorted(indexes), "one beat after the other"
    for at in dict.fromkeys(indexes):
        own = [event for event in beats if event["beatIndex"] == at]
        beat_steps = [step for step in steps if step["beatKey"] == changes[at]["beatKey"]]
        _check_beat(own, changes[at], beat_steps, restarted=restarted)
    captured, whole = _captured(events, plan)
    if end["type"] == "error":
        assert end["error"]
        assert "\n" not in end["error"]
        return
    assert end["totalCreditsUsed"] == captured
    assert end["beatsRegenerated"] == whole
    if end["type"] == "done":
        assert captured == plan["estimatedCredits"]
        assert whole == len(changes)


def _check_shape(event: Event) -> None:
    always, sometimes = SHAPES[event["type"]]
    keys = set(event) - COMMON
    assert set(event) >= COMMON
    assert always <= keys <= always | sometimes, event
    if event["type"] == "step":
        assert event["step"] in KINDS
        assert event["status"] in ("generating", "complete", "error")
        alone = event["step"] in KINDS[:2]
        assert ("result" in event) == (alone and event["status"] == "complete")
        assert ("scenes" in event) == (not alone and event["status"] == "complete")
        if not alone and event["status"] != "error":
            assert set(event["progress"]) == {"current", "total"}
    if event["type"] == "scene":
        assert event["step"] in KINDS[2:]
        assert event["status"] in ("generating", "complete", "error")
    if event["type"] == "retry":
        assert event["waitSeconds"] >= 0
        assert event["attempt"] >= 1
        assert event["error"]


def _check_once(events: list[Event]) -> None:
    """Of what happens once a run there is one event, whatever died."""
    names: Counter[tuple[Any, ...]] = Counter()
    for event in events:
        kind = event["type"]
        again = kind == "retry" or event.get("status") in ("generating", "error")
        if not again:
            parts = ("beatIndex", "step", "sceneNumber")
            names[(kind, *(event.get(part) for part in parts))] += 1
    assert {name: n for name, n in names.items() if n > 1} == {}


def _check_beat(events: list[Event], change: Row, steps: list[Row], *, restarted: bool) -> None:
    first, last = events[0], events[-1]
    assert first["type"] == "beat_start"
    assert first["beatKey"] == change["beatKey"]
    assert first["beatLabel"] == change["beatLabel"]
    kinds = [KINDS.index(event["step"]) for event in events if "step" in event]
    assert kinds == sorted(kinds), "contents, key actions, plots, scripts"
    planned = {KIND_OF_STEP[step["step"]] for step in steps}
    assert {event["step"] for event in events if "step" in event} <= planned
    all_complete = True
    for name in (kind for kind in KINDS if kind in planned):
        numbers = [s["sceneNumber"] for s in steps if KIND_OF_STEP[s["step"]] == name]
        own = [event for event in events if event.get("step") == name]
        complete = [e for e in own if e["type"] == "step" and e["status"] == "complete"]
        all_complete = all_complete and bool(complete)
        if not own:
            continue
        # A scene may be found to have moved before any of its beat is begun.
        assert own[0]["status"] in ("generating", "error")
        assert own[0]["type"] == "step" or own[0]["status"] == "error"
        if numbers != [None]:
            _check_scenes(own, numbers, complete, restarted=restarted)
    completes = [event for event in events if event["type"] == "beat_complete"]
    assert bool(completes) == all_complete
    if completes:
        assert completes == [last]


def _check_scenes(
    own: list[Event], numbers: list[int], complete: list[Event], *, restarted: bool
) -> None:
    """The events of the plots, or of the scripts, of one beat."""
    done: list[int] = []
    begun: Counter[int] = Counter()
    for event in own:
        number = event.get("sceneNumber")
        if event["type"] == "scene":
            assert number in numbers
            if event["status"] == "generating":
                assert number not in done
                begun[number] += 1
            elif event["status"] == "complete":
                assert begun[number], "what is complete was generating before"
                done.append(number)
        elif event["type"] == "step" and event["status"] == "generating":
            assert event["progress"] == {"current": len(done), "total": len(numbers)}
    if not restarted and not any(event["type"] == "retry" for event in own):
        assert all(n == 1 for n in begun.values())
    assert bool(complete) == (sorted(done) == numbers)
    if complete:
        assert complete[0]["progress"] == {"current": len(numbers), "total": len(numbers)}
        assert complete[0]["scenes"] == numbers
        assert own[-1] == complete[0]


def completed_keys(events: list[Event], plan: Row) -> list[str]:
    """The keys of the steps that the events call complete, in their order."""
    keys = []
    singular = {name: step for step, name in KIND_OF_STEP.items()}
    for event in events:
        if event.get("status") == "complete" and (
            event["type"] == "scene" or event.get("step") in KINDS[:2]
        ):
            beat = plan["changes"][event["beatIndex"]]["beatKey"]
            number = event.get("sceneNumber")
            key = f"{beat}/{singular[event['step']]}"
            keys.append(key if number is None else f"{key}/{number}")
    return keys


def _captured(events: list[Event], plan: Row) -> tuple[int, int]:
    """Credits of the completed steps, and how many beats are complete."""
    saved = set(completed_keys(events, plan))
    credits = sum(step["credits"] for step in plan["steps"] if step["key"] in saved)
    return credits, sum(event["type"] == "beat_complete" for event in events)


def check_credits(credits: Row) -> None:
    """The sums of a document of `credits --json` are those of its entries, run by run."""
    assert set(credits) == {"user", "deposited", "available", "held", "captured", "entries"}
    assert credits["available"] + credits["held"] + credits["captured"] == credits["deposited"]
    totals: Counter[str] = Counter()
    held = 0
    runs: dict[str, list[Row]] = {}
    for entry in credits["entries"]:
        assert set(entry) == {"runId", "stepKey", "kind", "credits", "at"}
        assert entry["kind"] in ("grant", "hold", "capture", "release")
        assert type(entry["credits"]) is int
        assert datetime.fromisoformat(entry["at"]).utcoffset() is not None
        totals[entry["kind"]] += entry["credits"]
        if entry["kind"] == "grant":
            assert entry["runId"] is None
        else:
            runs.setdefault(entry["runId"], []).append(entry)
    for entries in runs.values():
        kinds = [entry["kind"] for entry in entries]
        assert kinds.count("hold") == 1
        assert kinds[0] == "hold"
        assert kinds.count("release") <= 1
        charged = [entry["stepKey"] for entry in entries if entry["kind"] == "capture"]
        assert len(charged) == len(set(charged)), "a step is charged once"
        used = sum(entry["credits"] for entry in entries if entry["kind"] == "capture")
        if "release" in kinds:
            assert kinds[-1] == "release"
            assert used + entries[-1]["credits"] == entries[0]["credits"]
        else:
            held += entries[0]["credits"] - used
    assert totals["grant"] == credits["deposited"]
    assert totals["capture"] == credits["captured"]
    assert held == credits["held"]


def entries_of(credits: Row, run_id: str, kind: str) -> dict[str | None, int]:
    """The movements of one kind for one run, by step key."""
    return {
        entry["stepKey"]: entry["credits"]
        for entry in credits["entries"]
        if entry["runId"] == run_id and entry["kind"] == kind
    }


def check_saved_once(database: Database, run_id: str, document: Row) -> None:
    """Every saved step of a run has one capture and one revision, and its text is the content."""
    steps = database.query("SELECT * FROM cascade_run_steps WHERE run_id = :id", id=run_id)
    saved = {step["key"]: step for step in steps if step["status"] == "saved"}
    charged = database.query(
        "SELECT step_key, credits FROM cascade_credit_entries "
        "WHERE run_id = :id AND kind = 'capture'",
        id=run_id,
    )
    assert sorted((row["step_key"], row["credits"]) for row in charged) == sorted(
        (key, step["credits"]) for key, step in saved.items()
    )
    revisions = database.query("SELECT * FROM cascade_revisions WHERE run_id = :id", id=run_id)
    # The first step of a beat also saves its level, once.
    levels = [row["key"] for row in revisions if row["step_key"] is None]
    assert len(set(levels)) == len(levels)
    assert {key.split("/")[1] for key in levels} <= {"level"}
    assert {key.split("/")[0] for key in levels} <= {key.split("/")[0] for key in saved}
    revisions = [row for row in revisions if row["step_key"] is not None]
    assert sorted(row["step_key"] for row in revisions) == sorted(saved)
    for row in revisions:
        assert row["id"] == saved[row["step_key"]]["revision_id"]
        assert row["text"] == text_in(document, row["step_key"]), row["step_key"]


def plan_document(plan: Mapping[str, Any]) -> Row:
    """A stored plan in the shape of `plan --json`, as far as `check_events` reads it."""
    return {
        "changes": [
            {"beatKey": change["beat_key"], "beatLabel": change["beat_label"]}
            for change in plan["changes"]
        ],
        "steps": [
            {
                "key": step["key"],
                "beatKey": step["beat_key"],
                "step": step["kind"],
                "sceneNumber": step["scene_number"],
                "credits": step["credits"],
            }
            for step in plan["steps"]
        ],
        "estimatedCredits": sum(step["credits"] for step in plan["steps"]),
    }
