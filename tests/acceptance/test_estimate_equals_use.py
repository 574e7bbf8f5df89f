"""Any changes on the sample stories: what was announced is what is used, and nothing else moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cascade
from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.checking import check_events, plan_document
from tests.helpers.observe import Database, assert_untouched

SAMPLES = sorted((Path(cascade.__file__).parent / "samples").glob("*.json"))


@pytest.fixture
def executing(database_url: str) -> Iterator[Service]:
    """The service, executing in this process."""
    service = Service(
        Settings(database_url=database_url, provider="offline", offline_delay_ms=0, concurrency=3)
    )
    service.operator().grant("editor", 100_000)
    with service.executing():
        yield service
    service.close()


# The executor's own threads use `random` while Hypothesis draws; no strategy does.
@pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sample=st.sampled_from(SAMPLES),
    # Places of beats: those past the end of a structure count from its beginning again.
    wanted=st.dictionaries(st.integers(0, 14), st.integers(1, 5), min_size=1, max_size=4),
    wish=st.text("ab ", max_size=5),
)
def test_estimate_equals_use(
    executing: Service, database_url: str, sample: Path, wanted: Mapping[int, int], wish: str
) -> None:
    service, database = executing, Database(database_url)
    actor = service.actor("editor")
    # A story of its own, so that an example is the same when it is tried again.
    story = service.operator().story(service.operator().import_story(sample))
    keys = story.structure.keys
    levels = {keys[place % len(keys)]: level for place, level in wanted.items()}
    changed = {beat: level for beat, level in levels.items() if level != story.curve[beat]}
    before, credits = database.content(), service.desk(actor).credits()
    plan = service.desk(actor).plan(story.id, levels, dict.fromkeys(levels, wish)).plan
    assert [change.beat_key for change in plan.changes] == [
        beat for beat in keys if beat in changed
    ]
    if not changed:
        assert plan.estimated_credits == 0
        return
    run_id = service.desk(actor).start(plan)
    events: list[dict[str, Any]] = list(service.operator().follow(run_id))
    check_events(events, plan_document(plan.to_json()))
    assert events[-1]["type"] == "done", events[-1]
    assert events[-1]["totalCreditsUsed"] == plan.estimated_credits
    now = service.desk(actor).credits()
    assert now.captured - credits.captured == plan.estimated_credits
    assert credits.available - now.available == plan.estimated_credits
    assert now.held == 0
    planned = [step.key for step in plan.steps]
    assert_untouched(before, database.content(), story.id, planned, changed)
    assert service.operator().story(story.id).curve == {**story.curve, **changed}
