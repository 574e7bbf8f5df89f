"""The clients of `docs/clients`, over connections that are cut again and again."""

from __future__ import annotations

import http.server
import runpy
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser

from cascade.settings import Settings
from tests.helpers.chromium import PATIENCE_MS
from tests.helpers.endpoint import START

from .conftest import House, settings_of

CLIENTS = Path(__file__).parents[2] / "docs" / "clients"


class Cutter:
    """A way to a server that breaks after so many bytes of each answer."""

    def __init__(self, port: int, most: int) -> None:
        self._to = port
        self._most = most
        self.cuts = 0
        self.is_whole = False
        self._door = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._door.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def _carry(self, near: socket.socket) -> None:
        with near, socket.create_connection(("127.0.0.1", self._to)) as far:
            threading.Thread(target=self._copy, args=(near, far, 10**9), daemon=True).start()
            self._copy(far, near, self._most)

    def _copy(self, source: socket.socket, target: socket.socket, left: int) -> None:
        try:
            while left > 0 and (piece := source.recv(min(left, 4096))):
                target.sendall(piece)
                left -= 0 if self.is_whole else len(piece)
        except OSError:
            return
        if left <= 0:
            self.cuts += 1
        for end in (source, target):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def close(self) -> None:
        self._door.close()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The origin of an empty page."""

    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(
                b"<!doctype html><title>The product</title><link rel=icon href=data:,>"
            )

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def settings(database_url: str, elsewhere: str) -> Settings:
    slow = {"offline_delay_ms": 40, "concurrency": 1}
    return settings_of(database_url, cors_origins=(elsewhere,)).model_copy(update=slow)


@pytest.fixture
def cutter(house: House) -> Iterator[Cutter]:
    """With somebody who executes; it breaks in the midst of a line, more often than not."""
    with house.service.executing():
        cutter = Cutter(house.port, 1_900)
        yield cutter
        cutter.close()


def test_python(house: House, cutter: Cutter) -> None:
    client: dict[str, Any] = runpy.run_path(str(CLIENTS / "cascade_client.py"))
    token = house["editor"].token
    events = list(client["regenerate"](cutter.url, token, house.order()))
    (run,) = house.service.operator().runs()
    assert events == house.service.operator().events(run.id)
    assert events[-1]["type"] == "done"
    assert cutter.cuts > 1
    with pytest.raises(client["Refused"]) as refused:
        list(client["regenerate"](cutter.url, token, house.order()))
    assert (refused.value.status, refused.value.code) == (409, "stale_plan")
    with pytest.raises(client["Refused"]) as refused:
        client["cancel"](cutter.url, "x", run.id)
    assert refused.value.status == 401
    client["cancel"](cutter.url, token, run.id)


def javascript() -> str:
    """The TypeScript client without its types."""
    node, _ = compute_driver_executable()
    script = (
        "const {stripTypeScriptTypes} = require('node:module');"
        "const text = require('node:fs').readFileSync(process.argv[1], 'utf8');"
        "process.stdout.write(stripTypeScriptTypes(text));"
    )
    done = subprocess.run(
        [node, "--no-warnings", "-e", script, str(CLIENTS / "cascade.ts")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def test_typescript_in_a_page_of_another_origin(
    house: House, cutter: Cutter, browser: Browser, elsewhere: str
) -> None:
    page = browser.new_page()
    page.goto(elsewhere, timeout=PATIENCE_MS)
    page.evaluate(
        """async (source) => {
            const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
            Object.assign(window, await import(url));
        }""",
        javascript(),
    )
    asked = {
        "base": cutter.url,
        "token": house["editor"].token,
        "order": house.order(),
    }
    found = page.evaluate(
        """async ({base, token, order}) => {
            const events = [];
            const last = await regenerate(base, token, order, (event) => events.push(event));
            return {events, last};
        }""",
        asked,
    )
    cutter.is_whole = True
    refused = page.evaluate(
        """async ({base, token, order}) => {
            try { await regenerate(base, token, order, () => {}); }
            catch (error) { return [error.name, error.status, error.code]; }
        }""",
        asked,
    )
    not_there = page.evaluate(
        """async ({base, token}) => {
            try { await cancel(base, token, "nothing"); }
            catch (error) { return [error.status, error.code]; }
        }""",
        asked,
    )
    page.close()
    assert not_there == [404, "unknown_run"]
    (run,) = house.service.operator().runs()
    assert found["events"] == house.service.operator().events(run.id)
    assert found["last"]["type"] == "done"
    assert refused == ["Error", 409, "stale_plan"]
    assert cutter.cuts > 1


def test_a_page_of_an_origin_that_is_not_named(house: House, browser: Browser) -> None:
    page = browser.new_page()
    # Of the endpoint's own host but another name: another origin.
    page.goto(f"http://localhost:{house.port}/healthz", timeout=PATIENCE_MS)
    said = page.evaluate(
        """async ([url, token]) => {
            try { await fetch(url, {method: "POST", headers: {Authorization: token}}); }
            catch (error) { return error.name; }
        }""",
        [f"http://127.0.0.1:{house.port}{START}", f"Bearer {house['editor'].token}"],
    )
    page.close()
    assert said == "TypeError"
    assert house.service.operator().runs() == []
