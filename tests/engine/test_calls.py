"""What every call used is kept, a rejected text can be accepted, and growing texts are shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from aiolimiter import AsyncLimiter

from cascade import shapes
from cascade.engine import cancelling, writing
from cascade.errors import NotResumable
from cascade.llm.provider import ProviderError, RejectedText, Usage
from cascade.llm.scripted import ScriptedWriter, rejected
from cascade.runs.reading import run_view
from cascade.service import Actor, RunView, Service
from cascade.settings import Settings
from cascade.store import calls
from cascade.store.tables import Run
from tests.helpers.observe import wait_for

REFUSED = "A text that no check lets through."


USAGE, REFUSED_USAGE = Usage(100, 60, 20), Usage(100, 0, 5)


def refused(text: str = REFUSED) -> RejectedText:
    return rejected(text, usage=REFUSED_USAGE)


@pytest.fixture
def provider() -> ScriptedWriter:
    return ScriptedWriter(usage=USAGE)


@pytest.fixture
def service(settings: Settings, provider: ScriptedWriter) -> Iterator[Service]:
    priced = {"price_prompt": 2.0, "price_cached": 1.0, "price_completion": 10.0}
    service = Service(settings.model_copy(update=priced), provider)
    with service.executing():
        yield service
    service.close()


@pytest.fixture
def actor(service: Service) -> Actor:
    return service.actor("editor")


def start(service: Service, actor: Actor) -> str:
    story_id = service.operator().stories()[2].id
    return service.desk(actor).start(service.desk(actor).plan(story_id, {"find": 2}).plan)


def ended(service: Service, run_id: str) -> RunView:
    for _ in service.operator().follow(run_id):
        pass
    return service.operator().run(run_id)


def test_every_call_is_counted_and_priced(service: Service, actor: Actor) -> None:
    run = ended(service, start(service, actor))
    assert run.status == "done"
    [used] = run.tokens
    n = len(run.steps)
    assert (used.model, used.calls, used.unknown_calls) == ("scripted-1", n, 0)
    assert (used.prompt_tokens, used.cached_tokens, used.completion_tokens) == (
        100 * n,
        60 * n,
        20 * n,
    )
    cost = service.operator().cost(run)
    assert cost is not None
    # 40 fresh at 2, 60 cached at 1, 20 written at 10, a million.
    assert cost.amount == pytest.approx(n * (40 * 2 + 60 * 1 + 20 * 10) / 1_000_000)
    assert cost.complete


def test_tokens_are_told_step_by_step(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    busy = ProviderError("server_error", "It is busy.", retryable=True, retry_after=0)
    provider.fail("keyAction", refused(), busy)
    run = ended(service, start(service, actor))
    assert run.status == "done"
    content, action, *rest = (step.tokens for step in run.steps)
    assert content is not None
    assert (content.calls, content.prompt_tokens, content.cached_tokens) == (1, 100, 60)
    assert (content.completion_tokens, content.unknown_calls) == (20, 0)
    assert action is not None
    # A rejected text (100, 0 of them cached, and 5), a failed call of which nothing is known, and
    # the saved one.
    assert (action.calls, action.rejected_calls, action.failed_calls) == (3, 1, 1)
    assert (action.prompt_tokens, action.cached_tokens, action.completion_tokens) == (200, 60, 25)
    assert (action.unknown_calls, action.unknown_cached_calls) == (1, 1)
    assert action.latency_ms >= 0
    assert all(used is not None and used.calls == 1 for used in rest)
    for name in ("calls", "prompt_tokens", "cached_tokens", "completion_tokens", "latency_ms"):
        by_step = sum(getattr(step.tokens, name) for step in run.steps)
        assert by_step == sum(getattr(used, name) for used in run.tokens), name

    document = shapes.run_document(run, service.operator().cost(run))
    assert [step["key"] for step in document["steps"]] == [step.key for step in run.steps]
    told = document["steps"][1]
    assert (told["status"], told["calls"], told["rejectedCalls"]) == ("saved", 3, 1)
    assert (told["promptTokens"], told["completionTokens"], told["unknownCalls"]) == (200, 25, 1)
    contract = ["id", "storyId", "status", "user", "estimatedCredits", "usedCredits"]
    contract += ["createdAt", "finishedAt", "error", "resumedFrom", "planHash", "server"]
    assert list(document) == [*contract, "tokens", "steps", "cost"]
    offline = shapes.run_document(replace(run, provider="offline"))
    assert list(offline) == contract


def test_a_runs_steps_are_read_in_as_many_queries_however_many_there_are(
    service: Service, actor: Actor
) -> None:
    story_id = service.operator().stories()[0].id
    few = ended(service, start(service, actor))
    plan = service.desk(actor).plan(story_id, {"finale": 1, "midpoint": 1}).plan
    many = ended(service, service.desk(actor).start(plan)).id
    counts = {}
    for run_id in (few.id, many):
        asked: list[str] = []

        def count(*arguments: Any, into: list[str] = asked) -> None:
            into.append(arguments[2])

        with service.database.read() as session:
            # On this connection: whoever executes asks something all the time.
            asking = session.connection()
            sa.event.listen(asking, "before_cursor_execute", count)
            run_view(session, session.get_one(Run, run_id))
            sa.event.remove(asking, "before_cursor_execute", count)
        counts[run_id] = len(asked)
    assert len(service.operator().run(many).steps) > 2 * len(few.steps)
    assert counts[few.id] == counts[many] > 0


def test_a_rejected_text_is_asked_for_once_more_with_the_reason(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    provider.fail("keyAction", refused())
    run = ended(service, start(service, actor))
    assert run.status == "done"
    assert provider.complaints[:3] == [None, None, "it is too short"]
    assert run.used_credits == run.estimated_credits
    assert run.tokens[0].rejected_calls == 1


def test_a_text_rejected_twice_fails_the_step_and_is_kept(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    provider.fail("keyAction", refused("The first."), refused())
    run = ended(service, start(service, actor))
    assert (run.status, run.error_code) == ("failed", "bad_output")
    assert run.used_credits == 3
    [step] = [step for step in run.steps if step.status == "failed"]
    assert step.rejected_text == REFUSED
    assert all(REFUSED not in str(event) for event in service.operator().events(run.id))


def test_accepting_saves_and_charges_it_and_goes_on(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    provider.fail("keyAction", refused("The first."), refused())
    failed = ended(service, start(service, actor))
    run = ended(service, service.desk(actor).accept(failed.id, "find/keyAction"))
    assert run.status == "done"
    assert service.operator().story(run.story_id).key_actions["find"] == REFUSED
    assert failed.used_credits + run.used_credits == failed.estimated_credits
    # Not asked for again, and so not in the books twice.
    assert [step.tokens for step in run.steps if step.key == "find/keyAction"] == [None]
    with pytest.raises(NotResumable):
        service.desk(actor).accept(failed.id, "find/keyAction")


def test_a_step_without_a_rejected_text_has_none_to_accept(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    provider.fail("keyAction", ProviderError("auth", "The key is wrong."))
    failed = ended(service, start(service, actor))
    with pytest.raises(NotResumable, match="no rejected text"):
        service.desk(actor).accept(failed.id, "find/keyAction")


def test_unknown_tokens_stay_unknown(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    provider.fail(
        "beatContent", ProviderError("server_error", "It is busy.", retryable=True, retry_after=0)
    )
    run = ended(service, start(service, actor))
    assert run.status == "done"
    assert (run.tokens[0].failed_calls, run.tokens[0].unknown_calls) == (1, 1)
    cost = service.operator().cost(run)
    assert cost is not None
    assert not cost.complete


def test_a_growing_text_is_seen_until_its_call_ends(
    settings: Settings, provider: ScriptedWriter
) -> None:
    """Nobody executes the run: no other text of it comes or is saved."""
    service = Service(settings, provider)
    run_id = start(service, service.actor("editor"))
    key = service.operator().run(run_id).steps[0].key
    service.database.transact(calls.show_growing, run_id, key, "Once")
    service.database.transact(calls.show_growing, run_id, key, "Once upon")
    assert service.operator().growing(run_id) == {key: "Once upon"}
    call = calls.Call(1, "aborted", "scripted", "scripted-1", 10)
    service.database.transact(calls.add, run_id, key, call)
    assert service.operator().growing(run_id) == {}
    service.close()


def test_a_growing_text_is_not_seen_beside_the_saved_one(service: Service, actor: Actor) -> None:
    run = ended(service, start(service, actor))
    service.database.transact(calls.show_growing, run.id, run.steps[0].key, "Once upon")
    assert service.operator().growing(run.id) == {}


def test_a_run_that_waits_for_its_turn_is_cancelled_at_once(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call a day: the second step would begin a day later, and nobody else ends the run."""
    monkeypatch.setattr(writing, "AsyncLimiter", lambda most, _: AsyncLimiter(most, 86_400))
    monkeypatch.setattr(cancelling, "PATIENCE_S", 86_400)
    service = Service(settings.model_copy(update={"requests_per_minute": 1}), ScriptedWriter())
    actor = service.actor("editor")
    with service.executing():
        run_id = start(service, actor)
        wait_for(lambda: service.operator().run(run_id).used_credits, "the first step to be saved")
        service.desk(actor).cancel(run_id)
        run = ended(service, run_id)
    assert run.status == "cancelled"
    service.close()
