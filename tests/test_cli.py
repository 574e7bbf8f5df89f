"""The command line's contract: what is printed where, the shapes of its JSON, its exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.checking import check_credits
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import database_url, near, unchanged

__all__ = ["database_url", "near", "unchanged"]

HERO = "A Hundred Diameters"
HARMON = "Maximum Permissible Error"
STORY = {
    "title": "Small",
    "language": "en",
    "structureType": "harmon",
    "beats": [{"key": "you", "content": "Ana.", "keyAction": "Ana opens.", "tension": 2}],
    "scenes": [{"number": 1, "beatKey": "you", "plot": "Ana.", "script": "INT. SHOP - DAY"}],
}


def refused(done: Any, code: int, *words: str) -> None:
    """A command that ended by saying in one line what is wrong, and printed no result."""
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error: ")]
    assert len(errors) == 1
    # click puts its own usage lines before the error; ours is alone.
    assert lines[-1] == errors[0]
    assert all(line.startswith(("Usage: ", "Try ")) for line in lines[:-1])
    for word in words:
        assert word in errors[0]


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
    document = {**STORY, "id": "mine", "outOfDate": [], "locked": ["you"]}
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


# Usage: exit 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("show", "no such story"), ("no such story", "cascade stories")),
        (("export", "no such story"), ("no such story",)),
        (("plan", "no such story", "--set", "you=1"), ("no such story",)),
        (("run", "no such story", "--set", "you=1"), ("no such story",)),
        (("show", ""), ()),
        (("show", "%"), ("%",)),
        (("events", "no-such-run"), ("no-such-run", "cascade runs")),
        (("events", "%%%%"), ("%%%%",)),
        (("events", "x", "--after", "-1"), ()),
        (("cancel", "no-such-run"), ("no-such-run",)),
        (("resume", "no-such-run"), ("no-such-run",)),
        (("run", HARMON, "--set", "take=0"), ("take", "1", "5")),
        (("run", HARMON, "--set", "take=6"), ("6",)),
        (("run", HARMON, "--set", "take=-1"), ("-1",)),
        (("run", HARMON, "--set", "take=3.5"), ("3.5",)),
        (("run", HARMON, "--set", "take=high"), ("high",)),
        (("run", HARMON, "--set", "take="), ("take",)),
        (("run", HARMON, "--set", "take=²"), ("²",)),
        (("run", HARMON, "--set", "take=99999999999999999999"), ("take",)),
        (("run", HARMON, "--set", "take"), ("take", "BEAT=LEVEL")),
        (("run", HARMON, "--set", "midpoint=3"), ("midpoint", "take")),
        (("run", HARMON, "--set", "=3"), ()),
        (("run", HARMON, "--set", "take=3", "--direction", "take"), ("BEAT=TEXT",)),
        (("run", HARMON, "--set", "take=3", "--user", "nobody"), ("nobody",)),
        (("plan", HARMON, "--set", "take=7", "--json"), ("7",)),
        (("credits", "--user", "nobody"), ("nobody",)),
        (("credits", "grant", "--user", "x", "0"), ()),
        (("credits", "grant", "--user", "x", "-5"), ()),
        (("credits", "grant", "--user", "x", "1.5"), ()),
        (("credits", "grant", "5"), ("--user",)),
        (("stories", "--no-such-option"), ()),
        (("no-such-command",), ("no-such-command",)),
        (("run",), ()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)
def test_usage(unchanged: Near, arguments: tuple[str, ...], words: tuple[str, ...]) -> None:
    refused(unchanged(*arguments), 2, *words)


def story(**parts: Any) -> str:
    return json.dumps({**STORY, **parts})


def beat(**parts: Any) -> str:
    return story(beats=[{**STORY["beats"][0], **parts}])  # type: ignore[dict-item]


def scene(**parts: Any) -> str:
    return story(scenes=[{**STORY["scenes"][0], **parts}])  # type: ignore[dict-item]


BROKEN: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "not valid JSON"),
    "cut off": (story()[:-30], "not valid JSON"),
    "no JSON": ("INT. SHOP - DAY", "not valid JSON"),
    "two documents": (story() + story(), "not valid JSON"),
    "not UTF-8": (b'{"title": "caf\xe9"}', "UTF-8"),
    "UTF-16": (story().encode("utf-16"), "UTF-8"),
    "a program": (b"\x7fELF\x02\x01\x01\x00\xff\xfe", "UTF-8"),
    "a list": ("[]", "document"),
    "a number": ("7", "document"),
    "null": ("null", "document"),
    "an empty object": ("{}", "title"),
    "deeply nested": ("[" * 200_000, "nested"),
    "no title": (story(title=None), "title"),
    "an empty title": (story(title="  "), "title"),
    "a title that is a number": (story(title=7), "title"),
    "an unknown language": (story(language="fr"), "language"),
    "an unknown structure": (story(structureType="five-act"), "five-act"),
    "beats that are no list": (story(beats={"you": "Ana."}), "beats"),
    "a beat that is text": (story(beats=["you"]), "beats[0]"),
    "a beat without a key": (story(beats=[{"content": "Ana."}]), "beats[0].key"),
    "an unknown beat": (beat(key="midpoint"), "midpoint"),
    "a beat twice": (story(beats=[{"key": "you"}, {"key": "you"}]), "twice"),
    "a level of 0": (beat(tension=0), "0"),
    "a level of 6": (beat(tension=6), "6"),
    "a level of 2.5": (beat(tension=2.5), "tension"),
    "a level of 2.0": (beat(tension=2.0), "tension"),
    "a level of true": (beat(tension=True), "tension"),
    "a level in words": (beat(tension="2"), "tension"),
    "a level that is NaN": (beat(tension=float("nan")), "tension"),
    "a huge level": (beat(tension=10**30), "tension"),
    "a content that is a list": (beat(content=["Ana."]), "content"),
    "a key action that is a number": (beat(keyAction=3), "keyAction"),
    "a scene that is null": (story(scenes=[None]), "scenes[0]"),
    "a scene without a number": (story(scenes=[{"plot": "Ana."}]), "number"),
    "a scene number of 0": (scene(number=0), "number"),
    "a scene number below 0": (scene(number=-3), "number"),
    "a scene number of 1.5": (scene(number=1.5), "number"),
    "a scene number too large": (scene(number=2**31), "number"),
    "a scene number in words": (scene(number="1"), "number"),
    "two scenes of one number": (story(scenes=[{"number": 4}, {"number": 4}]), "4"),
    "a scene of an unknown beat": (scene(beatKey="midpoint"), "midpoint"),
    "a script that is an object": (scene(script={"text": "x"}), "script"),
    "shots that are text": (scene(shots="wide"), "shots"),
    "a NUL character": (beat(content="Ana\u0000"), "NUL"),
    "half a surrogate pair": (beat(content="\ud800"), "surrogate"),
    "half a surrogate pair in a shot": (scene(shots=["\ud800"]), "surrogate"),
    "a shot that is NaN": (scene(shots=[float("nan")]), ""),
    "an integer of 5000 digits": ('{"title": ' + "9" * 5000 + "}", ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file(unchanged: Near, tmp_path: Path, name: str) -> None:
    content, word = BROKEN[name]
    file = tmp_path / "broken.json"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    database = Database(unchanged.env["CASCADE_DATABASE_URL"])
    done = unchanged("import", str(file))
    refused(done, 2, "broken.json", word)
    assert len(done.stderr) < 600
    assert database.value("SELECT count(*) FROM story_versions") == 3, "nothing was imported"


def test_no_file(unchanged: Near, tmp_path: Path) -> None:
    refused(unchanged("import", str(tmp_path / "none.json")), 2, "none.json")
    refused(unchanged("import", str(tmp_path)), 2, str(tmp_path))


# Refused: exit 5, the reason as one event


def test_nothing_changed(unchanged: Near) -> None:
    for arguments in (("--set", "take=5"), ()):
        done = unchanged("run", HARMON, *arguments)
        assert done.returncode == 5
        (event,) = [json.loads(line) for line in done.stdout.splitlines()]
        assert (event["type"], event["code"]) == ("error", "nothing_changed")
        assert event["seq"] == 1
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("user", ["producer", "viewer"])
def test_not_allowed(unchanged: Near, user: str) -> None:
    done = unchanged("run", HARMON, "--set", "take=3", CASCADE_USER=user)
    assert done.returncode == 5
    assert json.loads(done.stdout)["code"] == "not_allowed"


def test_what_ended_well_cannot_be_resumed(cli: Any, near: Near) -> None:
    assert cli("run", HARMON, "--set", "change=3").returncode == 0
    done = near("resume", near.json("runs")[0]["id"])
    assert done.returncode == 5
    assert json.loads(done.stdout)["code"] == "not_resumable"


def test_a_run_is_found_by_its_beginning(cli: Any, near: Near) -> None:
    assert cli("run", HARMON, "--set", "change=3").returncode == 0
    run_id = near.json("runs")[0]["id"]
    assert near("events", run_id[:14]).returncode == 0
    refused(near("events", run_id[:3]), 2, run_id[:3])


# The database


def unusable(tmp_path: Path) -> Iterator[tuple[str, int, str]]:
    """Addresses that cannot be used: exit code, and a word of the reason."""
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"This is no database. " * 100)
    (tmp_path / "folder.db").mkdir()
    (tmp_path / "file").write_text("x")
    yield f"sqlite:///{garbage}", 4, "garbage.db"
    yield f"sqlite:///{tmp_path}/folder.db", 4, "folder.db"
    yield f"sqlite:///{tmp_path}/none/cascade.db", 4, "no folder"
    yield f"sqlite:///{tmp_path}/file/cascade.db", 4, "no folder"
    yield "sqlite:///:memory:", 4, "file"
    yield "sqlite://", 2, "CASCADE_DATABASE_URL"
    yield "postgresql://nobody:secret@127.0.0.1:1/none", 4, "127.0.0.1"
    yield "postgresql://user@[broken/none", 4, "[broken"
    yield "postgresql://user@host:port/none", 2, "CASCADE_DATABASE_URL"
    yield "mysql://localhost/none", 2, "CASCADE_DATABASE_URL"
    yield "cascade.db", 2, "CASCADE_DATABASE_URL"


@pytest.mark.parametrize("number", range(11))
def test_a_database_that_cannot_be_opened(tmp_path: Path, number: int) -> None:
    url, code, word = list(unusable(tmp_path))[number]
    near = Near(url)
    for command in (("stories",), ("db", "check"), ("run", HARMON, "--set", "take=3")):
        done = near(*command)
        refused(done, code, word)
        assert "secret" not in done.stderr


def test_a_database_newer_than_the_code(near: Near, database_url: str) -> None:
    database = Database(database_url)
    database.execute("UPDATE cascade_alembic_version SET version_num = '9999'")
    before = database.everything()
    for command in (("stories", "--json"), ("run", HARMON, "--set", "take=3"), ("db", "upgrade")):
        refused(near(*command), 4, "newer", "9999")
    assert database.everything() == before


def test_story_tables_that_do_not_fit(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/product.db"
    database = Database(url)
    database.execute("CREATE TABLE scene_plots (id TEXT PRIMARY KEY, plot TEXT)")
    near = Near(url)
    refused(near("stories"), 4, "scene_plots lacks", "beat_key")
    assert near("db", "check").returncode == 4
    assert database.query("SELECT name FROM sqlite_master WHERE type = 'table'") == [
        {"name": "scene_plots"}
    ]


# Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CASCADE_PROVIDER", "gpt"),
        ("CASCADE_CONCURRENCY", "0"),
        ("CASCADE_CONCURRENCY", "many"),
        ("CASCADE_CONCURRENCY", "2.5"),
        ("CASCADE_CONCURRENCY", "1000"),
        ("CASCADE_REQUESTS_PER_MINUTE", "0"),
        ("CASCADE_TIMEOUT_S", "0"),
        ("CASCADE_TIMEOUT_S", "soon"),
        ("CASCADE_TIMEOUT_S", "nan"),
        ("CASCADE_TIMEOUT_S", "inf"),
        ("CASCADE_OFFLINE_DELAY_MS", "-1"),
        ("CASCADE_OFFLINE_DELAY_MS", "1s"),
        ("CASCADE_SAMPLES", "maybe"),
        ("CASCADE_WORKER", "both"),
        ("OPENAI_BASE_URL", "localhost:8000"),
        ("OPENAI_BASE_URL", "ftp://host/v1"),
        ("OPENAI_BASE_URL", "http://"),
    ],
)
def test_a_bad_setting(tmp_path: Path, name: str, value: str) -> None:
    near = Near(f"sqlite:///{tmp_path}/cascade.db")
    refused(near("stories", **{name: value}), 2, name, value)
    assert not (tmp_path / "cascade.db").exists()


def test_an_address_that_is_none_is_not_repeated(tmp_path: Path) -> None:
    # What cannot be taken apart may hold a password anywhere.
    near = Near(f"sqlite:///{tmp_path}/cascade.db")
    done = near("stories", OPENAI_BASE_URL="http://me:secret@[broken/v1")
    refused(done, 2, "OPENAI_BASE_URL", "Invalid IPv6 URL")
    assert "secret" not in done.stderr


def test_openai_without_a_key(tmp_path: Path) -> None:
    near = Near(f"sqlite:///{tmp_path}/cascade.db")
    refused(near("stories", CASCADE_PROVIDER="openai"), 2, "OPENAI_API_KEY")


@pytest.mark.parametrize(
    "env",
    [
        {"OPENAI_BASE_URL": ""},
        {"CASCADE_REQUESTS_PER_MINUTE": ""},
        {"CASCADE_PROVIDER": "OFFLINE"},
        {"CASCADE_SOMETHING_ELSE": "x"},
    ],
)
def test_a_setting_that_does_no_harm(unchanged: Near, env: dict[str, str]) -> None:
    assert unchanged("stories", **env).returncode == 0


def test_a_user_who_is_not_there(near: Near) -> None:
    refused(near("credits", "--user", "ghost"), 2, "ghost")
    refused(near("run", HARMON, "--set", "take=3", CASCADE_USER="ghost"), 2, "ghost")
    # Reading is the operator's, who need be nobody.
    assert near("credits", CASCADE_USER="ghost").stdout.startswith("ghost: 0 available")
    assert near("credits", "grant", "--user", "ghost", "7").returncode == 0
    assert near.json("credits", "--user", "ghost")["available"] == 7
