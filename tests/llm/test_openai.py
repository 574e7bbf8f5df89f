"""The model writer against a real server over a socket: each fault, the stream, the abort."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.llm.openai import OpenAIWriter
from cascade.llm.provider import Answer, Delta, Provider, ProviderError, Usage
from cascade.llm.structured import PROPERTY, AnswerError, Growing, clean, pick
from cascade.story.brief import Brief, Seam
from cascade.story.document import KINDS, LANGUAGES, Kind, Language
from llm.model_server import ModelServer, Reply, http

KEY = "sk-canary-4711"
STORY = "CANARYWORD"
_models = itertools.count()

OLD: dict[Kind, str] = {
    "beatContent": f"{STORY} keeps the ledger shut.\n\n" + "Old words stand here. " * 20,
    "keyAction": f"{STORY} opens the ledger in front of everyone.",
    "scenePlot": f"{STORY} waits at the counter. " + "The clock ticks on. " * 15,
    "script": f"INT. ARCHIVE - NIGHT\n\n{STORY} waits.\n\nMIRA\nNot yet.\n\n" + "Dust falls. " * 40,
}


def make_brief(kind: Kind = "beatContent", language: Language = "en") -> Brief:
    scene = kind in ("scenePlot", "script")
    return Brief(
        kind=kind,
        language=language,
        title="The Ledger",
        synopsis=f"{STORY} finds a ledger.",
        genre="Drama",
        tone="Dry",
        structure_type="cat",
        beat_key="midpoint",
        beat_label="Midpoint",
        previous_level=2,
        new_level=4,
        prev_beat_level=3,
        next_beat_level=4,
        prev_beat_content="They open the shop.",
        next_beat_content="The inspectors come.",
        direction="Keep it indoors.",
        old_text=OLD[kind],
        beat_content="" if kind == "beatContent" else "The ledger is missing.",
        key_action="She lifts the lid." if scene else "",
        plot="She searches the archive." if kind == "script" else "",
        scene_number=5 if scene else None,
        before=Seam(4, "script", "The door closes.") if kind == "script" else None,
        after=Seam(6, "plot", "They run.") if kind == "script" else None,
        seed="s",
    )


def write(
    server: ModelServer | str, *briefs: Brief, timeout_s: float = 5, model: str | None = None
) -> list[tuple[list[str], Answer]]:
    """Writes the texts one after the other: the deltas and the answer of each."""
    url = server if isinstance(server, str) else server.url
    # What a server can do is remembered by address and model: a new model starts afresh.
    model = model or f"m{next(_models)}"
    writer: Provider = OpenAIWriter(model=model, api_key=KEY, base_url=url, timeout_s=timeout_s)

    async def run() -> list[tuple[list[str], Answer]]:
        results = []
        try:
            for brief in briefs:
                parts = [part async for part in writer.write(brief)]
                answer = parts.pop()
                assert isinstance(answer, Answer)
                results.append(([p.text for p in parts if isinstance(p, Delta)], answer))
        finally:
            await writer.close()
        return results

    return asyncio.run(run())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_text_streams_to_its_answer(kind: Kind, language: Language) -> None:
    with ModelServer() as server:
        [(deltas, answer)] = write(server, make_brief(kind, language))
    assert len(deltas) > 3 or kind == "keyAction"
    assert "".join(deltas) == answer.text
    assert answer.finish_reason == "stop"
    assert answer.usage.cached_tokens == 4
    assert answer.usage.completion_tokens == 50
    [call] = server.calls
    assert call.property == PROPERTY[kind]
    assert answer.model == call.body["model"]
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert not server.problems


def test_a_call_says_who_writes_and_from_which_prompt() -> None:
    with ModelServer() as server:
        [(_, first), (_, again), (_, other)] = write(
            server, make_brief(), make_brief(), make_brief("keyAction")
        )
    assert first.prompt_hash == again.prompt_hash != other.prompt_hash
    assert len(OpenAIWriter(model="m", api_key=None, base_url=None, timeout_s=1).prompt_version) > 7
    system = {call.body["messages"][0]["content"] for call in server.calls}
    assert len(system) == 1


GOOD = json.dumps({"keyAction": "Mira opens the ledger."})
KEY_ACTION = make_brief("keyAction")
UNLABELLED_STREAM = (
    'data: {"choices": [{"finish_reason": "stop", "delta": {"content": '
    + json.dumps(GOOD)
    + "}}]}\n\ndata: [DONE]\n\n"
)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(content=GOOD),
        Reply(content=f"<think>{{maybe}} hmm</think>\n{GOOD}"),
        Reply(content=f"```json\n{GOOD}\n```"),
        Reply(content=f"Here you are:\n{GOOD}\nEnjoy."),
        Reply(content='{ "keyAction" : "\\n  Mira opens\\u0020the ledger.\\u0000 \\n" }'),
        Reply(content=GOOD, extra={"usage": None}),
        # Whole when it ends, though the connection does not end well.
        Reply(content=GOOD, cut=10, end="reset"),
        Reply(content=GOOD, cut=10, end="stall"),
        Reply(raw=http(UNLABELLED_STREAM, content_type="text/plain")),
    ],
)  # fmt: skip
def test_odd_but_whole_answers_are_read(reply: Reply) -> None:
    with ModelServer(behave=lambda _: reply) as server:
        [(deltas, answer)] = write(server, KEY_ACTION, timeout_s=20)
    assert answer.text == "Mira opens the ledger."
    assert "".join(deltas) == answer.text


def test_a_server_that_ignores_streaming_is_read_whole() -> None:
    with ModelServer(streaming="ignored") as server:
        [(deltas, answer)] = write(server, make_brief("script"))
    assert deltas == [answer.text]
    assert answer.usage.prompt_tokens is not None


def test_unknown_usage_stays_unknown() -> None:
    with ModelServer(behave=lambda _: Reply(content=GOOD, extra={"usage": {}})) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    assert answer.usage == Usage()


def said(text: str) -> Reply:
    return Reply(content=json.dumps({"keyAction": text}))


def choice(**fields: object) -> bytes:
    return http(json.dumps({"id": "x", "model": "m", "choices": [fields]}))


def status(code: int, error: dict[str, object] | None = None, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    shown = error if error is not None else {"message": f"{KEY} {STORY}", "code": "x"}
    return Reply(status=code, error=shown, headers=named)


QUOTA = {"message": KEY, "code": "insufficient_quota", "type": "insufficient_quota"}
RETRYABLE = {"connection", "timeout", "rate_limit", "server_error", "truncated", "bad_answer",
             "bad_output"}  # fmt: skip

FAULTS: dict[str, tuple[Reply, str]] = {
    "401": (status(401), "auth"),
    "403": (status(403), "permission"),
    "404": (status(404), "not_found"),
    "400": (status(400), "bad_request"),
    "422": (status(422), "bad_request"),
    "413": (status(413), "too_long"),
    "400 context": (status(400, {"code": "context_length_exceeded"}), "too_long"),
    "400 filter": (status(400, {"code": "content_filter"}), "refused"),
    "408": (status(408), "server_error"),
    "409": (status(409), "server_error"),
    "429": (status(429), "rate_limit"),
    "429 quota": (status(429, QUOTA), "quota"),
    "402": (status(402), "quota"),
    "500": (status(500), "server_error"),
    "503": (status(503), "server_error"),
    "529": (status(529), "server_error"),
    "502 html": (Reply(raw=http(f"<html>{STORY}", 502, "text/html")), "server_error"),
    "redirect": (Reply(raw=http("", 302)), "bad_request"),
    "reset before headers": (Reply(raw=b"", end="reset"), "connection"),
    "close before headers": (Reply(raw=b""), "connection"),
    "no http": (Reply(raw=b"SSH-2.0-x\r\n\r\n"), "connection"),
    "short body": (Reply(raw=http("x" * 80)[:-40]), "connection"),
    "error, short body": (Reply(raw=http("x" * 80, 500)[:-40]), "connection"),
    "stream breaks off": (Reply(cut=5), "connection"),
    "stream is reset": (Reply(cut=5, end="reset"), "connection"),
    "stream stalls": (Reply(cut=5, end="stall"), "timeout"),
    "headers stall": (Reply(raw=b"HTTP/1.1 200 OK\r\n", end="stall"), "timeout"),
    "nothing comes": (Reply(raw=b"", end="stall"), "timeout"),
    "body stalls": (Reply(raw=http("x" * 80)[:-40], end="stall"), "timeout"),
    "html": (Reply(raw=http(f"<html>{STORY}", content_type="text/html")), "bad_answer"),
    "malformed json": (Reply(raw=http('{"id": "x", "choices": [')), "bad_answer"),
    "malformed stream": (
        Reply(raw=http("data: {oops\n\n", content_type="text/event-stream")), "bad_answer"),
    "stream of a list": (
        Reply(raw=http("data: [1]\n\n", content_type="text/event-stream")), "bad_answer"),
    "no utf-8": (
        Reply(raw=http(b'data: {"x": "\xff"}\n\n', content_type="text/event-stream")),
        "bad_answer"),
    "empty stream": (Reply(raw=http("", content_type="text/event-stream")), "bad_answer"),
    "empty body": (Reply(raw=http("")), "bad_answer"),
    "a string": (Reply(raw=http('"hello"')), "bad_answer"),
    "null": (Reply(raw=http("null")), "bad_answer"),
    "empty choices": (Reply(raw=http('{"choices": []}')), "bad_answer"),
    "odd choices": (Reply(raw=http('{"choices": {"a": 1}}')), "bad_answer"),
    "null choice": (Reply(raw=http('{"choices": [null]}')), "bad_answer"),
    "null message": (Reply(raw=choice(message=None, finish_reason="stop")), "bad_answer"),
    "null content": (
        Reply(raw=choice(message={"content": None}, finish_reason="stop")), "bad_answer"),
    "odd content": (
        Reply(raw=choice(message={"content": [1]}, finish_reason="stop")), "bad_answer"),
    "empty content": (Reply(content=""), "bad_answer"),
    "error with 200": (
        Reply(raw=http(json.dumps({"error": {"message": f"{KEY} {STORY}"}}))), "server_error"),
    "401 with 200": (Reply(raw=http('{"error": {"message": "x", "code": 401}}')), "auth"),
    "quota with 200": (Reply(raw=http(json.dumps({"error": QUOTA}))), "quota"),
    "error in a stream": (
        Reply(raw=http(f'data: {{"error": {{"message": "{KEY}", "code": "429"}}}}\n\n',
                       content_type="text/event-stream")), "rate_limit"),
    "refusal": (Reply(content="", message={"refusal": f"No {STORY}."}), "refused"),
    "content filter": (Reply(finish="content_filter"), "refused"),
    "length": (Reply(finish="length"), "truncated"),
    "no finish reason": (Reply(finish=None), "bad_answer"),
    "tool call": (Reply(finish="tool_calls"), "bad_answer"),
    "prose": (Reply(content=f"{STORY} goes home."), "bad_output"),
    "cut json": (Reply(content='{"keyAction": "Mira op'), "bad_output"),
    "only thought": (Reply(content="<think>" + GOOD), "bad_output"),
    "other property": (Reply(content='{"plot": "Mira goes."}'), "bad_output"),
    "one too many": (Reply(content='{"keyAction": "Mira goes.", "plot": "x"}'), "bad_output"),
    "twice": (Reply(content='{"keyAction": "Mira goes.", "keyAction": "She."}'), "bad_output"),
    "no string": (Reply(content='{"keyAction": ["Mira goes."]}'), "bad_output"),
    "nested": (Reply(content='{"answer": {"keyAction": "Mira goes."}}'), "bad_output"),
    "half a character": (Reply(content='{"keyAction": "Mira \\ud83d goes."}'), "bad_output"),
    "deep": (Reply(content='{"a":' * 9_000), "bad_output"),
    "endless": (Reply(content='{"keyAction": "' + "Mira. " * 40_000), "bad_output"),
    "empty text": (said("  "), "bad_output"),
    "unchanged": (said(OLD["keyAction"]), "bad_output"),
    "too many sentences": (said(f"One {STORY}. Two here. Three here."), "bad_output"),
}  # fmt: skip


@pytest.mark.parametrize(("reply", "code"), FAULTS.values(), ids=FAULTS)
def test_a_fault_becomes_one_plain_error(reply: Reply, code: str) -> None:
    with ModelServer(behave=lambda _: reply) as server:
        # Only the stalls wait for it.
        limit = 2 if code == "timeout" else 20
        with pytest.raises(ProviderError) as caught:
            write(server, KEY_ACTION, timeout_s=limit)
        error = caught.value
        assert (error.code, error.retryable) == (code, code in RETRYABLE)
        assert server.count == 1, "one attempt a call"
    assert len(error.message) > 30
    shown = "".join(traceback.format_exception(error)) + repr(error)
    assert KEY not in shown
    assert STORY not in shown
    assert error.__context__ is None


def test_nobody_at_the_address() -> None:
    with ModelServer() as server:
        gone = server.url
    with pytest.raises(ProviderError, match="OPENAI_BASE_URL") as caught:
        write(gone, KEY_ACTION)
    assert (caught.value.code, caught.value.retryable) == ("connection", True)


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        ({"retry_after": "7"}, 7, 7),
        ({"retry_after": "300"}, 300, 300),
        ({"retry_after": "-3"}, 0, 0),
        ({"retry_after_ms": "1500", "retry_after": "9"}, 1.5, 1.5),
        ({"retry_after": format_datetime(datetime.now(UTC) + timedelta(seconds=90))}, 60, 90),
        ({"retry_after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0, 0),
    ],
)
@pytest.mark.parametrize("code", [429, 503])
def test_the_servers_wish_for_a_pause(
    code: int, headers: dict[str, str], low: float, high: float
) -> None:
    with (
        ModelServer(behave=lambda _: status(code, **headers)) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    assert caught.value.retry_after is not None
    assert low <= caught.value.retry_after <= high


@pytest.mark.parametrize("value", ["soon", "nan", "inf", ""])
def test_no_wish_for_a_pause(value: str) -> None:
    with (
        ModelServer(behave=lambda _: status(429, retry_after=value)) as server,
        pytest.raises(ProviderError) as caught,
    ):
        write(server, KEY_ACTION)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("server_options", "tries", "form"),
    [
        ({}, 1, "json_schema"),
        ({"formats": ("json_object", "plain")}, 2, "json_object"),
        ({"formats": ("plain",)}, 3, "plain"),
        ({"usage_option": False}, 2, "json_schema"),
        ({"streaming": "refused"}, 2, "json_schema"),
        ({"formats": ("plain",), "usage_option": False, "streaming": "refused"}, 5, "plain"),
    ],
)
def test_what_a_server_cannot_do_is_asked_once(
    server_options: dict[str, object], tries: int, form: str
) -> None:
    with ModelServer(**server_options) as server:  # type: ignore[arg-type]
        model = f"m{next(_models)}"
        write(server, make_brief("keyAction"), make_brief("script"), model=model)
        assert server.count == tries + 1
        write(server, make_brief("scenePlot"), model=model)  # another writer, the same process
        assert server.count == tries + 2
        write(server, make_brief("beatContent"))  # another model
        assert server.count == 2 * tries + 2
        assert server.calls[-1].format == form
        asked = [call.property for call in server.calls]
        again = ["beatContent"] * tries
        assert asked == ["keyAction"] * tries + ["script", "plot", *again]


def test_an_unsupported_format_may_come_as_a_server_error() -> None:
    unknown = Reply(status=500, error={"message": "unsupported response_format json_schema"})
    with ModelServer(behave=lambda call: unknown if call.format == "json_schema" else None) as s:
        write(s, KEY_ACTION)
        assert s.count == 2


def in_flight(
    act: Callable[[ModelServer, OpenAIWriter], object], **options: float
) -> tuple[ModelServer, float]:
    with ModelServer(**options) as server:  # type: ignore[arg-type]
        writer = OpenAIWriter(model="abort", api_key=KEY, base_url=server.url, timeout_s=30)

        async def run() -> float:
            try:
                await act(server, writer)  # type: ignore[misc]
                start = asyncio.get_running_loop().time()
                await asyncio.to_thread(server.wait_for_hang_up, None, 1.0)
                return asyncio.get_running_loop().time() - start
            finally:
                await writer.close()

        return server, asyncio.run(run())


async def close_after_a_delta(server: ModelServer, writer: OpenAIWriter) -> None:
    stream = writer.write(make_brief())
    assert isinstance(await anext(stream), Delta)
    await stream.aclose()


async def cancel(server: ModelServer, writer: OpenAIWriter) -> None:
    async def read() -> None:
        async for _ in writer.write(make_brief()):
            pass

    task = asyncio.create_task(read())
    await asyncio.to_thread(server.wait_for_calls, 1)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize(
    ("act", "options"),
    [
        (close_after_a_delta, {"pace": 0.02}),
        (cancel, {"pace": 0.02}),  # in the middle of the stream
        (cancel, {"latency": 20.0}),  # before a byte of the answer
    ],
)
def test_an_abort_closes_the_connection(
    act: Callable[[ModelServer, OpenAIWriter], object], options: dict[str, float]
) -> None:
    server, waited = in_flight(act, **options)
    assert waited < 1
    assert server.calls[0].hung_up


def test_a_writer_serves_several_calls_at_once_and_several_event_loops() -> None:
    with ModelServer(latency=0.2) as server:
        writer = OpenAIWriter(model="loops", api_key=None, base_url=server.url, timeout_s=5)

        async def one() -> str:
            parts = [part async for part in writer.write(make_brief("script"))]
            return parts[-1].text

        async def several() -> list[str]:
            try:
                return await asyncio.gather(*(one() for _ in range(3)))
            finally:
                await writer.close()

        texts = asyncio.run(several()) + asyncio.run(several())
        assert len(set(texts)) == 6
        assert server.most_at_once == 3


@given(text=st.text(), data=st.data())
@settings(max_examples=300)
def test_however_the_json_is_cut_the_text_grows_to_the_picked_one(
    text: str, data: st.DataObject
) -> None:
    ascii_only = data.draw(st.booleans())
    content = '<think>{"p": 1}</think> ' * data.draw(st.integers(0, 1))
    content += json.dumps({"plot": text}, ensure_ascii=ascii_only)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=8)))
    growing = Growing("plot")
    grown = "".join(
        growing.feed(content[a:b]) for a, b in itertools.pairwise([0, *cuts, len(content)])
    )
    assert grown == pick(content, "plot") == clean(text)


def test_a_long_thought_does_not_slow_the_growing_text() -> None:
    growing = Growing("plot")
    start = time.process_time()
    assert growing.feed("<think>") == ""
    for _ in range(30_000):
        assert growing.feed("so {it} ") == ""
    assert growing.feed('</think> {"plot": "Rain.') == "Rain."
    assert time.process_time() - start < 2


@given(content=st.text('{}"\\uplotd83ABe :<>/`n\n', max_size=60), data=st.data())
@settings(max_examples=500)
def test_no_answer_upsets_the_decoder(content: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(content)))
    growing = Growing("plot")
    growing.feed(content[:cut])
    growing.feed(content[cut:])
    with pytest.raises(AnswerError):
        pick(replace_valid(content), "plot")


def replace_valid(content: str) -> str:
    """Makes sure that no whole object comes out by chance."""
    return content.replace("}", "")


def test_a_rewrite_without_an_old_text_is_written_too() -> None:
    with ModelServer() as server:
        [(_, answer)] = write(server, replace(make_brief("script"), old_text=""))
    assert answer.text.startswith("INT. ROOM - NIGHT")
