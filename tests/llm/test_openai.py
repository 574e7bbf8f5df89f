"""The model writer against a real server over a socket: the stream, the abilities, the abort."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.llm import checks, languages, openai
from cascade.llm.flaws import Flaw
from cascade.llm.growing import Growing
from cascade.llm.openai import OpenAIWriter
from cascade.llm.picking import pick
from cascade.llm.provider import Delta, Usage
from cascade.llm.structured import AnswerError, clean
from cascade.story.brief import Brief
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
        [(deltas, answer)] = write(server, KEY_ACTION, timeout_s=60)
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


# As long as the client is there a call is answered to its middle, and not to its end.
HALF = Reply(cut=12, end="stall")


async def close_after_a_delta(server: ModelServer, writer: OpenAIWriter) -> None:
    stream = writer.write(planted_brief())
    assert isinstance(await anext(stream), Delta)
    await stream.aclose()


async def cancel_in_mid_stream(server: ModelServer, writer: OpenAIWriter) -> None:
    await cancel(server, writer, has_begun=True)


async def cancel_before_a_byte(server: ModelServer, writer: OpenAIWriter) -> None:
    server.hold()
    await cancel(server, writer, has_begun=False)


async def cancel(server: ModelServer, writer: OpenAIWriter, *, has_begun: bool) -> None:
    came = asyncio.Event()

    async def read() -> None:
        async for _ in writer.write(planted_brief()):
            came.set()

    task = asyncio.create_task(read())
    await asyncio.to_thread(server.wait_for_calls, 1, 60)
    if has_begun:
        await asyncio.wait_for(came.wait(), 60)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert came.is_set() == has_begun


@pytest.mark.parametrize("act", [close_after_a_delta, cancel_in_mid_stream, cancel_before_a_byte])
def test_an_abort_closes_the_connection(
    act: Callable[[ModelServer, OpenAIWriter], Awaitable[None]],
) -> None:
    with ModelServer(behave=lambda _: HALF) as server:
        # No time of its own ends the call.
        writer = OpenAIWriter(model="abort", api_key=KEY, base_url=server.url, timeout_s=3600)

        async def run() -> None:
            try:
                await act(server, writer)
                await asyncio.to_thread(server.wait_for_hang_up, None, 60)
            finally:
                await writer.close()

        asyncio.run(run())
        assert server.calls[0].hung_up


def test_a_writer_serves_several_calls_at_once_and_several_event_loops() -> None:
    with ModelServer() as server:
        writer = OpenAIWriter(model="loops", api_key=None, base_url=server.url, timeout_s=60)

        async def one() -> str:
            parts = [part async for part in writer.write(planted_brief("script"))]
            return parts[-1].text

        async def several() -> list[str]:
            # None is answered before all are there.
            server.hold()
            tasks = [asyncio.create_task(one()) for _ in range(3)]
            try:
                await asyncio.to_thread(server.wait_for_calls, server.count + 3, 60)
                server.release()
                return await asyncio.gather(*tasks)
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


def test_what_a_check_needs_is_loaded_before_its_time_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loaded: list[int] = []
    judge = checks.check

    def note(brief: Brief, text: str) -> Flaw | None:
        loaded.append(languages._identifier.cache_info().currsize)
        return judge(brief, text)

    monkeypatch.setattr(openai, "check", note)
    languages._identifier.cache_clear()
    with ModelServer() as server:
        write(server, KEY_ACTION)
    assert loaded == [1]
