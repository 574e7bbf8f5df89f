"""The six cases of the job, by the command line in processes of its own, on both databases."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.checking import (
    check_credits,
    check_events,
    check_saved_once,
    completed_keys,
    entries_of,
    step_keys,
)
from tests.helpers.model_http import Reply
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import (
    Database,
    assert_document_untouched,
    assert_untouched,
    level_in,
    text_in,
)
from tests.helpers.seeded_fixtures import model

HERO = "A Hundred Diameters"
CAT = "Tinggi Muka Air"
PRICES = {"beatContent": 3, "keyAction": 2, "scenePlot": 3, "script": 4}


class Case:
    """One story before a run, and what must hold after it."""

    def __init__(self, cli: Any, url: str, title: str, *changes: str) -> None:
        self.cli = cli
        self.near = near = Near(url)
        self.database = Database(url)
        self.title = title
        self.changes = [part for change in changes for part in ("--set", change)]
        self.levels = dict(change.split("=") for change in changes)
        self.before = near.json("show", title)
        self.rows = self.database.content()
        self.plan = near.json("plan", title, *self.changes)
        self.story_id = self.before["id"]

    def run(self, *arguments: str, **env: str) -> tuple[int, list[dict[str, Any]]]:
        """Runs the changes to the end; exit code and events."""
        done = self.cli("run", self.title, *self.changes, *arguments, **env)
        return done.returncode, events_in(done)

    def after(self, saved: Iterable[str], levels: Iterable[str]) -> dict[str, Any]:
        """The story as it is now, when exactly these pieces and levels are new."""
        saved, levels = list(saved), list(levels)
        document: dict[str, Any] = self.near.json("show", self.title)
        assert_document_untouched(self.before, document, saved, levels)
        assert_untouched(self.rows, self.database.content(), self.story_id, saved, levels)
        for key in saved:
            new, old = text_in(document, key), text_in(self.before, key)
            assert new.strip(), key
            assert new != old, key
        for beat in levels:
            assert level_in(document, beat) == int(self.levels[beat])
        return document

    def shots(self, keys: Iterable[str]) -> set[str]:
        """The keys of the shots that hang off rewritten scenes."""
        scenes = {int(key.split("/")[2]): key.split("/")[0] for key in keys if key.count("/") == 2}
        return {
            f"{scenes[scene['number']]}/shots/{scene['number']}"
            for scene in self.before["scenes"]
            if scene["number"] in scenes and scene["shots"]
        }


def marked_in(document: dict[str, Any]) -> set[str]:
    """The keys of what a document says is out of date, each with its reason."""
    assert all(one["reason"] and "since" in one for one in document["outOfDate"])
    return {one["key"] for one in document["outOfDate"]}


def events_in(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The events on standard output, where nothing else may be."""
    assert "Traceback" not in done.stderr, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def check_plan(plan: dict[str, Any], document: dict[str, Any], beats: list[str]) -> None:
    """The plan of these beats, worked out a second time from the story alone."""
    expected = []
    for beat in beats:
        numbers = [scene["number"] for scene in document["scenes"] if scene["beatKey"] == beat]
        expected += [f"{beat}/beatContent", f"{beat}/keyAction"]
        expected += [f"{beat}/scenePlot/{n}" for n in numbers]
        expected += [f"{beat}/script/{n}" for n in numbers]
    assert step_keys(plan) == expected
    assert [step["credits"] for step in plan["steps"]] == [
        PRICES[key.split("/")[1]] for key in expected
    ]
    assert plan["estimatedCredits"] == sum(step["credits"] for step in plan["steps"])
    assert plan["affectedScenes"] == sorted(
        {int(key.split("/")[2]) for key in expected if key.count("/") == 2}
    )


def check_whole_run(case: Case, beats: list[str], code: int, events: list[dict[str, Any]]) -> None:
    """Everything that holds after a run that came to its end."""
    check_plan(case.plan, case.before, beats)
    keys = step_keys(case.plan)
    assert code == 0
    check_events(events, case.plan)
    assert events[-1]["type"] == "done"
    document = case.after(keys, beats)
    assert marked_in(document) == case.shots(keys)
    for event in events:
        if "result" in event:
            beat = case.plan["changes"][event["beatIndex"]]["beatKey"]
            assert event["result"] == text_in(document, f"{beat}/{event['step']}")
    run_id = events[0]["runId"]
    check_saved_once(case.database, run_id, document)
    credits = case.near.json("credits")
    check_credits(credits)
    assert (credits["available"], credits["held"]) == (500 - case.plan["estimatedCredits"], 0)
    assert entries_of(credits, run_id, "release") == {None: 0}
    run = case.near.json("runs")[0]
    assert (run["id"], run["status"], run["error"]) == (run_id, "done", None)
    assert run["usedCredits"] == run["estimatedCredits"] == case.plan["estimatedCredits"]
    stored = case.near("events", run_id)
    assert events_in(stored) == events, "what was printed is what is stored"


