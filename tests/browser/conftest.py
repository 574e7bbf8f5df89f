"""A real server and a real Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# A machine with two cores that runs other tests beside these.
PATIENCE_MS = 30_000


class Server:
    """`streamlit run app.py` on a free port of this machine, on a database of its own."""

    def __init__(self, database_url: str, log: Path, **env: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        self.command = [sys.executable, "-m", "streamlit", "run", "app.py"]
        self.command += ["--server.port", str(port), "--server.headless", "true"]
        self.env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("CASCADE_", "OPENAI_"))},
            "CASCADE_DATABASE_URL": database_url,
            "CASCADE_PROVIDER": "offline",
            **env,
        }

    def start(self) -> None:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, env=self.env, cwd=ROOT, stdout=log, stderr=log
            )
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    """A running server, its writer so slow that no run ends before the test has looked at it."""
    server = Server(sqlite_url, tmp_path / "server.log", CASCADE_OFFLINE_DELAY_MS="3000")
    server.start()
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium: the one named by CHROMIUM, the system's, or Playwright's own."""
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def console() -> list[str]:
    """What the consoles of the test's pages complained of."""
    return []


@pytest.fixture
def page(browser: Browser, server: Server, console: list[str]) -> Iterator[Page]:
    """The studio in a fresh browser; an error in the console of any tab fails the test."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            console.append(message.text)

    context.on("console", note)
    context.on("weberror", lambda error: console.append(str(error.error)))
    page = context.new_page()
    page.goto(server.url)
    yield page
    context.close()
    assert console == []
