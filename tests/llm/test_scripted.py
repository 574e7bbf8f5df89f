"""The writer by a script: it does as it is told, a call at a time."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from cascade.llm.provider import Answer, Delta, Provider, ProviderError, RejectedText, Usage
from cascade.llm.scripted import ScriptedWriter, rejected
from cascade.story.kinds import Kind
from tests.helpers.asking import planted_brief

BRIEF = replace(planted_brief("script"), seed="run-1/midpoint/script/5")


def ask(
    writer: Provider, complaint: str | None = None, kind: Kind | None = None
) -> list[Delta | Answer]:
    brief = replace(BRIEF, kind=kind, seed=f"run-1/midpoint/{kind}") if kind else BRIEF

    async def read() -> list[Delta | Answer]:
        return [part async for part in writer.write(brief, complaint)]

    return asyncio.run(read())


def test_it_writes_a_text_that_says_what_it_is() -> None:
    writer = ScriptedWriter(usage=Usage(100, 60, 20))
    *deltas, answer = ask(writer)
    assert isinstance(answer, Answer)
    assert answer.text == "".join(part.text for part in deltas)
    assert answer.text == "Scripted, by no model: run-1/midpoint/script/5."
    assert (answer.model, answer.usage) == ("scripted-1", Usage(100, 60, 20))
    assert writer.briefs == [BRIEF]


def test_faults_come_in_their_order_by_key_and_by_kind() -> None:
    busy = ProviderError("server_error", "It is busy.", retryable=True)
    key, auth = rejected("Nothing much."), ProviderError("auth", "The key is wrong.")
    writer = ScriptedWriter({"midpoint/script/5": [key], "script": [busy]})
    writer.fail("keyAction", auth)
    for fault in (key, busy):
        with pytest.raises(ProviderError) as raised:
            ask(writer)
        assert raised.value is fault
    assert ask(writer, "it is too short")
    with pytest.raises(ProviderError) as raised:
        ask(writer, kind="keyAction")
    assert raised.value is auth
    assert ask(writer, kind="keyAction")
    assert writer.complaints == [None, None, "it is too short", None, None]


def test_it_can_be_forgiven() -> None:
    writer = ScriptedWriter({"script": [rejected("x"), rejected("y")]})
    with pytest.raises(RejectedText) as raised:
        ask(writer)
    assert (raised.value.text, raised.value.code) == ("x", "bad_output")
    writer.forgive()
    assert ask(writer)
