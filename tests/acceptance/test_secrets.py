"""No key, no story text and no direction in an error, an event's message, a log, or on a screen.

Canaries are planted in all three, the server throws each of them back in every way it can, and
then they are searched for wherever an operator or an editor looks. (An event's `result` carries
the new text, and a plan its directions, as they are meant to.)
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cascade import samples
from cascade.engine import writing
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.model_http import Call, Reply, http
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded import sqlite_copy

SAMPLE = Path(samples.__file__).parent / "maximum-permissible-error.json"
KEY = "sk-canary-4711-key"
STORY = "HERONCANARY"
WISH = "OTTERCANARY"
CANARIES = (KEY, STORY, WISH)
ALL = " ".join(CANARIES)
BEAT = "find"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_copy(tmp_path)


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def story_file(tmp_path: Path) -> Path:
    """A story with the canary in every text that goes into a prompt."""
    document = json.loads(SAMPLE.read_text("utf-8"))
    document["synopsis"] += f" {STORY}."
    for beat in document["beats"]:
        beat["content"] += f" {STORY} waits."
        beat["keyAction"] = f"{STORY} waits, and {beat['keyAction']}"
    for scene in document["scenes"]:
        scene["plot"] += f" {STORY} waits."
        scene["script"] += f"\n\n{STORY}\nI am waiting."
    file = tmp_path / "planted.json"
    file.write_text(json.dumps(document), "utf-8")
    return file


def refusal(status: int, **fields: object) -> Reply:
    error = {"message": f"Wrong: {ALL}", "type": STORY, "param": WISH, **fields}
    return Reply(status=status, error=error, headers={"retry-after": "0", "x-request-id": STORY})


def said(call: Call) -> Reply:
    """A text that is rejected, and so kept for the editor: without the key, which no model has."""
    return Reply(content=json.dumps({call.property: f"{STORY} saw {WISH}. He ran. They stay."}))


# What the server throws back at every call from the second on.
THROWN: dict[str, Callable[[Call], Reply]] = {
    "401": lambda _: refusal(401, code="invalid_api_key"),
    "400": lambda _: refusal(400, code=ALL),
    "429": lambda _: refusal(429, code="rate_limit_exceeded"),
    "500": lambda _: refusal(500),
    "quota": lambda _: refusal(429, code="insufficient_quota"),
    "html": lambda _: Reply(raw=http(f"<html>{ALL}</html>", content_type="text/html")),
    "no http": lambda _: Reply(raw=f"HTTP/1.1 {ALL}\r\n\r\n".encode()),
    "an odd header": lambda _: Reply(headers={f"x {ALL}": ALL}),
    "error with 200": lambda _: Reply(raw=http(json.dumps({"error": {"message": ALL}}))),
    "broken json": lambda _: Reply(raw=http('{"choices": [' + ALL)),
    "broken stream": lambda _: Reply(
        raw=http(f"data: {{{ALL}\n\n", content_type="text/event-stream")
    ),
    "refusal field": lambda _: Reply(content="", message={"refusal": ALL}),
    "odd reason": lambda _: Reply(content=ALL, finish=ALL),
    "redirect": lambda _: Reply(
        status=307, error={"message": ALL}, headers={"location": f"http://127.0.0.2:9/{STORY}"}
    ),
    "rejected text": said,
    "prose": lambda _: Reply(content=f"{STORY} saw {WISH}."),
}


def throw(server: ModelServer, name: str) -> None:
    """The first step of the next run gets its text, everything else that."""

    def behave(call: Call) -> Reply | None:
        return None if call.property == "beatContent" else THROWN[name](call)

    server.behave = behave


def check_clean(what: str, text: object) -> None:
    found = [canary for canary in CANARIES if canary in str(text)]
    assert found == [], f"{found} in {what}: {text}"


def without_results(events: list[dict[str, Any]]) -> str:
    return json.dumps([{k: v for k, v in event.items() if k != "result"} for event in events])


def check_database(url: str) -> None:
    """What the tables say of failures is free of all; the key is in no byte of any file."""
    database = Database(url)
    for sql in (
        "SELECT error, error_code FROM cascade_runs",
        "SELECT error, error_code, status FROM cascade_run_steps",
        "SELECT code, reason, outcome, provider FROM cascade_model_calls",
    ):
        rows = database.query(sql)
        assert rows
        check_clean(sql, rows)
    path = Path(url.removeprefix("sqlite:///"))
    files = [file for file in path.parent.glob(f"{path.name}*") if file.stat().st_size]
    assert files
    for file in files:
        assert KEY.encode() not in file.read_bytes(), file


def test_every_fault_in_one_process(
    url: str,
    server: ModelServer,
    story_file: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(writing, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(writing, "PASSING_PATIENCE_S", 0.0)
    caplog.set_level(logging.INFO)
    asked: dict[str, Any] = {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": KEY}
    service = Service(Settings(database_url=url, provider="openai", **asked))
    actor = service.actor("editor")
    check_clean("the settings", repr(service.settings))
    with service.executing():
        for name in THROWN:
            throw(server, name)
            plan = service.desk(actor).plan(
                service.operator().import_story(story_file), {BEAT: 2}, {BEAT: WISH}
            )
            run_id = service.desk(actor).start(plan.plan)
            events = list(service.operator().follow(run_id))
            run = service.operator().run(run_id)
            assert (run.status, run.used_credits) == ("failed", 3), name
            check_clean(name, without_results(events))
            check_clean(name, run.error)
            check_clean(name, [step.error for step in run.steps])
    for canary in (STORY, WISH):
        assert canary in server.calls[-1].prompt, "it was in danger"
    assert server.calls[-1].headers["authorization"] == f"Bearer {KEY}"
    assert any("HTTP Request" in record.getMessage() for record in caplog.records)
    for record in caplog.records:
        check_clean(record.name, record.getMessage() + str(record.exc_text))
    check_clean("the standard streams", capfd.readouterr())
    check_database(url)
    service.close()
    check_database(url)


def test_the_command_line(
    url: str, server: ModelServer, story_file: Path, make_cli: Callable[..., Any]
) -> None:
    """Processes of their own, as an operator's terminal shows them."""
    cli = make_cli(url, CASCADE_PROVIDER="openai", OPENAI_BASE_URL=server.url, OPENAI_API_KEY=KEY)
    story_id = Near(url)("import", str(story_file)).stdout.strip()
    throw(server, "401")
    done = cli("run", story_id, "--set", f"{BEAT}=2", "--direction", f"{BEAT}={WISH}")
    run_id = check_failed(done)
    throw(server, "rejected text")
    check_failed(cli("resume", run_id))
    for arguments in (("runs",), ("runs", "--json")):
        done = cli(*arguments)
        assert done.returncode == 0
        assert "The model" in done.stdout
        check_clean("runs", done.stdout + done.stderr)
    done = cli("events", run_id)
    assert '"auth"' in done.stdout
    check_clean("events", without_results([json.loads(x) for x in done.stdout.splitlines()]))
    check_clean("events", done.stderr)
    for reply, code in (("401", 4), ("html", 4)):
        server.behave = THROWN[reply]
        done = cli("doctor")
        assert done.returncode == code
        check_clean("doctor", done.stdout + done.stderr)
    check_database(url)


