"""The offline writer as a Provider: streaming, cancelling, what its answers carry."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from cascade.llm.offline import OfflineWriter, label
from cascade.llm.pacing import edited
from cascade.llm.provider import Answer, Delta, Provider, ProviderError, Usage
from cascade.story.brief import Brief
from cascade.story.limits import LIMITS
from tests.helpers.pacing_texts import BLANK, EN_BEAT, EN_SCRIPT, FIXTURES


async def collect(writer: Provider, brief: Brief) -> tuple[list[Delta], Answer]:
    items = [item async for item in writer.write(brief)]
    answer = items.pop()
    assert isinstance(answer, Answer)
    deltas = [item for item in items if isinstance(item, Delta)]
    assert len(deltas) == len(items)
    return deltas, answer


@pytest.mark.parametrize(
    "brief", FIXTURES, ids=lambda b: f"{b.language}-{b.kind}-{len(b.old_text)}"
)
def test_the_pieces_make_the_answer(brief: Brief) -> None:
    deltas, answer = asyncio.run(collect(OfflineWriter(0), brief))
    assert len(deltas) > 1
    assert all(delta.text for delta in deltas)
    assert "".join(delta.text for delta in deltas) == answer.text == edited(brief)
    assert answer.finish_reason == "stop"
    assert answer.model == OfflineWriter.model
    assert answer.usage == Usage(None, None, None)


def test_the_prompt_hash_follows_the_brief() -> None:
    def named(brief: Brief) -> str:
        return asyncio.run(collect(OfflineWriter(0), brief))[1].prompt_hash

    brief = replace(BLANK, old_text=EN_BEAT)
    assert named(brief) == named(replace(brief))
    assert named(brief) != named(replace(brief, seed="another run"))
    assert len(named(brief)) == 16


def test_a_direction_changes_no_word() -> None:
    brief = replace(BLANK, old_text=EN_BEAT)
    assert edited(brief) == edited(replace(brief, direction="keep the betrayal off-stage"))


@pytest.mark.parametrize("text", ["", " ", "\ud800", "x", "\r\n\r\n", "\x00", "🜁" * 9])
def test_no_text_is_too_odd(text: str) -> None:
    deltas, answer = asyncio.run(collect(OfflineWriter(0), replace(BLANK, old_text=text)))
    assert "".join(delta.text for delta in deltas) == answer.text != text


def test_a_long_text_holds_nobody_up() -> None:
    brief = replace(BLANK, kind="script", old_text=EN_SCRIPT * 200)

    async def beside() -> int:
        beats = 0
        task = asyncio.create_task(collect(OfflineWriter(0), brief))
        while not task.done():
            await asyncio.sleep(0.001)
            beats += 1
        await task
        return beats

    assert len(brief.old_text) < LIMITS["script"]
    assert asyncio.run(beside()) > 5


def test_a_text_that_takes_too_long_is_said_so() -> None:
    brief = replace(BLANK, kind="script", old_text=EN_SCRIPT * 200)
    with pytest.raises(ProviderError) as error:
        asyncio.run(collect(OfflineWriter(0, limit_s=0.001), brief))
    assert error.value.code == "offline_timeout"
    assert error.value.fields == {"seconds": 0.001}
    assert not error.value.retryable


def test_a_call_takes_its_delay_once() -> None:
    start = time.monotonic()
    asyncio.run(collect(OfflineWriter(120), replace(BLANK, old_text=EN_BEAT)))
    assert 0.1 <= time.monotonic() - start < 0.6


def test_cancelling_aborts_at_once() -> None:
    async def cancelled() -> float:
        task = asyncio.create_task(collect(OfflineWriter(60_000), replace(BLANK, old_text=EN_BEAT)))
        await asyncio.sleep(0.05)
        start = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - start

    assert asyncio.run(cancelled()) < 0.5


def test_closing_the_stream_ends_it() -> None:
    async def closed() -> list[Delta | Answer]:
        writer = OfflineWriter(0)
        stream = writer.write(replace(BLANK, old_text=EN_BEAT))
        await anext(stream)
        await stream.aclose()
        rest = [item async for item in stream]
        await writer.close()
        return rest

    assert asyncio.run(closed()) == []


def test_the_label_says_what_it_is() -> None:
    assert label("en") == "offline draft: a pacing edit, not AI"
    assert label("id") == "draf luring: suntingan ritme, bukan AI"
    assert OfflineWriter.name == "offline"
