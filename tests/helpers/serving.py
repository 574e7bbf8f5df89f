"""The real server, `streamlit run app.py`, in a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.helpers.warm import serve

# Of each test process; the system itself gives no port below 32768 to whoever asks for any.
_FIRST_PORT = 20_000 + os.getpid() % 1_000 * 12
PORTS = range(_FIRST_PORT, _FIRST_PORT + 12)


class Server:
    """`streamlit run app.py` on a free port of this machine, on a database of its own.

    One after the other has the same port: nobody takes it while a server is restarted, and a
    browser has compiled what comes from that address.
    """

    def __init__(self, database_url: str, log: Path, **env: str) -> None:
        port = next(filter(_is_free, PORTS))
        self.was_away = False
        self.url = f"http://127.0.0.1:{port}"
        # The longest sample, whatever the reader's language.
        self.page = f"{self.url}/?story=Tinggi%20Muka%20Air"
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
            self.process = serve(self.command, self.env, log.fileno())
        until = time.monotonic() + 180
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=30):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(f"the server did not start:\n{self.log.read_text()}")

    def restart(self, **env: str) -> None:
        """Stops it and starts it anew, with other settings."""
        self.stop()
        self.env.update(env)
        self.start()

    def stop(self) -> None:
        self.was_away = True
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        self.was_away = True
        self.process.kill()
        self.process.wait()


def _is_free(port: int) -> bool:
    """Whether nobody listens there; connections that have ended are in nobody's way."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
