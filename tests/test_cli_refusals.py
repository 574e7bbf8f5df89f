"""The command line refuses: what is wrong in one line, by an exit code, and nothing changes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.helpers.making import DOCUMENT
from tests.helpers.near import Near, refused
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import database_url, near, unchanged

__all__ = ["database_url", "near", "unchanged"]

HARMON = "Maximum Permissible Error"


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
    return json.dumps({**DOCUMENT, **parts})


def beat(**parts: Any) -> str:
    return story(beats=[{**DOCUMENT["beats"][0], **parts}])


def scene(**parts: Any) -> str:
    return story(scenes=[{**DOCUMENT["scenes"][0], **parts}])


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