def test_one_beat(cli: Any, database_url: str) -> None:
    case = Case(cli, database_url, HERO, "ordeal=3")
    assert case.plan["changes"] == [
        {
            "beatKey": "ordeal",
            "beatLabel": case.plan["changes"][0]["beatLabel"],
            "previousTension": 5,
            "newTension": 3,
            "prevBeatTension": 4,
            "nextBeatTension": 3,
        }
    ]
    code, events = case.run()
    check_whole_run(case, ["ordeal"], code, events)
    again = case.near("run", HERO, "--set", "ordeal=3")
    assert again.returncode == 5, "the level is the saved one now"


def test_three_beats_in_sequence(cli: Any, database_url: str) -> None:
    # Given out of order; two of them are neighbours, one is the last beat.
    case = Case(cli, database_url, CAT, "finalImage=2", "allIsLost=2", "badGuysCloseIn=5")
    beats = ["badGuysCloseIn", "allIsLost", "finalImage"]
    assert [change["beatKey"] for change in case.plan["changes"]] == beats
    assert case.plan["changes"][1]["prevBeatTension"] == 5, "the neighbour's level after the run"
    assert case.plan["changes"][2]["nextBeatTension"] is None
    code, events = case.run("--direction", "allIsLost=di luar layar")
    check_whole_run(case, beats, code, events)


def test_cancel_during_step_2(cli: Any, database_url: str, server: ModelServer) -> None:
    server.answer(2, Reply(raw=b"", end="stall"))  # the key action never comes
    case = Case(cli, database_url, HERO, "ordeal=3", "reward=5")
    running = cli.start("run", HERO, *case.changes, **model(server))
    server.wait_for_calls(2, timeout=60)
    run_id = case.near.json("runs")[0]["id"]
    cancelled = cli("cancel", run_id)
    assert cancelled.returncode == 0, cancelled.stderr
    output, errors = running.communicate(timeout=60)
    assert running.returncode == 3, errors
    assert server.wait_for_hang_up(2, timeout=60).status == 200, "the call in flight was aborted"
    assert server.count == 2, "and no other was begun"

    events = [json.loads(line) for line in output.splitlines()]
    check_events(events, case.plan)
    assert completed_keys(events, case.plan) == ["ordeal/beatContent"]
    assert events[-1] == {
        **{key: events[-1][key] for key in ("seq", "at")},
        "runId": run_id,
        "type": "cancelled",
        "totalCreditsUsed": 3,
        "beatsRegenerated": 0,
    }
    document = case.after(["ordeal/beatContent"], ["ordeal"])
    rest = {key for key in step_keys(case.plan) if key.startswith("ordeal/")}
    left = rest - {"ordeal/beatContent"} | case.shots(rest)
    assert marked_in(document) == left, "and nothing of `reward`"
    check_saved_once(case.database, run_id, document)
    credits = case.near.json("credits")
    check_credits(credits)
    assert (credits["available"], credits["held"], credits["captured"]) == (497, 0, 3)
    assert entries_of(credits, run_id, "capture") == {"ordeal/beatContent": 3}
    assert entries_of(credits, run_id, "release") == {None: case.plan["estimatedCredits"] - 3}
    run = case.near.json("runs")[0]
    assert (run["status"], run["usedCredits"]) == ("cancelled", 3)


def test_too_few_credits(cli: Any, near: Near, database_url: str) -> None:
    database = Database(database_url)
    assert near("credits", "grant", "--user", "poor", "25").returncode == 0
    plan = near.json("plan", HERO, "--set", "ordeal=3", "--user", "poor")
    assert (plan["estimatedCredits"], plan["availableCredits"]) == (26, 25)
    before = database.everything()
    done = cli("run", HERO, "--set", "ordeal=3", "--user", "poor")
    assert done.returncode == 5
    (event,) = events_in(done)
    assert event["type"] == "error"
    assert event["code"] == "insufficient_credits"
    assert "1 credits are missing" in event["error"]
    assert set(event) >= {"seq", "at", "runId"}
    assert database.everything() == before, "nothing changed"
    # One credit more, and it starts: the boundary itself.
    assert near("credits", "grant", "--user", "poor", "1").returncode == 0
    assert cli("run", HERO, "--set", "ordeal=3", "--user", "poor").returncode == 0
    credits = near.json("credits", "--user", "poor")
    check_credits(credits)
    assert (credits["available"], credits["captured"]) == (0, 26)


