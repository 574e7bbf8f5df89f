"""The offline writer as a Provider: streaming, cancelling, what its answers carry."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from cascade.llm import offline
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


def test_a_long_text_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    brief = replace(BLANK, kind="script", old_text=EN_SCRIPT * 200)

    beats = 0

    def edit_on(brief: Brief) -> str:
        # Once is long enough, unless the machine has others do something meanwhile.
        until = time.monotonic() + 30
        text = edited(brief)
        while beats <= 5 and time.monotonic() < until:
            text = edited(brief)
        return text

    monkeypatch.setattr(offline, "_edited", edit_on)

    async def beside() -> None:
        nonlocal beats
        task = asyncio.create_task(collect(OfflineWriter(0), brief))
        while not task.done():
            await asyncio.sleep(0.001)
            # What it does while the text is edited counts.
            beats += not task.done()
        await task

    assert len(brief.old_text) < LIMITS["script"]
    asyncio.run(beside())
    assert beats > 5


def test_a_text_that_takes_too_long_is_said_so() -> None:
    brief = replace(BLANK, kind="script", old_text=EN_SCRIPT * 200)
    with pytest.raises(ProviderError) as error:
        asyncio.run(collect(OfflineWriter(0, limit_s=0.001), brief))
    assert error.value.code == "offline_timeout"
    assert error.value.fields == {"seconds": 0.001}
    assert not error.value.retryable


def test_a_call_takes_its_delay_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    sleep = asyncio.sleep

    async def note(seconds: float) -> None:
        slept.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    asyncio.run(collect(OfflineWriter(120), replace(BLANK, old_text=EN_BEAT)))
    assert sum(slept) == pytest.approx(0.12)


def test_cancelling_aborts_at_once() -> None:
    async def cancelled() -> bool:
        # By itself it would be done in a day.
        writer = OfflineWriter(86_400_000)
        task = asyncio.create_task(collect(writer, replace(BLANK, old_text=EN_BEAT)))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait([task], timeout=60)
        return task.cancelled()

    assert asyncio.run(cancelled())


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
