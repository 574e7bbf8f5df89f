"""One run in full, on both databases: the attempts of a run that was really executed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cascade.llm.provider import ProviderError, Usage
from cascade.llm.scripted import ScriptedWriter, rejected
from cascade.service import Attempt, Desk, RunRecord, Service
from cascade.settings import Settings

USAGE = Usage(100, 60, 20)


@pytest.fixture
def provider() -> ScriptedWriter:
    return ScriptedWriter(usage=USAGE)


@pytest.fixture
def service(settings: Settings, provider: ScriptedWriter) -> Iterator[Service]:
    service = Service(settings, provider)
    with service.executing():
        yield service
    service.close()


@pytest.fixture
def desk(service: Service) -> Desk:
    return service.desk(service.actor("editor"))


def run_through(desk: Desk) -> RunRecord:
    story_id = desk.stories()[2].id
    run_id = desk.start(desk.plan(story_id, {"find": 2}).plan)
    list(desk.follow(run_id))
    return desk.run_in_full(run_id).record


def tried(record: RunRecord, kind: str) -> list[Attempt]:
    [step] = [one for one in record.steps if one.step.kind == kind]
    assert step.attempts == tuple(sorted(step.attempts, key=lambda one: one.number))
    return list(step.attempts)


def test_every_attempt_is_told_with_its_reason(desk: Desk, provider: ScriptedWriter) -> None:
    busy = ProviderError(
        "rate_limit", "Too many.", fields={"status": 429}, retryable=True, retry_after=0
    )
    provider.fail("keyAction", busy, rejected("No."))
    record = run_through(desk)
    assert record.run.status == "done"
    first, second, third = tried(record, "keyAction")
    assert (first.outcome, second.outcome, third.outcome) == ("failed", "rejected", "saved")
    assert first.failure is not None
    assert (first.failure.code, first.failure.message) == ("rate_limit", "Too many.")
    assert first.failure.fields == {"status": 429}, "so that it is told in any language"
    assert second.failure is not None
    assert second.failure.fields["cause"]
    assert second.flaw
    assert third.failure is None
    assert (third.prompt_tokens, third.completion_tokens) == (100, 20)
    assert (first.prompt_tokens, first.completion_tokens) == (None, None)
    [tokens] = record.tokens
    assert (tokens.calls, tokens.prompt_tokens) == (len(record.attempts), 100 * (tokens.calls - 2))


def test_its_steps_lie_on_a_line_of_time(desk: Desk) -> None:
    record = run_through(desk)
    begin = record.begin
    assert begin is not None
    assert record.run.finished_at is not None
    for step in record.steps:
        assert step.began is not None
        assert step.ended is not None
        assert begin <= step.began <= step.ended <= record.end
        for one in step.attempts:
            assert step.began <= one.began <= one.ended <= step.ended
    assert record.end >= record.run.finished_at
    content, action, *_ = record.steps
    assert content.ended is not None
    assert action.began is not None
    assert content.ended <= action.began, "one after the other"


def test_what_was_given_up_ends_with_its_last_attempt(desk: Desk, provider: ScriptedWriter) -> None:
    wrong = ProviderError("auth", "The key is refused.", fields={"status": 401})
    provider.fail("keyAction", wrong)
    record = run_through(desk)
    assert record.run.status == "failed"
    [only] = tried(record, "keyAction")
    assert only.failure is not None
    assert (only.failure.code, only.failure.fields) == ("auth", {"status": 401})
    step = record.steps[1]
    assert (step.view.status, step.ended) == ("failed", only.ended)
    assert [one.began for one in record.steps[2:]] == [None] * (len(record.steps) - 2)
    assert record.attempts[-1] == only
