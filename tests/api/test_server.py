"""The endpoint in the real server, beside the pages: `streamlit run app.py`."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.helpers.endpoint import START, Client, chunks
from tests.helpers.model_http import Call
from tests.helpers.model_server import ModelServer
from tests.helpers.near import Near
from tests.helpers.observe import wait_for
from tests.helpers.seeded_fixtures import model
from tests.helpers.serving import Server

CANARY = "CANARY4711"
ORIGIN = "https://product.example"


@pytest.fixture
def worker() -> str:
    return "embedded"


@pytest.fixture
def server(database_url: str, tmp_path: Path, worker: str, writer: ModelServer) -> Iterator[Server]:
    server = Server(
        database_url,
        tmp_path / "server.log",
        **model(writer),
        CASCADE_CONCURRENCY="1",
        CASCADE_CORS_ORIGINS=ORIGIN,
        CASCADE_WORKER=worker,
    )
    server.start()
    yield server
    server.stop()


def client(server: Server, database_url: str) -> Client:
    token = Near(database_url)("token", "create", "--user", "editor").stdout.strip()
    return Client(urlsplit(server.url).port or 0, token)


def test_beside_the_pages(server: Server, database_url: str, writer: ModelServer) -> None:
    # No text is written until the client has read that it is begun.
    is_read = threading.Semaphore(0)

    def behave(_: Call) -> None:
        assert is_read.acquire(timeout=60), "every line is sent as it is said"

    writer.behave = behave
    editor = client(server, database_url)
    wait_for(lambda: editor("GET", "/readyz").status == 200, "the server to be ready")
    story = editor("GET", "/api/stories").json[0]
    order = {
        "storyVersionId": story["id"],
        "structureType": "cat",
        "changes": [
            {
                "beatKey": "finale",
                "previousTension": 5,
                "newTension": 1,
                "direction": f"{CANARY} keeps quiet.",
            }
        ],
    }
    # Whoever could take it compressed gets every line as it is said all the same.
    with editor.open("POST", START, order, Accept_Encoding="gzip", Origin=ORIGIN) as opened:
        events, begun = [], 0
        for piece in chunks(opened):
            assert piece.endswith(b"\n")
            events += [json.loads(line) for line in piece.splitlines() if line]
            for _ in range(sum(map(is_begun, events)) - begun):
                is_read.release()
                begun += 1
    assert events[-1]["type"] == "done"
    assert writer.count == begun > 5
    assert editor("GET", "/api/nothing").json["code"] == "not_found"
    assert editor("GET", "/api/ai/runs/a%0Ab").json["code"] == "unknown_run"
    # What the page's server would stop in words of its own.
    for odd, code in (("%00", "bad_field"), ("..", "unknown_story"), ("a%5Cb", "unknown_story")):
        assert editor("GET", f"/api/stories/{odd}").json["code"] == code
    assert editor("GET", "/api").json["code"] == "not_found"
    page = editor("GET", "/")
    assert page.headers["content-type"].startswith("text/html")
    # A page of that origin may ask, and read the run's id; another's may not.
    allowed = Client(editor.port)(
        "OPTIONS",
        START,
        Origin=ORIGIN,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,content-type,idempotency-key",
    )
    assert allowed.status == 200
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    answer = editor("GET", "/api/stories", Origin=ORIGIN)
    assert "X-Run-Id" in answer.headers["access-control-expose-headers"]
    other = editor("GET", "/api/stories", Origin="https://other.example")
    assert "access-control-allow-origin" not in other.headers
    # No token and no word of a story stands where anybody may read it.
    told = server.log.read_text() + editor("GET", "/metrics").body.decode()
    for secret in (editor.token or "", CANARY):
        assert secret not in told


def is_begun(event: dict[str, Any]) -> bool:
    """True for what says that a text is begun: of a scene kind, its scene's own event."""
    kind = "scene" if event.get("step") in ("scenePlots", "scripts") else "step"
    return (event["type"], event.get("status")) == (kind, "generating")


# A run that nobody executes: its stream would never end by itself.
@pytest.mark.parametrize("worker", ["external"])
def test_a_server_that_is_told_to_end_does(server: Server, database_url: str) -> None:
    editor = client(server, database_url)
    near = Near(database_url)
    story = editor("GET", "/api/stories").json[0]
    change = {"beatKey": "finale", "previousTension": 5, "newTension": 1}
    order = {"storyVersionId": story["id"], "structureType": "cat", "changes": [change]}
    with editor.open("POST", START, order) as opened:
        opened.recv(10)
        run_id = near.json("runs")[0]["id"]
        server.process.terminate()
        try:
            server.process.wait(60)
        except subprocess.TimeoutExpired:
            raise AssertionError("it waits for its streams") from None
    assert near.json("runs")[0]["id"] == run_id
    assert "Traceback" not in server.log.read_text()
