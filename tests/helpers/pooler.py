"""A real pooler in transaction mode in front of the test server, where one is installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")


@contextmanager
def pooled(
    url: str, *, mode: str = "transaction", size: int = 5, password: str | None = None
) -> Iterator[str]:
    """The address of a database through a pooler of so many sessions; skips where there is none.

    With a `password` it asks for that, which the server itself does not.
    """
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed")
    address = sa.make_url(url)
    host = str(address.query["host"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tempfile.mkdtemp(prefix="pool-", dir="/tmp")
    config = Path(folder) / "pgbouncer.ini"
    asks = "auth_type = any"
    if password is not None:
        users = Path(folder) / "users.txt"
        users.write_text(f'"{address.username}" "{password}"\n')
        asks = f"auth_type = plain\nauth_file = {users}"
    config.write_text(
        f"[databases]\n* = host={host} user={address.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"{asks}\npool_mode = {mode}\ndefault_pool_size = {size}\n"
        "max_client_conn = 200\nserver_check_delay = 0\n"
    )
    command = [PGBOUNCER, str(config)]
    if os.geteuid() == 0:
        # It does not run as root, and must reach the server's socket.
        owner = Path(host).owner()
        shutil.chown(folder, owner)
        command += ["-u", owner]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(port)
            yield (
                sa.URL.create(
                    "postgresql",
                    username=address.username,
                    password=password or "x",
                    host="127.0.0.1",
                    port=port,
                    database=address.database,
                ).render_as_string(hide_password=False)
            )
        finally:
            server.terminate()
            shutil.rmtree(folder, ignore_errors=True)


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=30):
            return
        time.sleep(0.05)
    raise AssertionError("the pooler did not start")
