"""The command line's contract: what is printed where, the shapes of its JSON, its exit codes."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.helpers.checking import check_credits
from tests.helpers.making import DOCUMENT
from tests.helpers.near import Near, refused
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import database_url, near, unchanged

__all__ = ["database_url", "near", "unchanged"]

HERO = "A Hundred Diameters"
HARMON = "Maximum Permissible Error"


# Shapes


def test_stories(unchanged: Near) -> None:
    near = unchanged
    found = near.json("stories")
    assert [set(one) for one in found] == [
        {"id", "title", "structureType", "language", "beats", "scenes"}
    ] * 3
    assert {(one["structureType"], one["beats"]) for one in found} == {
        ("cat", 15),
        ("hero", 12),
        ("harmon", 8),
    }
    assert all(isinstance(one["id"], str) and one["scenes"] >= 8 for one in found)
    plain = near("stories")
    assert plain.returncode == 0
    assert all(one["title"] in plain.stdout for one in found)


def test_show(unchanged: Near) -> None:
    near = unchanged
    for one in near.json("stories"):
        document = near.json("show", one["id"])
        assert set(document) == {
            "id", "title", "synopsis", "genre", "tone", "language", "structureType",
            "beats", "scenes", "outOfDate", "locked",
        }  # fmt: skip
        assert document["id"] == one["id"]
        assert [set(beat) for beat in document["beats"]] == [
            {"key", "label", "content", "keyAction", "tension"}
        ] * one["beats"]
        assert [set(scene) for scene in document["scenes"]] == [
            {"id", "number", "beatKey", "plot", "script", "shots"}
        ] * one["scenes"]
        assert all(type(beat["tension"]) is int for beat in document["beats"])
        assert all(isinstance(scene["shots"], list) for scene in document["scenes"])
        assert near("show", one["title"]).returncode == 0


def test_plan(near: Near, database_url: str) -> None:
    before = Database(database_url).everything()
    plan = near.json("plan", HARMON, "--set", "take=3", "--set", "you=1")
    assert set(plan) == {
        "planHash", "changes", "steps", "affectedScenes", "estimatedCredits", "availableCredits",
    }  # fmt: skip
    assert [change["beatKey"] for change in plan["changes"]] == ["take"], "`you` is at 1 already"
    assert set(plan["changes"][0]) == {
        "beatKey", "beatLabel", "previousTension", "newTension", "prevBeatTension",
        "nextBeatTension",
    }  # fmt: skip
    assert plan["steps"][0] == {
        "key": "take/beatContent",
        "beatKey": "take",
        "step": "beatContent",
        "sceneNumber": None,
        "credits": 3,
    }
    assert plan["steps"][-1]["key"] == "take/script/9"
    assert (plan["estimatedCredits"], plan["availableCredits"]) == (19, 500)
    assert plan["affectedScenes"] == [8, 9]
    assert near.json("plan", HARMON, "--set", "take=3")["planHash"] == plan["planHash"]
    directed = near.json("plan", HARMON, "--set", "take=3", "--direction", "take=off-stage")
    assert directed["changes"][0]["direction"] == "off-stage"
    assert directed["planHash"] != plan["planHash"]
    assert Database(database_url).everything() == before, "a plan writes nothing"


def test_plan_is_0_though_credits_do_not_suffice(near: Near) -> None:
    assert near("credits", "grant", "--user", "poor", "1").returncode == 0
    plan = near.json("plan", HARMON, "--set", "take=3", "--user", "poor")
    assert (plan["estimatedCredits"], plan["availableCredits"]) == (19, 1)
    assert "18 are missing" in near("plan", HARMON, "--set", "take=3", "--user", "poor").stdout


def test_plan_of_nothing(near: Near) -> None:
    plan = near.json("plan", HARMON, "--set", "take=5")
    assert (plan["steps"], plan["changes"], plan["estimatedCredits"]) == ([], [], 0)


def test_runs_events_credits(cli: Any, near: Near) -> None:
    assert near.json("runs") == []
    assert near("runs").returncode == 0
    for level in (3, 4):
        done = cli("run", HARMON, "--set", f"change={level}")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    printed = [json.loads(line) for line in done.stdout.splitlines()]
    newest, oldest = near.json("runs")
    assert set(newest) == {
        "id", "storyId", "status", "user", "estimatedCredits", "usedCredits", "createdAt",
        "finishedAt", "error", "resumedFrom", "planHash", "server",
    }  # fmt: skip
    assert newest["id"] == printed[0]["runId"]
    assert newest["createdAt"] > oldest["createdAt"]
    assert datetime.fromisoformat(newest["finishedAt"]).utcoffset() is not None
    assert newest["user"] == "editor"
    events = near("events", newest["id"])
    assert [json.loads(line) for line in events.stdout.splitlines()] == printed
    after = near("events", newest["id"], "--after", "5").stdout.splitlines()
    assert [json.loads(line)["seq"] for line in after] == [e["seq"] for e in printed[5:]]
    assert near("events", newest["id"], "--follow").stdout == events.stdout
    credits = near.json("credits")
    check_credits(credits)
    assert near.json("credits", "--user", "producer")["user"] == "producer"
    assert near("credits").returncode == 0
    assert near("runs").stdout.count("done") == 2


def test_export_and_import_are_inverse(near: Near, tmp_path: Path) -> None:
    exported = near("export", HERO).stdout
    file = tmp_path / "story.json"
    file.write_text(exported, encoding="utf-8")
    imported = near("import", str(file))
    assert imported.returncode == 0, imported.stderr
    story_id = imported.stdout.strip()
    assert "\n" not in story_id
    original, copy = json.loads(exported), near.json("show", story_id)
    assert copy.pop("id") == story_id != original.pop("id")
    for document in (original, copy):
        for scene in document["scenes"]:
            del scene["id"]
    assert copy == original
    refused(near("show", HERO), 2, HERO)  # two stories have that title now


def test_import_passes_over_what_says_nothing_to_a_new_story(near: Near, tmp_path: Path) -> None:
    file = tmp_path / "story.json"
    document = {**DOCUMENT, "id": "mine", "outOfDate": [], "locked": ["you"]}
    file.write_text("\ufeff" + json.dumps(document), encoding="utf-8")
    story_id = near("import", str(file)).stdout.strip()
    assert story_id
    assert story_id != "mine"
    document = near.json("show", story_id)
    assert [beat["tension"] for beat in document["beats"]] == [2, 3, 3, 3, 3, 3, 3, 3]


ODD = """{"title": "T", "language": "en", "structureType": "harmon", "more": 1, "tone": "a",
"tone": "b", "beats": [{"key": "you", "key_action": "She counts.", "content": "c"}],
"scenes": [{"number": 1, "beat_key": "you", "scriptText": "INT. X",
"shots": [{"size": "wide", "size": "close"}]}]}"""
PLACES = (
    "tone is there twice",
    "more is not known",
    "beats[0].key_action is not known (is keyAction meant?)",
    "scenes[0].beat_key is not known (is beatKey meant?)",
    "scenes[0].scriptText is not known (is script meant?)",
    "scenes[0].shots[0].size is there twice",
)


def test_import_refuses_what_it_does_not_know(near: Near, tmp_path: Path) -> None:
    file = tmp_path / "story.json"
    file.write_text(ODD)
    before = near.json("stories")
    done = near("import", str(file))
    refused(done, 2, "story.json", *PLACES[:2], "--lenient")
    assert near.json("stories") == before
    # And leaves it out where that is wanted, saying all of it.
    lenient = near("import", "--lenient", str(file))
    assert lenient.returncode == 0
    assert sorted(lenient.stderr.splitlines()) == sorted(f"left out: {one}" for one in PLACES)
    document = near.json("show", lenient.stdout.strip())
    assert (document["tone"], document["beats"][0]["keyAction"]) == ("b", "")
    assert document["scenes"][0]["shots"] == [{"size": "close"}]


def test_db(near: Near) -> None:
    assert near("db", "upgrade").returncode == 0
    report = near.json("db", "check")
    assert set(report) == {"tables", "scripts", "empty", "problems", "notes", "unreadable"}
    assert "scene_plots.script" in report["scripts"]
    product = [one["table"] for one in report["tables"] if one["product"]]
    assert sorted(product) == ["projects", "scene_plots", "scene_shots", "story_versions"]
    assert all(one["exists"] and not one["missingColumns"] for one in report["tables"])


def test_db_check_tells_the_gap(near: Near, database_url: str) -> None:
    database = Database(database_url)
    database.execute("ALTER TABLE scene_plots RENAME COLUMN beat_key TO beat")
    done = near("db", "check", "--json")
    assert done.returncode == 4
    (table,) = [t for t in json.loads(done.stdout)["tables"] if t["table"] == "scene_plots"]
    assert table["missingColumns"] == ["beat_key"]
    assert "scene_plots (product): lacks beat_key" in near("db", "check").stdout


def test_in_a_process_of_its_own(cli: Any) -> None:
    """Nothing but the document on standard output, and not a word on the other: no warning."""
    for command in (("stories",), ("show", HERO), ("credits",), ("runs",)):
        done = cli.cold(*command, "--json")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        json.loads(done.stdout)
    refused(cli.cold("show", "nothing"), 2, "nothing")
