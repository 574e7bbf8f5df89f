"""What goes to and fro between a client and a model's server: a call, a reply, and their bytes."""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PROPERTIES = ("beatContent", "keyAction", "plot", "script")


_QUOTED = re.compile('"(' + "|".join(PROPERTIES) + ')"')


@dataclass
class Call:
    """One request as it came, and what became of it. `number` counts from 1."""

    number: int
    headers: Mapping[str, str]
    body: dict[str, Any]
    started: float = field(default_factory=time.monotonic)
    status: int | None = None  # None: nothing was answered
    hung_up: bool = False  # the client closed the connection before the answer was complete
    ended: float | None = None

    @property
    def prompt(self) -> str:
        """All messages' texts."""
        return "\n".join(str(message["content"]) for message in self.body.get("messages", []))

    @property
    def format(self) -> str:
        """`json_schema`, `json_object` or `plain`."""
        return str((self.body.get("response_format") or {}).get("type", "plain"))

    @property
    def property(self) -> str:
        """Which of the four is wanted. Raises ValueError where request or prompt do not say so."""
        named = set(_QUOTED.findall(self.prompt))
        if self.format == "json_schema":
            schema = self.body["response_format"]["json_schema"]["schema"]
            named |= set(schema["properties"])
        if len(named) != 1:
            raise ValueError(f"the request names {sorted(named)}, which should be exactly one")
        return str(named.pop())


@dataclass(frozen=True)
class Reply:
    """One answer. `content` None writes a proper text; `raw` goes out byte by byte instead.

    `finish` None leaves the reason out; `message` is further fields of the message (a refusal);
    `extra` replaces fields of the whole document; `headers` are further response headers.
    `cut`: the connection ends after that many chunks of a stream (or, of a whole answer, bytes).
    `end`: how the connection ends: in order, by a reset, or not at all until the client is gone.
    """

    status: int = 200
    content: str | None = None
    finish: str | None = "stop"
    message: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    raw: bytes | None = None
    cut: int | None = None
    end: Literal["close", "reset", "stall"] = "close"
    completion_tokens: int = 50


def http(body: str | bytes, status: int = 200, content_type: str = "application/json") -> bytes:
    """A whole HTTP response, for `Reply(raw=...)`."""
    data = body.encode() if isinstance(body, str) else body
    head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(data)}\r\n"
    return head.encode() + b"connection: close\r\n\r\n" + data


def error_reply(status: int, retry_after: object, code: str) -> Reply:
    """An error as the model protocol has it, once told to wait."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    error = {"message": "scripted failure", "type": code, "code": code}
    return Reply(status=status, headers=headers, error=error)


def unknown(message: str) -> Reply:
    """A refusal of what the server does not know."""
    return Reply(status=400, error={"message": message, "type": "invalid_request_error"})


def document(
    call: Call, choice: dict[str, Any] | None, counted: Reply | None = None
) -> dict[str, Any]:
    """A whole answer, or one chunk of a streamed one, with what it counted."""
    document: dict[str, Any] = {
        "id": f"call-{call.number}",
        "object": "chat.completion.chunk" if call.body.get("stream") else "chat.completion",
        "created": 1,
        "model": call.body.get("model"),
        "choices": [choice] if choice is not None else [],
    }
    if counted is not None:
        document["usage"] = {
            "prompt_tokens": len(call.prompt.split()),
            "completion_tokens": counted.completion_tokens,
            "total_tokens": len(call.prompt.split()) + counted.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": 4},
        }
    return document


def response_head(reply: Reply, content_type: str) -> bytes:
    """A response up to where its body begins."""
    further = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    return (
        f"HTTP/1.1 {reply.status} X\r\ncontent-type: {content_type}\r\n"
        f"connection: close\r\n{further}\r\n"
    ).encode()


def read_request(connection: socket.socket) -> tuple[dict[str, str], dict[str, Any]]:
    """The headers and the document of a request. Raises ValueError where it breaks off."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        if not part:
            raise ValueError("the client closed before its request was complete")
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    lines = head.decode("latin-1").split("\r\n")[1:]
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        part = connection.recv(65536)
        if not part:
            raise ValueError("the client closed before its request was complete")
        body += part
    return headers, json.loads(body or b"{}")  # a GET has none
