"""Rewriting what is out of date, without a change of level."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.errors import StalePlan, UnknownBeat
from cascade.service import Desk, Service
from cascade.store.tables import Revision, User
from cascade.story.story import Story
from tests.helpers.earlier import save_steps
from tests.helpers.editing import edit
from tests.helpers.near import Near
from tests.helpers.seeded_fixtures import database_url, near, unchanged

__all__ = ["database_url", "near", "unchanged"]

HARMON = "Maximum Permissible Error"


@pytest.fixture
def desk(service: Service) -> Desk:
    return service.desk(service.actor("editor"))


def story_of(service: Service) -> Story:
    return service.operator().story(HARMON)


def half_done(service: Service, desk: Desk, beat: str, steps: int = 1) -> str:
    """A run of one beat that was cancelled after some steps."""
    story = story_of(service)
    run_id = desk.start(desk.plan(story.id, {beat: story.curve[beat] % 5 + 1}).plan)
    save_steps(service, run_id, steps)
    desk.cancel(run_id)
    assert desk.run(run_id).status == "cancelled"
    return run_id


def marked(near: Near) -> list[str]:
    """The texts that are out of date, shots aside."""
    document = near.json("show", HARMON)
    return [one["key"] for one in document["outOfDate"] if "/shots/" not in one["key"]]


def finish(service: Service, desk: Desk, run_id: str) -> None:
    with service.executing():
        for _ in desk.follow(run_id):
            pass
    assert desk.run(run_id).status == "done"


def test_what_a_cancelled_run_left_is_brought_back_in_line(
    service: Service, desk: Desk, near: Near, cli: Any
) -> None:
    half_done(service, desk, "find", steps=2)
    half_done(service, desk, "go", steps=1)
    before, levels = marked(near), story_of(service).levels
    assert {key.split("/")[0] for key in before} == {"find", "go"}
    plan = near.json("plan", HARMON, "--stale")
    assert [step["key"] for step in plan["steps"]] == sorted(
        before, key=lambda key: ("go", "find").index(key.split("/")[0])
    )
    assert [one["beatKey"] for one in plan["changes"]] == ["go", "find"]
    for change in plan["changes"]:
        assert change["previousTension"] == change["newTension"] == levels[change["beatKey"]]
    assert plan["estimatedCredits"] == sum(step["credits"] for step in plan["steps"])

    of_go = near.json("plan", HARMON, "--stale", "go")
    assert {step["beatKey"] for step in of_go["steps"]} == {"go"}

    service.close()  # SQLite has one executor: the command's own process.
    done = cli("run", HARMON, "--stale", "go")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[0]["totalBeats"] == 1
    assert events[-1]["totalCreditsUsed"] == of_go["estimatedCredits"]
    assert events[-1]["beatsRegenerated"] == 1
    assert {key.split("/")[0] for key in marked(near)} == {"find"}
    assert cli("run", HARMON, "--stale").returncode == 0
    assert marked(near) == []
    assert near.json("show", HARMON)["beats"][4]["tension"] == levels["find"]
    nothing = near.json("plan", HARMON, "--stale")
    assert (nothing["steps"], nothing["changes"]) == ([], [])
    refused = near("run", HARMON, "--stale")
    assert refused.returncode == 5
    [error] = [json.loads(line) for line in refused.stdout.splitlines()]
    assert (error["type"], error["code"]) == ("error", "nothing_changed")


def test_a_beat_that_gets_a_new_level_is_planned_whole_once(
    service: Service, desk: Desk, near: Near
) -> None:
    half_done(service, desk, "find", steps=2)
    level = story_of(service).curve["find"] % 5 + 1
    whole = near.json("plan", HARMON, "--set", f"find={level}")
    both = near.json("plan", HARMON, "--set", f"find={level}", "--stale", "find")
    assert both == whole
    beside = near.json("plan", HARMON, "--set", "you=5", "--stale")
    assert [one["beatKey"] for one in beside["changes"]] == ["you", "find"]
    assert near("plan", HARMON, "--stale").stdout.splitlines()[0] == (
        f"Find stays at {story_of(service).curve['find']}, what is out of date"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--stale", "midpoint"), "midpoint"),
        (("find",), '"find" is one argument too many. Beats are named after --stale'),
    ],
)
def test_what_is_not_understood(near: Near, arguments: tuple[str, ...], words: str) -> None:
    for command in ("plan", "run"):
        done = near(command, HARMON, *arguments)
        assert done.returncode == 2
        assert words in done.stderr
        assert done.stdout == ""


def test_a_mark_that_comes_or_goes_makes_the_plan_stale(service: Service, desk: Desk) -> None:
    half_done(service, desk, "find", steps=2)
    story = story_of(service)
    beats = story.structure.keys
    plan = desk.plan(story.id, {}, stale_beats=beats).plan
    desk.fits(story.id, plan.steps[0].key)
    with pytest.raises(StalePlan, match="what of it is out of date"):
        desk.start(plan)
    plan = desk.plan(story.id, {}, stale_beats=beats).plan
    edit(service, story.id, "find/beatContent", "By the product.")
    with pytest.raises(StalePlan):
        desk.start(plan)
    with pytest.raises(UnknownBeat):
        desk.plan(story.id, {}, stale_beats=["midpoint"])


def test_it_is_resumed_like_any_run_and_leaves_nothing_marked(
    service: Service, desk: Desk, near: Near
) -> None:
    half_done(service, desk, "find", steps=1)
    story = story_of(service)
    run_id = desk.start(desk.plan(story.id, {}, stale_beats=["find"]).plan)
    save_steps(service, run_id, 2)
    desk.cancel(run_id)
    assert marked(near)
    finish(service, desk, desk.resume(run_id))
    assert marked(near) == []
    assert story_of(service).levels == story.levels


def test_fits_is_said_from_the_top_down(service: Service, desk: Desk, near: Near) -> None:
    half_done(service, desk, "find", steps=1)
    marked_keys = marked(near)
    scene = story_of(service).planned_scenes("find")[0].number
    script = f"find/script/{scene}"
    refused = near("fits", HARMON, script, "--reason", "It does.")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert "the key action of Find" in refused.stderr
    assert marked(near) == marked_keys
    done = near("fits", HARMON, "find/keyAction", "--reason", "It does.")
    assert (done.returncode, done.stdout) == (0, "Fits: find/keyAction\n")
    done = near("fits", HARMON, f"scene/{scene}", "--reason", "I read it.")
    assert done.stdout.startswith(f"Fits: find/scenePlot/{scene}, {script}")
    assert near("fits", HARMON, "find", "--reason", "All of it.").returncode == 0
    assert marked(near) == []
    again = near("fits", HARMON, "find", "--reason", "All of it.")
    assert (again.returncode, again.stdout) == (0, "Nothing of it is out of date.\n")
    # Why it fits is kept with who said so.
    with service.database.read() as session:
        kept = session.execute(
            sa.select(Revision.reason, User.name)
            .join(User, User.id == Revision.author_id)
            .where(Revision.origin == "fits", Revision.key == script)
        ).all()
    assert kept == [("I read it.", "editor")]
    for key in ("find/script/999", "nowhere", "scene/999", "scene/x", "find/shots/x"):
        unknown = near("fits", HARMON, key, "--reason", "It does.")
        assert unknown.returncode == 2, key
        assert "cascade show" in unknown.stderr
    assert near("fits", HARMON, "find", "--reason", " ").returncode == 2
    assert near("fits", HARMON, "find", "--reason", "x", "--user", "viewer").returncode == 5
