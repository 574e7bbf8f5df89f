"""A model server for tests: chat completions over a real loopback socket, with faults on order.

    with ModelServer() as server:
        server.fail(2, status=503, retry_after=1)     # the second call, counted from 1
        ... OPENAI_BASE_URL=server.url ...
        assert server.count == 3
        assert [call.property for call in server.calls] == ["beatContent"] * 2 + ["keyAction"]

It reads which text is wanted from the request alone, writes one that passes the checks (two
paragraphs, a sentence, Fountain; as long as the prompt asks; never twice the same), and keeps a
record of every call. It is one thread a connection and needs nothing but the standard library.
"""

from __future__ import annotations

import json
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Literal, Self

from tests.helpers.model_http import (
    Call,
    Reply,
    document,
    error_reply,
    http,
    read_request,
    response_head,
    unknown,
)


class ModelServer:
    """The server, running from construction until `close` (or as a context manager).

    `latency`: seconds before an answer begins; `pace`: seconds between a stream's chunks.
    `formats`, `usage_option`, `streaming`: what it knows; anything else it refuses with 400, but
    `streaming="ignored"` answers whole what was asked for as a stream. `no_system` is how it
    refuses a system's role. `limits` are the names of a limit that it knows: of others it says
    nothing, and refuses with 400 those in `refuses` (fields of a request). Where no limit that it
    knows is sent it stops after `small_default` tokens (of four characters). These may be changed
    while it runs. `behave` decides freely: it gives a Reply for a Call, or None for the usual.
    """

    def __init__(
        self,
        *,
        latency: float = 0.0,
        pace: float = 0.0,
        formats: Iterable[str] = ("json_schema", "json_object", "plain"),
        usage_option: bool = True,
        streaming: Literal["yes", "ignored", "refused"] = "yes",
        no_system: str | None = None,
        limits: Iterable[str] = ("max_completion_tokens", "max_tokens"),
        small_default: int | None = None,
        refuses: Mapping[str, str] | None = None,
        behave: Callable[[Call], Reply | None] | None = None,
    ) -> None:
        self.latency = latency
        self.pace = pace
        self.formats = frozenset(formats)
        self.usage_option = usage_option
        self.streaming = streaming
        self.no_system = no_system
        self.limits = tuple(limits)
        self.small_default = small_default
        self.refuses = dict(refuses or {})
        self.behave = behave
        # What GET …/models gives: these ids, or that response; 404 while there are neither.
        self.models: list[str] | None = None
        self.models_raw: bytes | None = None
        self.calls: list[Call] = []
        self.at_once = 0
        self.most_at_once = 0
        self.problems: list[str] = []  # requests that did not say which text they want
        self._replies: dict[int, Reply] = {}
        self._from_on: tuple[int, Reply] | None = None
        self._changed = threading.Condition()
        self._open = threading.Event()
        self._open.set()
        self._let_through = 0
        self._closing = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    @property
    def url(self) -> str:
        """What OPENAI_BASE_URL is to be."""
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    @property
    def count(self) -> int:
        """How many calls have come in."""
        with self._changed:
            return len(self.calls)

    def fail(
        self, nth: int, status: int = 500, *, retry_after: object = None, code: str = "server_error"
    ) -> None:
        """Has the nth call from the start (1 is the first) answered with an error."""
        self._replies[nth] = error_reply(status, retry_after, code)

    def fail_after(
        self,
        good: int,
        status: int = 500,
        *,
        retry_after: object = None,
        code: str = "server_error",
    ) -> None:
        """After so many calls (0: from the first), every call is answered with an error."""
        self._from_on = (good, error_reply(status, retry_after, code))

    def answer(self, nth: int, reply: Reply) -> None:
        """Has the nth call answered by that."""
        self._replies[nth] = reply

    def answer_all(self, reply: Reply) -> None:
        """Has every call answered by that from now on."""
        self._from_on = (0, reply)

    def heal(self) -> None:
        """Forgets every fault ordered so far."""
        self._replies.clear()
        self._from_on = None

    def hold(self, after: int = 0) -> None:
        """Keeps every call after so many waiting until `release`, or until more are let through.

        The client sees nothing of an answer.
        """
        self._let_through = after
        self._open.clear()

    def release(self) -> None:
        """Lets the calls held go on."""
        self._open.set()

    def wait_for_calls(self, count: int, timeout: float = 120.0) -> list[Call]:
        """Waits until that many calls have come in. Raises TimeoutError."""
        self._wait(lambda: len(self.calls) >= count, timeout, f"{count} calls")
        return list(self.calls)

    def wait_for_hang_up(self, nth: int | None = None, timeout: float = 120.0) -> Call:
        """The call (the nth, or any) whose client closed before its end. Raises TimeoutError."""

        def found() -> list[Call]:
            return [call for call in self.calls if call.hung_up and nth in (None, call.number)]

        self._wait(lambda: bool(found()), timeout, "a hang-up")
        return found()[0]

    def close(self) -> None:
        """Ends the server and every connection."""
        self._closing.set()
        self._open.set()
        # A blocked accept does not notice that its socket is closed; a visitor wakes it.
        with socket.create_connection(self._listener.getsockname()):
            pass
        self._accepting.join(5)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- the inside

    def _wait(self, is_so: Callable[[], bool], timeout: float, what: str) -> None:
        with self._changed:
            if not self._changed.wait_for(is_so, timeout):
                raise TimeoutError(f"waited {timeout:g} s for {what}; {len(self.calls)} calls came")

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._closing.is_set():
                connection.close()
                return
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.settimeout(120)
            try:
                request = read_request(connection)
            except (OSError, ValueError):
                return  # somebody who connects and says nothing is no call
            if not request[1]:
                self._list_models(connection)
                return
            with self._changed:
                call = Call(len(self.calls) + 1, *request)
                self.calls.append(call)
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
                self._changed.notify_all()
            try:
                self._answer(connection, call, self._reply_to(call))
            except OSError:
                call.hung_up = True
            finally:
                with self._changed:
                    call.ended = time.monotonic()
                    self.at_once -= 1
                    self._changed.notify_all()

    def _list_models(self, connection: socket.socket) -> None:
        listed = {"data": [{"id": name, "object": "model"} for name in self.models or ()]}
        status = 404 if self.models is None else 200
        connection.sendall(self.models_raw or http(json.dumps(listed), status))

    def _reply_to(self, call: Call) -> Reply:
        if call.number in self._replies:
            return self._replies[call.number]
        if self._from_on is not None and call.number > self._from_on[0]:
            return self._from_on[1]
        if self.behave is not None and (reply := self.behave(call)) is not None:
            return reply
        if call.format not in self.formats:
            return unknown(f"response_format of type {call.format} is not supported")
        if "stream_options" in call.body and not self.usage_option:
            return unknown("Unrecognized request argument supplied: stream_options")
        if call.body.get("stream") and self.streaming == "refused":
            return unknown("Streaming is not supported by this model")
        for field_name, message in self.refuses.items():
            if field_name in call.body:
                return unknown(message)
        if self.no_system and call.body["messages"][0]["role"] == "system":
            return unknown(self.no_system)
        return Reply()

    def _cut(self, call: Call, reply: Reply, content: str) -> tuple[Reply, str]:
        """What comes of an answer where the limit sent, or the server's own, is small."""
        sent = [call.body[name] for name in self.limits if name in call.body]
        limit = sent[0] if sent else self.small_default
        if limit is None or len(content) <= 4 * limit:
            return reply, content
        return replace(reply, finish="length", completion_tokens=limit), content[: 4 * limit]

    def _answer(self, connection: socket.socket, call: Call, reply: Reply) -> None:
        self._pause(connection, self.latency)
        while not self._open.is_set() and call.number > self._let_through:
            self._pause(connection, 0.02)
        call.status = reply.status
        if reply.raw is not None:
            connection.sendall(reply.raw)
        elif reply.error is not None:
            self._send_whole(connection, reply, {"error": dict(reply.error)})
        else:
            content = reply.content or ""
            if reply.content is None:
                reply, content = self._cut(call, reply, self._write(call))
            if call.body.get("stream") and self.streaming == "yes":
                self._send_stream(connection, call, reply, content)
            else:
                message = {"role": "assistant", "content": content, **reply.message}
                choice = {"index": 0, "message": message, "finish_reason": reply.finish}
                self._send_whole(connection, reply, document(call, choice, reply))
        if reply.end == "stall":
            while not self._closing.is_set():
                self._pause(connection, 0.05)
        elif reply.end == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def _write(self, call: Call) -> str:
        try:
            return json.dumps({call.property: text_for(call)}, ensure_ascii=False)
        except ValueError as error:
            self.problems.append(str(error))
            raise ConnectionError(str(error)) from None

    def _send_whole(self, connection: socket.socket, reply: Reply, body: dict[str, Any]) -> None:
        data = json.dumps({**body, **reply.extra}).encode()
        connection.sendall(response_head(reply, f"application/json\r\ncontent-length: {len(data)}"))
        connection.sendall(data[: reply.cut])

    def _send_stream(
        self, connection: socket.socket, call: Call, reply: Reply, content: str
    ) -> None:
        pieces = [content[at : at + 7] for at in range(0, len(content), 7)]
        chunks: list[dict[str, Any]] = [
            {"delta": {"role": "assistant", **reply.message}, "finish_reason": None}
        ]
        chunks += [{"delta": {"content": piece}, "finish_reason": None} for piece in pieces]
        chunks += [{"delta": {}, "finish_reason": reply.finish}]
        documents = [document(call, {"index": 0, **chunk}) for chunk in chunks]
        if (call.body.get("stream_options") or {}).get("include_usage"):
            documents.append(document(call, None, reply))
        connection.sendall(response_head(reply, "text/event-stream\r\ntransfer-encoding: chunked"))
        lines = [json.dumps({**document, **reply.extra}) for document in documents] + ["[DONE]"]
        for line in lines[: reply.cut]:
            self._pause(connection, self.pace)
            data = f"data: {line}\n\n".encode()
            connection.sendall(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        if reply.cut is None:
            connection.sendall(b"0\r\n\r\n")

    def _pause(self, connection: socket.socket, seconds: float) -> None:
        """Waits, with an eye on the client: raises ConnectionError when it has closed."""
        until = time.monotonic() + seconds
        while True:
            left = max(until - time.monotonic(), 0)
            readable, _, _ = select.select([connection], [], [], min(left, 0.05))
            if readable and not connection.recv(1, socket.MSG_PEEK):
                raise ConnectionAbortedError
            if left == 0 or self._closing.is_set():
                return
            if readable:  # it speaks out of turn; nothing to wait for in select
                time.sleep(min(left, 0.01))


def text_for(call: Call) -> str:
    """A text of the wanted kind, in the prompt's language and length; says the call's number."""
    indonesian = "Bahasa Indonesia" in call.prompt
    found = re.search(r"(\d+)-(\d+) (?:words|kata)\b", call.prompt)
    low, high = (int(found[1]), int(found[2])) if found else (60, 120)
    wanted = (low + high) // 2
    first = f"Versi {call.number} dimulai." if indonesian else f"Version {call.number} begins."
    words = (_INDONESIAN if indonesian else _ENGLISH).split()
    flow = [*first.split()]
    while len(flow) < wanted:
        flow += words
    flow = flow[:wanted]
    kind = call.property
    if kind == "keyAction":
        flat = " ".join(word.strip(".").lower() for word in flow)
        return f"{flat[:1].upper()}{flat[1:]}."
    if kind == "beatContent":
        half = wanted // 2
        return f"{_closed(flow[:half])}\n\n{_closed(flow[half:])}"
    if kind == "plot":
        return _closed(flow)
    heading = _heading(call.prompt)
    spoken = "Kita tidak punya banyak waktu." if indonesian else "We do not have much time."
    script = f"{heading}\n\n{_closed(flow[: max(wanted - 12, 5)])}"
    # Only who speaks in the story may speak.
    listed = re.search(
        r"(?:the people who speak|tokoh yang berbicara)[^\n]*\n([^,\n]+)", call.prompt
    )
    return f"{script}\n\n{listed[1]}\n{spoken}" if listed else script


_ENGLISH = "The lamp swings over the table and nobody reaches for it while the rain keeps on. "
_INDONESIAN = (
    "Lampu berayun di atas meja dan tidak ada yang menyentuhnya selagi hujan turun terus. "
)


def _closed(words: list[str]) -> str:
    return " ".join(words).rstrip(".,") + "."


def _heading(prompt: str) -> str:
    found = re.findall(r"^(?:INT|EXT)\. .+$", prompt, re.MULTILINE)
    return str(found[-1]) if found else "INT. ROOM - NIGHT"
