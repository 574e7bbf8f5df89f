"""Whom the client asks and follows, how much it reads, and that what it keeps can be stored."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from cascade.llm import openai
from cascade.llm.openai import OpenAIWriter
from cascade.llm.provider import ProviderError, RejectedText, Usage
from cascade.llm.transport import is_loopback
from tests.helpers.asking import GOOD, KEY, KEY_ACTION, STORY, new_model, planted_brief, write
from tests.helpers.model_server import Call, ModelServer, Reply, http


def failure(url: str | ModelServer, **options: Any) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        write(url, KEY_ACTION, **options)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    return caught.value


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
        writer = OpenAIWriter(model="m", api_key=key, base_url=url, timeout_s=5)
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
    start = time.monotonic()
    error = failure(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeout_s=20)
    assert time.monotonic() - start < 10
    assert error.code == "refused"
    thread.join(5)
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


def always(reply: Reply) -> Callable[[Call], Reply]:
    """A server that answers every call so."""
    return lambda _: reply


def events(*documents: object, end: str = "\n\n") -> Reply:
    lines = "".join(
        f"data: {one if isinstance(one, str) else json.dumps(one)}{end}" for one in documents
    )
    return Reply(raw=http(lines, content_type="text/event-stream"))


CHUNK = {"choices": [{"delta": {"content": GOOD}, "finish_reason": "stop"}]}


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


# -- the end, and the parts of a message


@pytest.mark.parametrize(
    "reason",
    ["stop", "STOP", "eos", "eos_token", "end_turn", "", None, "null", "tool_calls", "COMPLETE",
    "function_call", "stop_sequence", "FINISH_REASON_STOP", "unknown", 1, "\x00", "x" * 10_000],
)  # fmt: skip
@pytest.mark.parametrize("streaming", ["yes", "ignored"])
def test_a_whole_object_is_a_whole_answer(reason: Any, streaming: Any) -> None:
    reply = Reply(content=GOOD, finish=reason)
    with ModelServer(streaming=streaming, behave=lambda _: reply) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    assert answer.text == "Mira opens the ledger."
    assert len(answer.finish_reason) <= 40
    assert answer.finish_reason.isprintable()


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("length", "truncated"), ("MAX_TOKENS", "truncated"), ("max_output_tokens", "truncated"),
        ("model_length", "truncated"), ("model_context_window_exceeded", "truncated"),
        ("content_filter", "refused"), ("SAFETY", "refused"), ("PROHIBITED_CONTENT", "refused"),
        ("RECITATION", "refused"), ("sensitive", "refused"), ("refusal", "refused"),
        ("error", "server_error"), ("network_error", "server_error"), ("ABORT", "server_error"),
        ("insufficient_system_resource", "server_error"), ("cancelled", "server_error"),
    ],
)  # fmt: skip
def test_unless_its_reason_says_limit_filter_or_error(reason: str, code: str) -> None:
    with ModelServer(behave=lambda _: Reply(content=GOOD, finish=reason)) as server:
        assert failure(server).code == code


HALF = GOOD[: len(GOOD) // 2]
TEXT = {"type": "text", "text": GOOD}


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([TEXT], "Mira opens the ledger."),
        ([{"type": "text", "text": HALF}, {"type": "text", "text": GOOD[len(HALF) :]}], "Mira"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "no"}]}, TEXT], "Mira"),
        ([{"type": "reasoning", "text": '{"keyAction": "A draft of it."}'}, TEXT], "Mira"),
        ([TEXT, {"type": "reasoning", "text": '{"keyAction": "A draft of it."}'}], "Mira"),
        ([{"type": "output_text", "text": GOOD}], "Mira"),
        ([{"text": GOOD}], "Mira"),
        ([{"type": "text", "text": {"value": GOOD}}], "Mira"),
        ([GOOD], "Mira"),
        ([None, 5, {"type": "image"}, TEXT, {"type": "text"}, {"type": "text", "text": 5}], "Mira"),
    ],
)
def test_content_as_a_list_is_its_texts(content: list[object], text: str) -> None:
    for key in ("message", "delta"):
        document = {"choices": [{key: {"content": content}, "finish_reason": "stop"}]}
        reply = events(document) if key == "delta" else Reply(raw=http(json.dumps(document)))
        with ModelServer(behave=always(reply)) as server:
            [(_, answer)] = write(server, KEY_ACTION)
        assert answer.text.startswith(text)


def test_a_refusal_among_the_parts_is_one() -> None:
    document = {
        "choices": [
            {
                "message": {"content": [{"type": "refusal", "refusal": f"No {STORY}."}]},
                "finish_reason": "stop",
            }
        ]
    }
    with ModelServer(behave=lambda _: Reply(raw=http(json.dumps(document)))) as server:
        assert failure(server).code == "refused"


# -- what can be stored


def usage_of(*counts: object) -> Usage:
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    chunks = [{"choices": [{"delta": {"content": GOOD}}]}, last]
    chunks += [{"choices": [], "usage": one} for one in counts]
    with ModelServer(behave=lambda _: events(*chunks, "[DONE]")) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    return answer.usage


REAL = {
    "prompt_tokens": 120,
    "completion_tokens": 30,
    "prompt_tokens_details": {"cached_tokens": 9},
}
ZEROS = {"prompt_tokens": 0, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 0}}


@pytest.mark.parametrize(
    "last",
    [
        ZEROS, {}, {"prompt_tokens": 0}, {"prompt_tokens": None, "completion_tokens": None},
        {"completion_tokens": 0, "prompt_tokens_details": None}, {"prompt_tokens": -1}, "none",
        {"prompt_tokens": "many"}, {"prompt_tokens": True}, {"prompt_tokens": 1.5},
    ],
)  # fmt: skip
def test_zeros_in_the_end_do_not_erase_the_real_count(last: object) -> None:
    assert usage_of(REAL, last) == Usage(120, 9, 30)
    assert usage_of(last, REAL) == Usage(120, 9, 30)


def test_a_count_that_grows_is_the_last_one() -> None:
    growing = [{**REAL, "completion_tokens": count} for count in (1, 12, 30)]
    assert usage_of(*growing, ZEROS) == Usage(120, 9, 30)
    assert usage_of(ZEROS) == Usage(0, 0, 0)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("12", 12), ("12.0", 12), ('"12"', 12), ('" 12 "', 12), ("0", 0), ("2147483647", 2**31 - 1),
        ("2147483648", None), ("1" + "0" * 30, None), ("9" * 5_000, None), ("1e9", 10**9),
        ("1e300", None), ("-5", None), ("1.5", None), ("NaN", None), ("Infinity", None),
        ("true", None), ("false", None), ('"x"', None), ('"١٢"', 12), ('"²"', None), ("[]", None),
        ("{}", None), ('"' + "1" * 5_000 + '"', None), ("null", None),
    ],
)  # fmt: skip
def test_a_count_of_tokens_fits_its_column_or_is_unknown(said: str, kept: int | None) -> None:
    usage = (
        f'{{"prompt_tokens": {said}, "completion_tokens": {said}, '
        f'"prompt_tokens_details": {{"cached_tokens": {said}}}}}'
    )
    chunk = json.dumps(CHUNK)[:-1] + f', "usage": {usage}}}'
    for reply in (events(chunk), Reply(raw=http(chunk.replace("delta", "message")))):
        with ModelServer(behave=always(reply)) as server:
            [(_, answer)] = write(server, KEY_ACTION)
        assert answer.usage == Usage(kept, kept, kept)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("gpt", "gpt"), ("m" * 10_000, "m" * 200), ("a\x00b", "ab"), ("\ud83d", "?"),
        ("a\ud83d\ude00b", None), ("a\nb\tc", "a b c"), ("\x1b[31mred", "[31mred"),
        ("", None), ("\x00", None), (" ", None), (5, None), (None, None), (["m"], None),
    ],
)  # fmt: skip
def test_a_model_name_can_be_stored(said: object, kept: str | None) -> None:
    own = new_model()
    with ModelServer(behave=lambda _: events({**CHUNK, "model": said})) as server:
        [(_, answer)] = write(server, KEY_ACTION, model=own)
    answer.model.encode()
    assert answer.model.isprintable()
    if said == "a\ud83d\ude00b":  # the two halves as JSON brings them
        assert answer.model in ("a\U0001f600b", "a??b")
    else:
        assert answer.model == (kept or own)


def test_a_character_that_comes_in_two_halves_is_one() -> None:
    content = json.dumps({"keyAction": "Mira opens the 📒 ledger."}, ensure_ascii=False)
    units = content.encode("utf-16-be", "surrogatepass")
    pieces = [
        units[at : at + 2].decode("utf-16-be", "surrogatepass") for at in range(0, len(units), 2)
    ]
    assert any("\ud800" <= piece <= "\udfff" for piece in pieces)
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    with ModelServer(behave=lambda _: events(*chunks, CHUNK_END)) as server:
        [(deltas, answer)] = write(server, KEY_ACTION)
    assert answer.text == "".join(deltas) == "Mira opens the 📒 ledger."


CHUNK_END = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


HALVES = {"the first": "\ud83d", "the second": "\ude00", "both, crossed": "\ude00\ud83d"}


@pytest.mark.parametrize("half", [*HALVES, "said to be one"])
def test_half_a_character_is_shown_as_something_and_not_saved(half: str) -> None:
    begin, end = '{"keyAction": "Mira opens ', ' the ledger."}'
    pieces = (begin, HALVES.get(half, "\ufffd"), end)
    chunks = [{"choices": [{"delta": {"content": piece}}]} for piece in pieces]
    shown: list[str] = []

    async def run(url: str) -> None:
        writer = OpenAIWriter(model=new_model(), api_key=KEY, base_url=url, timeout_s=5)
        try:
            async for part in writer.write(KEY_ACTION):
                shown.append(part.text)  # noqa: PERF401 - what was shown before it failed counts
        finally:
            await writer.close()

    with (
        ModelServer(behave=lambda _: events(*chunks, CHUNK_END)) as server,
        pytest.raises(RejectedText) as caught,
    ):
        asyncio.run(run(server.url))
    assert caught.value.flaw == "broken_characters"
    for text in (*shown, caught.value.text):
        text.encode()
    assert "".join(shown).startswith("Mira opens")


# -- the work on an answer


def test_work_without_end_on_a_text_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else's call goes on, and this one is a rejected text with its own sentence."""
    released = threading.Event()

    def check(brief: object, text: str) -> None:
        if "slow" in text:
            released.wait(20)

    monkeypatch.setattr(openai, "check", check)
    monkeypatch.setattr(openai, "CHECK_PATIENCE_S", 0.5)

    def behave(call: Call) -> Reply:
        return Reply(content=json.dumps({call.property: "slow" if call.number == 1 else "quick"}))

    async def run(url: str) -> tuple[object, float]:
        writer = OpenAIWriter(model=new_model(), api_key=KEY, base_url=url, timeout_s=5)

        async def one() -> object:
            return [part async for part in writer.write(planted_brief("keyAction"))][-1]

        try:
            first = asyncio.create_task(one())
            while server.count < 1:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            start = time.monotonic()
            await one()
            took = time.monotonic() - start
            [error] = await asyncio.gather(first, return_exceptions=True)
            return error, took
        finally:
            released.set()
            await writer.close()

    with ModelServer(behave=behave) as server:
        error, took = asyncio.run(run(server.url))
    assert isinstance(error, RejectedText)
    assert error.flaw == "unchecked"
    assert "takes too long" in error.message
    assert took < 0.45