PASSWORD = "kingfisher-canary-77"


@pytest.mark.parametrize(
    "environment",
    [
        {"OPENAI_BASE_URL": f"user:{PASSWORD}@host:8080/v1"},
        {"OPENAI_BASE_URL": KEY},
        {"OPENAI_BASE_URL": f"https://host/v1?key={PASSWORD}"},
        {"OPENAI_API_KEY": f"{KEY} {PASSWORD}"},
        {"CASCADE_MODEL": KEY},
        {"CASCADE_USER": KEY},
        {"CASCADE_PROVIDER": KEY},
        {"CASCADE_CONCURRENCY": KEY},
        {"CASCADE_TIMEOUT_S": f"password={PASSWORD}"},
        {"CASCADE_TEMPERATURE": KEY},
        {"CASCADE_DATABASE_URL": KEY},
        {"CASCADE_DATABASE_URL": f"user:{PASSWORD}@host/name"},
        {"CASCADE_DATABASE_URL": f"postgresql://u:{PASSWORD}@host:port/name"},
        {"CASCADE_DATABASE_URL": f"mysql://u@h/d?password={PASSWORD}"},
        {"CASCADE_DATABASE_URL": f"postgresql://u@127.0.0.1:1/d?password={PASSWORD}"},
        {"CASCADE_DATABASE_URL": f"postgresql://u@127.0.0.1:1/d?sslpassword={PASSWORD}"},
        {"CASCADE_DATABASE_URL": f"postgresql://u:{PASSWORD}@127.0.0.1:1/d"},
    ],
    ids=" ".join,
)
def test_a_bad_setting_on_a_terminal(
    url: str, make_cli: Callable[..., Any], environment: dict[str, str]
) -> None:
    """One sentence that names the variable or the database, and nothing that may be a secret."""
    address = environment.get("CASCADE_DATABASE_URL", url)
    rest = {name: value for name, value in environment.items() if name != "CASCADE_DATABASE_URL"}
    done = make_cli(address, **rest)("stories")
    assert done.returncode != 0
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert next(iter(environment)) in done.stderr
    assert KEY not in done.stderr
    assert PASSWORD not in done.stderr


def check_failed(done: Any) -> str:
    """A failed run's output says nothing that it should not; the run's id."""
    assert done.returncode == 4, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["type"] == "error"
    check_clean("standard output", without_results(events))
    check_clean("standard error", done.stderr)
    return str(events[0]["runId"])
