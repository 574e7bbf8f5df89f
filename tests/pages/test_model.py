"""The page where a model writes: rejected texts, what the calls used, the writer's state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from cascade.llm.provider import Usage
from cascade.llm.scripted import ScriptedWriter, rejected
from cascade.service import Desk, Diagnosis, Service

from .conftest import Page, bend, story_of

REFUSED = "A text <b>that</b> no check\nlets through."
REASON = "The text was not usable: it is too short."


USAGE = Usage(1000, 600, 20)


@pytest.fixture
def writer() -> ScriptedWriter:
    """A model that writes no usable key action, and anything else at once."""
    refused = [rejected(REFUSED, usage=USAGE) for _ in range(2)]
    return ScriptedWriter({"keyAction": refused}, usage=USAGE)


@pytest.fixture
def service(open_service: Callable[..., Service], writer: ScriptedWriter) -> Service:
    return open_service(
        writer,
        provider="openai",
        openai_base_url="http://127.0.0.1:9/v1",
        price_prompt=2.0,
        price_cached=1.0,
        price_completion=10.0,
    )


def test_a_rejected_text_is_shown_and_accepted(
    page: Page, service: Service, writer: ScriptedWriter
) -> None:
    assert page.set(Midpoint=4).run_through().status == "failed"
    first = page.run_id
    assert page.errors == [REASON]
    assert "Key action: the last text did not pass the checks" in page.said
    assert "Accepting saves this text as it is, for 2 credits." in page.said
    assert len(page.at.code) == 0
    page.open(f"rejected-text-{first}-midpoint/keyAction")
    assert page.at.code[0].value == REFUSED
    with service.executing():
        page.click("Accept anyway")
        assert page.run_id != first
        assert page.wait_for_end().status == "done"
    assert story_of(service).key_actions["midpoint"] == REFUSED
    assert "Done: the story fits the new curve" in page.look().said
    earlier = Page(service, run=first)
    assert "the last text did not pass the checks" in earlier.said
    assert not earlier.has_button("Accept anyway")


def test_a_text_is_not_accepted_by_who_may_not_resume(
    page: Page, service: Service, open_service: Callable[..., Service], writer: ScriptedWriter
) -> None:
    page.set(Midpoint=4).run_through()
    other = open_service(writer, user="producer", provider="openai")
    assert Page(other, run=page.run_id).button("Accept anyway").disabled


def test_tokens_and_cost_are_on_the_receipt(
    page: Page, service: Service, writer: ScriptedWriter
) -> None:
    writer.forgive()
    bend(page).run_through()
    assert "scripted-1: 14,000 prompt tokens (8,400 cached), 280 written" in page.said
    assert "Cost: $0.0224" in page.said


def test_tokens_are_told_step_by_step_with_those_of_rejected_texts(
    page: Page, service: Service
) -> None:
    assert page.set(Midpoint=4).run_through().status == "failed"
    steps = "".join(one.body for one in page.at.html if "cascade-steps" in one.body)
    # The beat content took one call; the key action was asked for twice, and rejected twice.
    assert steps.count('<span class="used">') == 2
    assert "1,000 + 20 tokens</span>" in steps
    assert "2,000 + 40 tokens, 2 calls</span>" in steps


def test_unknown_tokens_stay_unknown(page: Page, service: Service, writer: ScriptedWriter) -> None:
    writer.forgive()
    writer.usage = Usage()
    bend(page).run_through()
    assert "scripted-1: tokens unknown · Cost: unknown" in page.said


def test_the_offline_writer_has_no_tokens_and_no_cost(
    open_service: Callable[..., Service],
) -> None:
    page: Any = bend(Page(open_service()))
    page.run_through()
    assert "tokens" not in page.said
    assert "Cost" not in page.said
    assert not page.has_button("Check the writer")


def test_the_writer_is_checked_and_told_of_in_one_line(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Diagnosis(
        "openai",
        "scripted-1",
        "http://127.0.0.1:9",
        reachable=True,
        key_accepted=True,
        form="json_object",
        latency_ms=1240,
    )
    monkeypatch.setattr(Desk, "diagnose", lambda _desk: found)
    page.click("Check the writer")
    line = "reachable, key accepted, no structured output, JSON instead, answers in 1,240 ms"
    assert line in page.said
    # It stays until the next time.
    assert line in page.set(Midpoint=4).said


def test_a_writer_that_is_not_there_is_told_of_in_plain_words(page: Page) -> None:
    page.click("Check the writer")  # nothing listens on that port
    assert "not reachable" in page.errors[0]
