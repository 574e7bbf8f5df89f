"""The endpoint behind a real socket in the test's own process, and a client that only asks."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette

from cascade.api import Endpoint
from cascade.service import Service
from tests.helpers.observe import wait_for

START = "/api/ai/regenerate-beats-cascade"


@dataclass(frozen=True)
class Reply:
    """An answer that has been read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.body.splitlines() if line]


class Client:
    """Asks one address at a time, with a token or without one."""

    def __init__(self, port: int, token: str | None = None) -> None:
        self.port = port
        self.token = token

    def __call__(
        self, method: str, path: str, body: Any = None, raw: bytes | None = None, **headers: str
    ) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            if self.token is not None:
                sent.setdefault("Authorization", f"Bearer {self.token}")
            if body is not None:
                raw = json.dumps(body).encode()
            if raw is not None:
                sent.setdefault("Content-Type", "application/json")
            connection.request(method, path, raw, sent)
            answer = connection.getresponse()
            lowered = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, lowered, answer.read())
        finally:
            connection.close()

    def open(self, method: str, path: str, body: Any = None, **headers: str) -> socket.socket:
        """A socket on which the request has been sent and nothing was read."""
        raw = json.dumps(body).encode() if body is not None else b""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(raw)}"]
        lines += [f"Authorization: Bearer {self.token}", "Content-Type: application/json"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        opened = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        opened.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + raw)
        return opened


def beginning(opened: socket.socket) -> Reply:
    """The head of an answer, and its body where that comes to an end by itself."""
    answer = http.client.HTTPResponse(opened)
    answer.begin()
    headers = {name.lower(): value for name, value in answer.getheaders()}
    return Reply(answer.status, headers, answer.read() if "content-length" in headers else b"")


def chunks(opened: socket.socket) -> Iterator[bytes]:
    """The chunks of a chunked answer, each as the server made it; its head is passed over."""
    with opened.makefile("rb") as stream:
        assert b" 200 " in stream.readline()
        while stream.readline().strip():
            pass
        while size := int(stream.readline(), 16):
            yield stream.read(size)
            stream.readline()


@contextmanager
def served(service: Service) -> Iterator[int]:
    """Serves the endpoint on a free port; the port."""
    endpoint = Endpoint()
    endpoint.open(service)
    config = uvicorn.Config(
        Starlette(routes=endpoint.routes()),
        port=0,
        host="127.0.0.1",
        log_config=None,
        lifespan="off",
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        wait_for(lambda: server.started, "the server to start")
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(60)
        endpoint.close()
