"""A webhook's receiver on this machine, which answers as a test says and verifies what it gets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "a secret of more than 16"


@dataclass
class Receiver:
    """What it got, in order; `answer` says the status of each, and may take its time."""

    answer: Callable[[int], int] = lambda _: 204
    port: int = 0
    got: list[dict[str, Any]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?token=x"

    @property
    def ids(self) -> list[str]:
        """Of each message that came, also those that were not taken."""
        return [one["id"] for one in self.got]

    def get(self, body: bytes, headers: Any) -> int:
        signed = b".".join(
            (headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body)
        )
        mac = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
        assert headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"
        assert abs(time.time() - int(headers["webhook-timestamp"])) < 60
        message = json.loads(body)
        assert message["id"] == headers["webhook-id"]
        with self.lock:
            self.got.append(message)
            self.at.append(time.monotonic())
            n = len(self.got)
        status = self.answer(n)
        if 200 <= status < 300:
            with self.lock:
                self.taken.append(message["id"])
        return status


@contextmanager
def listening(receiver: Receiver) -> Iterator[Receiver]:
    """Has it listen while the block lasts; at its port, where it has had one."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            try:
                status = receiver.get(body, self.headers)
            except AssertionError:
                status = 599
            try:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            except OSError:
                pass  # Who sent it waits no more.

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", receiver.port), Handler)
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
