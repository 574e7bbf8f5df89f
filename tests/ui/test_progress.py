"""Where each step of a run stands, from its rows and its events."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cascade.runs.chains import Chain, Part
from cascade.runs.progress import TAIL, elapsed_s, progress, remaining_s
from cascade.runs.reading import RunView, StepView
from cascade.story.plan import make_plan
from cascade.story.story import Story
from tests.helpers.making import a_scene

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
STORY = Story("T", "en", "harmon", scenes=(a_scene(1, "go", "p", "s"), a_scene(2, "go", "p", "s")))
PLAN = make_plan(STORY, {"go": 5, "take": 1})
KEYS = [step.key for step in PLAN.steps]


def run(status: Any = "running", **statuses: str) -> RunView:
    given = {key.replace("__", "/"): value for key, value in statuses.items()}
    saved = frozenset(key for key, value in given.items() if value == "saved")
    return RunView(
        chain=Chain(PLAN, (Part("r", status, 0),), saved),
        plan_hash="",
        id="r",
        story_id="s",
        status=status,
        user="editor",
        display_name="Sample Editor",
        plan=PLAN,
        estimated_credits=24,
        used_credits=0,
        released_credits=0,
        steps=tuple(StepView(key, given.get(key, "pending"), 1, None, None) for key in KEYS),
        provider="offline",
        server=None,
        model="m",
        created_at=NOW,
        started_at=NOW,
        finished_at=None,
        error=None,
        error_code=None,
        resumed_from=None,
        resumed_by=None,
        tokens=(),
    )


def event(**body: Any) -> dict[str, Any]:
    return {"beatIndex": 0, "at": NOW.isoformat(), **body}


CONTENT = event(type="step", step="beatContent", status="generating")
PLOT_2 = event(type="scene", step="scenePlots", sceneNumber=2, status="generating")
RETRY = event(type="retry", step="scenePlots", sceneNumber=2, attempt=1, waitSeconds=4.0)


def states(view: RunView, *events: dict[str, Any], now: datetime = NOW) -> dict[str, str]:
    return {
        line.step.key: line.state for beat in progress(view, events, now) for line in beat.lines
    }


def test_every_step_is_there_in_order_and_pending() -> None:
    assert list(states(run())) == KEYS
    assert set(states(run()).values()) == {"pending"}


def test_what_was_begun_is_generating_until_it_is_saved() -> None:
    assert states(run(), CONTENT)["go/beatContent"] == "generating"
    assert states(run(go__beatContent="saved"), CONTENT)["go/beatContent"] == "done"


def test_a_group_that_was_begun_says_nothing_about_its_members() -> None:
    group = event(type="step", step="scenePlots", status="generating")
    seen = states(run(), group, PLOT_2)
    assert (seen["go/scenePlot/1"], seen["go/scenePlot/2"]) == ("pending", "generating")


def test_a_retry_counts_down_and_then_generates() -> None:
    later = NOW + timedelta(seconds=1.4)
    [line] = [
        line
        for line in progress(run(), [PLOT_2, RETRY], later)[0].lines
        if line.step.key == "go/scenePlot/2"
    ]
    assert (line.state, line.wait_s, line.attempt) == ("retrying", 3, 2)
    over = NOW + timedelta(seconds=5)
    assert states(run(), PLOT_2, RETRY, now=over)["go/scenePlot/2"] == "generating"


def test_cancelling_shows_what_is_being_stopped() -> None:
    seen = states(run("cancelling"), PLOT_2)
    assert (seen["go/scenePlot/1"], seen["go/scenePlot/2"]) == ("pending", "stopping")


@pytest.mark.parametrize("status", ["cancelled", "failed", "done"])
def test_after_the_end_nothing_is_under_way(status: Any) -> None:
    assert states(run(status, go__beatContent="saved"), CONTENT, PLOT_2) == {
        key: "done" if key == "go/beatContent" else "left" for key in KEYS
    }


def test_a_beat_is_what_its_most_telling_step_is() -> None:
    saved = dict.fromkeys((key.replace("/", "__") for key in KEYS if key.startswith("go")), "saved")
    assert [beat.state for beat in progress(run(), [], NOW)] == ["pending", "pending"]
    assert [beat.state for beat in progress(run(**saved), [], NOW)] == ["done", "pending"]
    half = run(go__beatContent="saved")
    assert progress(half, [], NOW)[0].state == "generating"
    failed = run("failed", go__beatContent="failed")
    assert progress(failed, [], NOW)[0].state == "failed"
    assert progress(replace(half, status="cancelled"), [], NOW)[0].state == "left"


def test_a_growing_text_is_seen_by_its_end_while_it_is_written() -> None:
    growing = {"go/beatContent": "The end\nof it.", "go/keyAction": "not begun"}
    lines = progress(run(), [CONTENT], NOW, growing)[0].lines
    assert [line.tail for line in lines[:2]] == ["The end of it.", ""]
    long = {"go/beatContent": "word " * 200 + "end."}
    tail = progress(run(), [CONTENT], NOW, long)[0].lines[0].tail
    assert tail.startswith("… word")
    assert tail.endswith("end.")
    assert len(tail) <= TAIL + 2
    assert progress(run("cancelling"), [CONTENT], NOW, growing)[0].lines[0].tail == ""


def test_what_is_left_is_told_by_what_was_done() -> None:
    later = NOW + timedelta(seconds=10)
    assert elapsed_s(run(), later) == 10
    assert elapsed_s(replace(run(), started_at=None), later) is None
    over = replace(run("done"), finished_at=NOW + timedelta(seconds=3))
    assert elapsed_s(over, later) == 3
    assert remaining_s(run(), 10, 4) is None
    # Of the six calls in a row (the plots of Go are one, and its scripts), one is made.
    assert remaining_s(run(go__beatContent="saved"), 10, 4) == 50
    saved = run(**dict.fromkeys((key.replace("/", "__") for key in KEYS), "saved"))
    assert remaining_s(saved, 70, 4) == 0
