"""Whom the client asks and follows, how much it reads, and that what it keeps can be stored."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from cascade.llm import openai
from cascade.llm.openai import OpenAIWriter
from cascade.llm.provider import ProviderError, RejectedText
from cascade.llm.transport import is_loopback
from tests.helpers.asking import GOOD, KEY, KEY_ACTION, new_model, planted_brief, write
from tests.helpers.model_answers import CHUNK, events, failure
from tests.helpers.model_http import Call, Reply, http
from tests.helpers.model_server import ModelServer

# -- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(status: int) -> None:
    with ModelServer() as other, ModelServer() as server:
        port = other.url.split(":")[-1].removesuffix("/v1")
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"127.0.0.2:{port}"):
            headers = {"location": f"http://{host}/v1/chat/completions"}
            server.answer_all(Reply(status=status, error={"message": "x"}, headers=headers))
            error = failure(server)
            assert (error.code, error.retryable) == ("redirected", False)
            assert "OPENAI_BASE_URL" in error.message
            assert port not in error.message, "nothing that a server said is repeated"
        assert other.count == 0, "neither the key nor a text went there"


def test_a_redirect_on_the_same_server_is_followed_where_the_request_stays_the_same() -> None:
    with ModelServer() as server:
        for status in (307, 308):
            number = server.count + 1
            location = {"location": "/v1/elsewhere/chat/completions"}
            server.answer(number, Reply(status=status, error={}, headers=location))
            write(server, KEY_ACTION)
            first, second = server.calls[-2:]
            assert first.body == second.body
            assert second.headers["authorization"] == f"Bearer {KEY}"
        for status in (301, 302, 303):  # would become a GET, with nothing in it
            server.answer(server.count + 1, Reply(status=status, error={}, headers=location))
            assert failure(server).code == "redirected"


def test_a_redirect_in_circles_ends() -> None:
    around = Reply(status=307, error={}, headers={"location": "/v1/chat/completions"})
    with ModelServer(behave=lambda _: around) as server:
        assert failure(server).code == "redirected"
        assert server.count < 6


# -- proxies and keys


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that only notes what it is asked, and refuses it."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(65536))
                if not asked[-1]:
                    return
                connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    socket.create_connection(listener.getsockname()).close()
    thread.join(5)
    listener.close()


PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*PROXIES, "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


def test_no_proxy_is_used_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (proxy, asked), ModelServer() as server:
        for name in PROXIES:
            monkeypatch.setenv(name, proxy)
        write(server, KEY_ACTION)
        write(server.url.replace("127.0.0.1", "localhost"), KEY_ACTION)
        assert server.count == 2
        assert asked == []


def test_a_proxy_is_used_for_another_and_its_refusal_is_told_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        error = failure("https://model.invalid/v1")
        assert asked
        assert asked[0].startswith(b"CONNECT model.invalid:443")
    assert (error.code, error.retryable) == ("bad_proxy", False)
    assert "HTTPS_PROXY" in error.message
    assert proxy not in error.message


@pytest.mark.parametrize("proxy", ["socks5://user:canary@127.0.0.1:9", "ftp://canary:1"])
def test_a_proxy_that_the_client_cannot_use_is_told_apart(
    proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", proxy)
    error = failure("https://model.invalid/v1")
    assert (error.code, error.retryable) == ("bad_proxy", False)
    assert "canary" not in error.message


@pytest.mark.parametrize(
    ("host", "is_so"),
    [
        ("localhost", True), ("LOCALHOST", True), ("a.localhost", True), ("127.0.0.1", True),
        ("127.8.8.8", True), ("::1", True), ("[::1]", True), ("0.0.0.0", True),
        ("example.org", False), ("10.0.0.1", False), ("localhost.example.org", False),
        ("127.0.0.1.example.org", False), ("", False),
    ],
)  # fmt: skip
def test_what_is_this_machine(host: str, is_so: bool) -> None:
    assert is_loopback(host) is is_so


@pytest.mark.parametrize(
    "key", ["sk-1 2", "sk-1\n2", "sk-\u2026", "sk\u20111", "sk-\u200b1", "\x00"]
)
def test_a_key_that_cannot_be_sent_is_told_apart(key: str) -> None:
    async def run(url: str) -> None:
        writer = OpenAIWriter(model="m", api_key=key, base_url=url, timeout_s=60)
        try:
            async for _ in writer.write(KEY_ACTION):
                pass
        finally:
            await writer.close()

    with ModelServer() as server, pytest.raises(ProviderError) as caught:
        asyncio.run(run(server.url))
    assert (caught.value.code, caught.value.retryable) == ("bad_key", False)
    assert server.count == 0
    assert key not in caught.value.message


# -- how much is read


@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_errors_body_is_read_to_64_kb(status: int) -> None:
    """Of a body that never ends, and that says what is wrong in its beginning."""
    sent = 0

    def endless(listener: socket.socket) -> None:
        nonlocal sent
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            head = f"HTTP/1.1 {status} X\r\ncontent-type: text/plain\r\n\r\nContent Exists Risk "
            connection.sendall(head.encode())
            try:
                while True:
                    sent += connection.send(b"x" * 65536)
            except OSError:
                return

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=endless, args=(listener,), daemon=True)
    thread.start()
    error = failure(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeout_s=60)
    # Whoever went on reading would have a timeout.
    assert error.code == "refused"
    thread.join(60)
    listener.close()
    # The rest is what the two sides' buffers hold.
    assert sent < 20_000_000


@pytest.mark.parametrize(
    ("size", "read"), [(900_000, True), (1_100_000, False), (8_000_000, False)]
)
def test_a_line_of_a_stream_is_read_to_1_mb(size: int, read: bool) -> None:
    whole = {"choices": [{"delta": {"content": GOOD}, "finish_reason": "stop"}], "x": "x" * size}
    reply = Reply(raw=http(f"data: {json.dumps(whole)}\n\n", content_type="text/event-stream"))
    with ModelServer(behave=lambda _: reply) as server:
        if read:
            [(_, answer)] = write(server, KEY_ACTION)
            assert answer.text == "Mira opens the ledger."
        else:
            error = failure(server)
            assert isinstance(error, RejectedText)
            assert error.flaw == "endless"


@pytest.mark.parametrize(
    "reply",
    [
        events(CHUNK, "[DONE]"),
        events(CHUNK, "[DONE]", end="\r\n\r\n"),
        events(CHUNK, "[DONE]", end="\n"),
        events(CHUNK, "[DONE]", '{"error": "after the end"}'),
        events(CHUNK),
        events({}, {"choices": []}, {"choices": None}, CHUNK),
        Reply(raw=http(": waiting\n\nevent: x\nid: 1\n" + f"data: {json.dumps(CHUNK)}\n\n: x\n\n",
            content_type="text/event-stream; charset=utf-8")),
        events(json.dumps(CHUNK, indent=1).replace("\n", "\ndata: ")),
        Reply(raw=http(f"data:{json.dumps(CHUNK)}", content_type="TEXT/EVENT-STREAM")),
    ],
)  # fmt: skip
def test_streams_as_servers_write_them(reply: Reply) -> None:
    with ModelServer(behave=lambda _: reply) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    assert answer.text == "Mira opens the ledger."


# -- the work on an answer


def test_work_without_end_on_a_text_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's call goes on, and this one is a rejected text with its own sentence."""
    begun, released = threading.Event(), threading.Event()

    def check(brief: object, text: str) -> None:
        if "slow" in text:
            begun.set()
            released.wait(120)

    monkeypatch.setattr(openai, "check", check)

    def behave(call: Call) -> Reply:
        return Reply(content=json.dumps({call.property: "quick" if call.number == 2 else "slow"}))

    async def run(url: str) -> object:
        writer = OpenAIWriter(model=new_model(), api_key=KEY, base_url=url, timeout_s=60)

        async def one() -> object:
            return [part async for part in writer.write(planted_brief("keyAction"))][-1]

        try:
            first = asyncio.create_task(one())
            assert await asyncio.to_thread(begun.wait, 60)
            await one()
            assert not first.done(), "its text is still being judged"
            monkeypatch.setattr(openai, "CHECK_PATIENCE_S", 0.1)
            [error] = await asyncio.gather(one(), return_exceptions=True)
            assert not first.done()
            released.set()
            await first
            return error
        finally:
            released.set()
            await writer.close()

    with ModelServer(behave=behave) as server:
        error = asyncio.run(run(server.url))
    assert isinstance(error, RejectedText)
    assert error.flaw == "unchecked"
    assert "takes too long" in error.message
