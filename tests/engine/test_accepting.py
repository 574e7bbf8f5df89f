"""A rejected text that an editor takes: whole, once, and kept for along the chain of runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cascade.errors import NotResumable
from cascade.llm.provider import ProviderError
from cascade.llm.scripted import ScriptedWriter
from cascade.service import Actor, Service
from cascade.settings import Settings

from .test_calls import REFUSED, ended, refused, start

# Longer than any text that was once kept.
LONG = REFUSED + " word" * 12_000 + " The end."


@pytest.fixture
def provider() -> ScriptedWriter:
    return ScriptedWriter()


@pytest.fixture
def service(settings: Settings, provider: ScriptedWriter) -> Iterator[Service]:
    service = Service(settings, provider)
    yield service
    service.close()


@pytest.fixture
def actor(service: Service) -> Actor:
    return service.actor("editor")


def failed_run(
    service: Service, actor: Actor, provider: ScriptedWriter, text: str = REFUSED
) -> str:
    provider.fail("keyAction", refused("The first."), refused(text))
    with service.executing():
        run = ended(service, start(service, actor))
    assert run.status == "failed"
    return run.id


def test_it_is_kept_and_saved_whole(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    run_id = failed_run(service, actor, provider, LONG)
    [step] = [one for one in service.operator().run(run_id).steps if one.status == "failed"]
    assert step.rejected_text == LONG
    with service.executing():
        run = ended(service, service.desk(actor).accept(run_id, "find/keyAction"))
    assert run.status == "done"
    assert service.operator().story(run.story_id).key_actions["find"] == LONG


def test_it_outlives_a_cancel_and_a_resume(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    first = failed_run(service, actor, provider)
    # Accepted, and cancelled before anybody executed it.
    second = service.desk(actor).accept(first, "find/keyAction")
    assert service.desk(actor).cancel(second) == "cancelled"
    provider.complaints.clear()
    with service.executing():
        run = ended(service, service.desk(actor).resume(second))
    assert run.status == "done"
    assert service.operator().story(run.story_id).key_actions["find"] == REFUSED
    # The key action was not asked for again.
    asked = len(run.steps) - 1
    assert len(provider.complaints) == asked
    assert service.operator().run(first).used_credits + run.used_credits == (
        service.operator().run(first).estimated_credits
    )


def test_it_can_be_taken_later_in_the_chain(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    first = failed_run(service, actor, provider)
    provider.fail("keyAction", ProviderError("auth", "The key is wrong."))
    with service.executing():
        second = ended(service, service.desk(actor).resume(first))
        assert (second.status, second.error_code) == ("failed", "auth")
        # The later run has rejected nothing itself; the text of the first is kept for it.
        run = ended(service, service.desk(actor).accept(second.id, "find/keyAction"))
    assert run.status == "done"
    assert service.operator().story(run.story_id).key_actions["find"] == REFUSED


def test_a_step_that_is_saved_is_not_accepted_and_nothing_starts(
    service: Service, actor: Actor, provider: ScriptedWriter
) -> None:
    run_id = failed_run(service, actor, provider)
    # Rejected once, then written well and saved: a rejected text of it is in the books.
    provider.fail("beatContent", refused())
    runs = service.operator().runs()
    with pytest.raises(NotResumable, match="is saved already"):
        service.desk(actor).accept(run_id, "find/beatContent")
    assert service.operator().runs() == runs
    assert service.desk(actor).credits().held == 0