@pytest.mark.parametrize(("status", "calls"), [(401, 1), (503, 4)])
def test_generator_fails_in_the_middle_and_resume_does_the_rest(
    cli: Any, database_url: str, server: ModelServer, status: int, calls: int
) -> None:
    """At once where trying again is pointless, after its retries where it is not."""
    case = Case(cli, database_url, HERO, "ordeal=3", "reward=5")
    plan = case.plan
    server.fail_after(4, status=status, retry_after=0)
    code, events = case.run(**model(server), CASCADE_CONCURRENCY="1")
    assert code == 4
    assert server.count == 4 + calls
    first_id = events[0]["runId"]
    retries = [event["attempt"] for event in events if event["type"] == "retry"]
    assert retries == list(range(1, calls))
    check_events(events, plan)
    saved = step_keys(plan)[:4]
    assert completed_keys(events, plan) == saved
    assert events[-1]["type"] == "error"
    assert events[-1]["beatIndex"] == 0
    document = case.after(saved, ["ordeal"])
    marked = marked_in(document)
    ordeal = {key for key in step_keys(plan) if key.startswith("ordeal/")}
    assert marked == (ordeal - set(saved)) | case.shots(ordeal)
    credits = case.near.json("credits")
    check_credits(credits)
    assert credits["held"] == 0
    assert set(entries_of(credits, first_id, "capture")) == set(saved)
    run = case.near.json("runs")[0]
    assert (run["status"], run["error"]) == ("failed", events[-1]["error"])

    server.heal()
    resumed = cli("resume", first_id, **model(server))
    assert resumed.returncode == 0, resumed.stderr
    second = events_in(resumed)
    second_id = second[0]["runId"]
    rest = step_keys(plan)[4:]
    assert sorted(completed_keys(second, plan)) == sorted(rest), "exactly the rest"
    stored = case.database.plan_of(second_id)
    levels = [
        (one["beat_key"], one["previous_level"], one["new_level"]) for one in stored["changes"]
    ]
    assert levels == [("ordeal", 5, 3), ("reward", 3, 5)], "the levels before the first run"
    steps = [step for step in plan["steps"] if step["key"] in rest]
    whole = sum(step["credits"] for step in steps)
    check_events(second, {**plan, "steps": steps, "estimatedCredits": whole})
    for call in server.calls[4 + calls :]:
        falling = "FALLING from 5" in call.prompt
        rising = "RISING from 3" in call.prompt
        assert falling != rising
    document = case.after(step_keys(plan), ["ordeal", "reward"])
    assert marked_in(document) == case.shots(step_keys(plan))
    check_saved_once(case.database, first_id, document)
    check_saved_once(case.database, second_id, document)
    credits = case.near.json("credits")
    check_credits(credits)
    charged = [entry["stepKey"] for entry in credits["entries"] if entry["kind"] == "capture"]
    assert sorted(charged) == sorted(step_keys(plan)), "along the chain nothing is charged twice"
    assert credits["captured"] == plan["estimatedCredits"]
    again = case.near("resume", first_id)
    assert again.returncode == 5
    assert json.loads(again.stdout)["code"] == "not_resumable"


def test_a_beat_without_scenes_and_a_scene_without_a_beat(
    cli: Any, near: Near, database_url: str, tmp_path: Path
) -> None:
    """The first has two steps only, also where nothing is written yet; the second stays out."""
    file = tmp_path / "small.json"
    file.write_text(
        json.dumps(
            {
                "title": "Small",
                "language": "en",
                "structureType": "harmon",
                "beats": [{"key": "you", "content": "", "keyAction": "Ana opens the shop."}],
                "scenes": [
                    {"number": 1, "plot": "Ana waits.", "script": "INT. SHOP - DAY\n\nAna."}
                ],
            }
        )
    )
    story_id = near("import", str(file)).stdout.strip()
    case = Case(cli, database_url, story_id, "you=5", "need=1")
    assert case.plan["changes"][0]["previousTension"] == 3, "unset means 3"
    code, events = case.run()
    check_whole_run(case, ["you", "need"], code, events)
    assert case.plan["affectedScenes"] == []
    assert {event["step"] for event in events if "step" in event} == {"beatContent", "keyAction"}
