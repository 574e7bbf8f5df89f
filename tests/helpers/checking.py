"""What must hold after any run: its events, its credits, and what it has saved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.helpers.observe import Database, Event, Row, text_in

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
