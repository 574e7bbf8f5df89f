"""The model writer against a real server over a socket: the stream, the abilities, the abort."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.llm.growing import Growing
from cascade.llm.openai import OpenAIWriter
from cascade.llm.picking import pick
from cascade.llm.provider import Delta, Usage
from cascade.llm.structured import AnswerError, clean
from cascade.story.kinds import KINDS, Kind, row
from cascade.story.story import LANGUAGES, Language
from tests.helpers.asking import GOOD, KEY, KEY_ACTION, new_model, planted_brief, write
from tests.helpers.model_http import Reply, http
from tests.helpers.model_server import ModelServer


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_text_streams_to_its_answer(kind: Kind, language: Language) -> None:
    with ModelServer() as server:
        [(deltas, answer)] = write(server, planted_brief(kind, language))
    assert len(deltas) > 3 or kind == "keyAction"
    assert "".join(deltas) == answer.text
    assert answer.finish_reason == "stop"
    assert answer.usage.cached_tokens == 4
    assert answer.usage.completion_tokens == 50
    [call] = server.calls
    assert call.property == row(kind).answer
    assert answer.model == call.body["model"]
    assert call.headers["authorization"] == f"Bearer {KEY}"
    assert not server.problems


def test_a_call_says_who_writes_and_from_which_prompt() -> None:
    with ModelServer() as server:
        [(_, first), (_, again), (_, other)] = write(
            server, planted_brief(), planted_brief(), planted_brief("keyAction")
        )
    assert first.prompt_hash == again.prompt_hash != other.prompt_hash
    assert len(OpenAIWriter(model="m", api_key=None, base_url=None, timeout_s=1).prompt_version) > 7
    system = {call.body["messages"][0]["content"] for call in server.calls}
    assert len(system) == 1


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
        [(deltas, answer)] = write(server, planted_brief("script"))
    assert deltas == [answer.text]
    assert answer.usage.prompt_tokens is not None


def test_unknown_usage_stays_unknown() -> None:
    with ModelServer(behave=lambda _: Reply(content=GOOD, extra={"usage": {}})) as server:
        [(_, answer)] = write(server, KEY_ACTION)
    assert answer.usage == Usage()


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
        model = new_model()
        write(server, planted_brief("keyAction"), planted_brief("script"), model=model)
        assert server.count == tries + 1
        write(server, planted_brief("scenePlot"), model=model)  # another writer, the same process
        assert server.count == tries + 2
        write(server, planted_brief("beatContent"))  # another model
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
    stream = writer.write(planted_brief())
    assert isinstance(await anext(stream), Delta)
    await stream.aclose()


async def cancel(server: ModelServer, writer: OpenAIWriter) -> None:
    async def read() -> None:
        async for _ in writer.write(planted_brief()):
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
            parts = [part async for part in writer.write(planted_brief("script"))]
            return parts[-1].text

        async def several() -> list[str]:
            try:
                return await asyncio.gather(*(one() for _ in range(3)))
            finally:
                await writer.close()

        texts = asyncio.run(several()) + asyncio.run(several())
        assert len(set(texts)) == 6
        assert server.most_at_once == 3


@given(text=st.text(st.characters(exclude_characters="\ufffd", codec="utf-8")), data=st.data())
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
        [(_, answer)] = write(server, replace(planted_brief("script"), old_text=""))
    assert answer.text.startswith("INT. ROOM - NIGHT")
