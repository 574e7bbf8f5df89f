"""A run of one beat (four steps, 12 credits) by a model server, for tests of what servers do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cascade import samples, shapes
from cascade.engine import writing
from cascade.llm.openai import OpenAIWriter
from cascade.service import RunView, Service
from cascade.settings import Settings
from tests.helpers.checking import (
    check_credits,
    check_events,
    check_saved_once,
    entries_of,
    plan_document,
)
from tests.helpers.model_server import ModelServer
from tests.helpers.observe import Database, assert_untouched
from tests.helpers.seeded_fixtures import copy

SAMPLE = Path(samples.__file__).parent / "maximum-permissible-error.json"
BEAT, SCENE = "find", 7
STEPS = (
    f"{BEAT}/beatContent",
    f"{BEAT}/keyAction",
    f"{BEAT}/scenePlot/{SCENE}",
    f"{BEAT}/script/{SCENE}",
)
PROPERTIES = ("beatContent", "keyAction", "plot", "script")
# A call's patience, which no busy machine comes to the end of; that of one to which nothing comes;
# and the first pause before another: short, so that tests need not wait.
TIMEOUT_S = 60
SHORT_TIMEOUT_S = 1
PAUSE_S = 0.02


class Studio:
    """The service with a server as its writer; and the database seen from outside."""

    def __init__(self, url: str, base_url: str) -> None:
        self.database = Database(url)
        asked: dict[str, Any] = {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": "x"}
        self.service = Service(
            Settings(
                database_url=url, provider="openai", concurrency=2, timeout_s=TIMEOUT_S, **asked
            )
        )
        self.actor = self.service.actor("editor")
        self.service.operator().grant("editor", 10_000)

    def be_patient(self, timeout_s: float) -> None:
        """How long each call may take that begins from now on."""
        provider = self.service.provider
        assert isinstance(provider, OpenAIWriter)
        provider._timeout_s = timeout_s

    def ended(self, run_id: str) -> tuple[RunView, list[dict[str, Any]]]:
        """The run when it has come to its end, and its events, which are in order."""
        events = list(self.service.operator().follow(run_id))
        run = self.service.operator().run(run_id)
        check_events(events, plan_document(run.plan.to_json()))
        return run, events

    def credits(self) -> dict[str, Any]:
        """All movements, which add up."""
        credits: dict[str, Any] = shapes.credits_document(self.service.desk(self.actor).credits())
        check_credits(credits)
        assert credits["held"] == 0
        return credits


class Case:
    """A story of its own, so that nothing of an earlier case is in it."""

    def __init__(self, studio: Studio, levels: dict[str, int]) -> None:
        self.studio = studio
        self.story_id = studio.service.operator().import_story(SAMPLE)
        self.story = studio.service.operator().story(self.story_id)
        self.before = studio.database.content()
        self.plan = studio.service.desk(studio.actor).plan(self.story_id, levels).plan
        self.runs: list[str] = []

    def start(self) -> str:
        self.runs.append(self.studio.service.desk(self.studio.actor).start(self.plan))
        return self.runs[-1]

    def resume(self) -> str:
        self.runs.append(self.studio.service.desk(self.studio.actor).resume(self.runs[-1]))
        return self.runs[-1]

    def check_saved(self, *keys: str) -> None:
        """These steps are saved and charged once along all runs, and nothing else changed."""
        studio = self.studio
        levels = {key.split("/")[0] for key in keys}
        assert_untouched(self.before, studio.database.content(), self.story_id, keys, levels)
        document = studio.service.operator().document(self.story_id)
        credits = studio.credits()
        charged: list[str | None] = []
        for run_id in self.runs:
            check_saved_once(studio.database, run_id, document)
            charged += entries_of(credits, run_id, "capture")
        assert sorted(map(str, charged)) == sorted(keys)


@contextmanager
def executing(
    url: str, base_url: str, pause_s: float = PAUSE_S, patience_s: float = 0.0
) -> Iterator[Studio]:
    """The studio on that database, executing with that server.

    `patience_s` is how long it waits for what passes by itself: no longer than for any fault.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(writing, "FIRST_WAIT_S", pause_s)
        patch.setattr(writing, "PASSING_PATIENCE_S", patience_s)
        studio = Studio(url, base_url)
        with studio.service.executing():
            yield studio
        studio.service.close()


@pytest.fixture(scope="module")
def server() -> Iterator[ModelServer]:
    """A model server that the tests of a module share, and tell what to do."""
    with ModelServer() as server:
        yield server
        assert server.problems == []


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def studio(
    request: pytest.FixtureRequest, server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Studio]:
    """A studio of either kind that executes with that server; the tests of a module share it."""
    for url in copy(request, tmp_path_factory.mktemp("studio")):
        with executing(url, server.url) as studio:
            yield studio
