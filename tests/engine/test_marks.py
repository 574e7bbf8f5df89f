"""What is out of date follows from the texts and what they were made from alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cascade.errors import SourceOutOfDate
from cascade.service import Actor, Service
from cascade.store.ids import new_id
from cascade.store.inserting import insert_story
from cascade.story.stale import Stale
from tests.helpers.earlier import save_steps
from tests.helpers.editing import edit
from tests.helpers.near import Near

HARMON = "Maximum Permissible Error"


@pytest.fixture
def actor(service: Service) -> Actor:
    return service.actor("editor")


def story_of(service: Service) -> str:
    return service.operator().story(HARMON).id


def finished(service: Service, actor: Actor, story_id: str, **levels: int) -> str:
    with service.executing():
        run_id = service.desk(actor).start(service.desk(actor).plan(story_id, levels).plan)
        for _ in service.operator().follow(run_id):
            pass
    assert service.operator().run(run_id).status == "done"
    return run_id


def copied(service: Service) -> str:
    """Another story that reads as the sample does."""
    story = service.operator().story(story_of(service))
    with service.database.write() as session:
        named = replace(story, title=f"A copy, {new_id()}")
        return insert_story(session, story.project_id, named)


def marks(service: Service, story_id: str) -> dict[str, Stale]:
    return service.operator().out_of_date(story_id)


@pytest.mark.parametrize(
    "order",
    [lambda keys: keys[::-1], lambda keys: keys[1::2] + keys[::2]],
    ids=["backwards", "every other first"],
)
def test_the_order_of_restoring_leaves_no_trace(
    service: Service, actor: Actor, order: Callable[[list[str]], list[str]]
) -> None:
    ids = [copied(service), copied(service)]
    found = []
    for story_id, sort in zip(ids, (list, order), strict=True):
        run_id = finished(service, actor, story_id, find=2)
        keys = [step.key for step in service.operator().run(run_id).steps]
        for key in sort(keys):
            service.desk(actor).restore_piece(run_id, key)
        found.append(
            {key: (one.cause, one.source) for key, one in marks(service, story_id).items()}
        )
    first, second = found
    assert first == second
    # The texts are those of before, under a level that they were not written for.
    assert {one for one, _ in first.values()} == {"level"}


def test_a_whole_run_restored_takes_its_marks_along(service: Service, actor: Actor) -> None:
    story_id = story_of(service)
    run_id = finished(service, actor, story_id, find=2, take=3)
    assert {key.split("/")[1] for key in marks(service, story_id)} <= {"shots"}
    service.desk(actor).restore_run(run_id)
    assert marks(service, story_id) == {}


def test_what_the_product_changes_is_seen_and_when_it_comes_back_too(
    service: Service, actor: Actor
) -> None:
    story_id = story_of(service)
    finished(service, actor, story_id, find=2)
    before = marks(service, story_id)
    own = service.operator().story(story_id).text("find/keyAction")
    edit(service, story_id, "find/keyAction", "Somebody else's words.")
    changed = marks(service, story_id)
    scene = service.operator().story(story_id).planned_scenes("find")[0]
    why = changed[f"find/scenePlot/{scene.number}"]
    assert (why.cause, why.source, why.since, why.by) == ("source", "keyAction", None, "")
    assert changed[f"find/script/{scene.number}"].cause == "source"
    assert "find/keyAction" not in changed, "it counts as made from what stands there"
    edit(service, story_id, "find/keyAction", own)
    assert marks(service, story_id) == before


def test_marks_name_who_and_when(service: Service, actor: Actor) -> None:
    story_id = story_of(service)
    run_id = service.desk(actor).start(service.desk(actor).plan(story_id, {"find": 2}).plan)
    save_steps(service, run_id, 1)
    service.desk(actor).cancel(run_id)
    found = marks(service, story_id)
    level = next(one for one in found.values() if one.cause == "level")
    assert (level.before, level.now) == (4, 2)
    assert (level.by, level.run_id) == ("Sample Editor", run_id)
    assert level.since is not None
    assert "went from 4 to 2" in level.describe()


def test_shots_are_checked_and_nothing_fits_what_does_not_stand(
    service: Service, actor: Actor
) -> None:
    story_id, desk = story_of(service), service.desk(actor)
    story = service.operator().story(story_id)
    scene = next(one for one in story.scenes if one.shots and one.beat_key)
    beat = str(scene.beat_key)
    shots = f"{beat}/shots/{scene.number}"
    finished(service, actor, story_id, **{beat: story.curve[beat] % 5 + 1})
    assert shots in marks(service, story_id)
    edit(service, story_id, f"{beat}/beatContent", "Somebody else's words.")
    with pytest.raises(SourceOutOfDate, match="the key action of"):
        desk.fits(story_id, shots)
    for key in (
        f"{beat}/keyAction",
        *(f"{beat}/{kind}/{scene.number}" for kind in ("scenePlot", "script")),
    ):
        desk.fits(story_id, key)
    desk.fits(story_id, shots)
    assert shots not in marks(service, story_id)
    desk.fits(story_id, shots)


def test_show_tells_the_reasons(service: Service, actor: Actor, near: Near) -> None:
    story_id = story_of(service)
    finished(service, actor, story_id, find=2)
    edit(service, story_id, "find/beatContent", "Somebody else's words.")
    document: dict[str, Any] = near.json("show", HARMON)
    told = {one["key"]: one for one in document["outOfDate"]}
    assert told["find/keyAction"] == {
        "key": "find/keyAction",
        "reason": "the beat content above it is another one, changed outside Cascade",
        "since": None,
    }
    assert document["locked"] == []
    printed = near("show", HARMON).stdout
    assert "(out of date: the beat content above it is another one, changed outside" in printed
    assert json.loads(near("export", HARMON).stdout) == document
