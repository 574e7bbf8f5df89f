"""Somebody else edits the story: before the start, during the run, before it is resumed."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from cascade.errors import StalePlan
from cascade.service import Service
from tests.helpers.checking import check_credits, check_events, completed_keys, plan_document
from tests.helpers.model_http import Call
from tests.helpers.model_server import ModelServer
from tests.helpers.observe import Database, assert_untouched

HERO = "A Hundred Diameters"
EDIT = "Somebody's own words: “don't lose them” \\ ✎\n\n  indented\tas it is."
Edit = Callable[[Database, str], object]


def edit_scene(column: str, number: int) -> Edit:
    def edit(database: Database, story_id: str) -> None:
        changed = database.execute(
            f"UPDATE scene_plots SET {column} = :text "
            "WHERE story_version_id = :id AND scene_number = :number",
            text=EDIT,
            id=story_id,
            number=number,
        )
        assert changed == 1

    return edit


def spoken_otherwise(number: int) -> Edit:
    """Another script of a scene, in which the same people speak: every prompt names those."""

    def edit(database: Database, story_id: str) -> None:
        where = "WHERE story_version_id = :id AND scene_number = :number"
        values = {"id": story_id, "number": number}
        script = database.value(f"SELECT script FROM scene_plots {where}", **values)
        text = f"{script}\n\nNobody moves."
        database.execute(f"UPDATE scene_plots SET script = :text {where}", text=text, **values)

    return edit


def edit_map(column: str, beat: str, value: Any = EDIT) -> Edit:
    return lambda database, story_id: database.edit_map(story_id, column, beat, value)


def add_scene(database: Database, story_id: str) -> None:
    database.execute(
        "INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number, plot, script) "
        "VALUES ('new', :id, 'ordeal', 99, 'A new scene.', '')",
        id=story_id,
    )


def edit_title(database: Database, story_id: str) -> None:
    database.execute("UPDATE story_versions SET title = 'Other' WHERE id = :id", id=story_id)


def started(service: Service) -> str:
    """A queued run of `ordeal` 5 → 3 and `reward` 3 → 5."""
    actor = service.actor("editor")
    levels = {"ordeal": 3, "reward": 5}
    return service.desk(actor).start(
        service.desk(actor).plan(service.operator().story(HERO).id, levels).plan
    )


class Gate:
    """Holds one call, given by its number, until it is opened."""

    def __init__(self, server: ModelServer, number: int) -> None:
        self.opened = threading.Event()
        self.number = number
        server.behave = self._behave

    def _behave(self, call: Call) -> None:
        if call.number == self.number:
            assert self.opened.wait(60)


# The calls of the first beat: 1 content, 2 key action, 3-5 plots of 17-19, then scripts.
@pytest.mark.parametrize(
    ("in_flight", "edit", "saved", "calls"),
    [
        (3, edit_scene("plot", 17), ["ordeal/beatContent", "ordeal/keyAction"], 3),
        (1, edit_map("tension_levels", "ordeal", 1), [], 1),
        (2, edit_map("tension_levels", "ordeal", 1), ["ordeal/beatContent"], 2),
        (1, edit_map("hero_beats", "ordeal"), [], 1),
        # Seen before the model is asked: no call for it.
        (1, edit_map("hero_key_actions", "ordeal"), ["ordeal/beatContent"], 1),
        (
            2,
            edit_scene("plot", 18),
            ["ordeal/beatContent", "ordeal/keyAction", "ordeal/scenePlot/17"],
            3,
        ),
    ],
    ids=["plot", "level at first", "level later", "content", "key action ahead", "plot ahead"],
)
def test_an_edit_during_the_run_is_kept(
    modelled: Service,
    database_url: str,
    server: ModelServer,
    in_flight: int,
    edit: Edit,
    saved: list[str],
    calls: int,
) -> None:
    service, database = modelled, Database(database_url)
    gate = Gate(server, in_flight)
    story_id = service.operator().story(HERO).id
    run_id = started(service)
    with service.executing():
        server.wait_for_calls(in_flight, timeout=60)
        edit(database, story_id)
        edited = database.content()
        gate.opened.set()
        events = list(service.operator().follow(run_id))
    check_events(events, plan_document(database.plan_of(run_id)))
    assert events[-1]["type"] == "error"
    assert events[-1]["code"] == "conflict"
    assert "Somebody changed" in events[-1]["error"]
    assert events[-1]["beatIndex"] == 0
    assert completed_keys(events, plan_document(database.plan_of(run_id))) == saved
    assert server.count == calls
    # What was edited is what is there, byte for byte; only what was saved before has changed.
    levels = ["ordeal"] if saved and "level" not in events[-1]["error"] else []
    if in_flight == 1:
        assert_untouched(edited, database.content(), story_id, saved, levels)
    else:
        later = [key for key in saved if database_has_changed(edited, key, calls, in_flight)]
        assert_untouched(edited, database.content(), story_id, later, [])
    run = service.operator().run(run_id)
    assert (run.status, run.error_code) == ("failed", "conflict")
    credits = service.desk(service.actor("editor")).credits()
    assert credits.held == 0
    assert credits.captured == run.used_credits
    assert {e["stepKey"] for e in credits.entries if e["kind"] == "capture"} == set(saved)


def database_has_changed(edited: Any, key: str, calls: int, in_flight: int) -> bool:
    """True for the steps that were saved only after the edit."""
    order = ["ordeal/beatContent", "ordeal/keyAction", "ordeal/scenePlot/17"]
    return order.index(key) >= in_flight - 1


def test_edits_elsewhere_are_kept_and_disturb_nothing(
    modelled: Service, database_url: str, server: ModelServer
) -> None:
    """Another beat's text in the same JSON column, and its level: both survive every save."""
    service, database = modelled, Database(database_url)
    gate = Gate(server, 2)
    story_id = service.operator().story(HERO).id
    run_id = started(service)
    with service.executing():
        server.wait_for_calls(2, timeout=60)
        for edit in (
            edit_map("hero_beats", "theRoadBack"),
            edit_map("hero_beats", "ordinaryWorld"),
            edit_map("hero_key_actions", "theRoadBack"),
            edit_map("tension_levels", "ordinaryWorld", 5),
            edit_scene("script", 1),
        ):
            edit(database, story_id)
        edited = database.content()
        gate.opened.set()
        events = list(service.operator().follow(run_id))
    assert events[-1]["type"] == "done", events[-1]
    keys = [step.key for step in service.operator().run(run_id).plan.steps]
    assert_untouched(edited, database.content(), story_id, keys, ["ordeal", "reward"])
    story = service.operator().story(story_id)
    assert story.contents["theRoadBack"] == EDIT
    assert story.key_actions["theRoadBack"] == EDIT
    assert story.curve["ordinaryWorld"] == 5
    assert (story.curve["ordeal"], story.curve["reward"]) == (3, 5)


STALE: dict[str, Edit] = {
    "a text to be replaced": edit_scene("plot", 17),
    "a script to be replaced": edit_scene("script", 21),
    "a beat's content": edit_map("hero_beats", "reward"),
    "the content of a neighbour": edit_map("hero_beats", "theRoadBack"),
    "the script before": edit_scene("script", 16),
    "the script after": edit_scene("script", 22),
    "a level": edit_map("tension_levels", "ordeal", 4),
    "the level is the new one already": edit_map("tension_levels", "ordeal", 3),
    "the level of a neighbour": edit_map("tension_levels", "theRoadBack", 1),
    "the title": edit_title,
    "a scene more": add_scene,
}


@pytest.mark.parametrize("name", STALE)
def test_a_stale_plan_is_refused(service: Service, database_url: str, name: str) -> None:
    database = Database(database_url)
    actor, story_id = service.actor("editor"), service.operator().story(HERO).id
    plan = service.desk(actor).plan(story_id, {"ordeal": 3, "reward": 5}).plan
    STALE[name](database, story_id)
    before = database.everything()
    with pytest.raises(StalePlan) as refused:
        service.desk(actor).start(plan)
    assert refused.value.fields["what"]
    assert database.everything() == before


@pytest.mark.parametrize(
    "edit",
    [
        edit_map("hero_beats", "ordinaryWorld"),
        edit_map("tension_levels", "ordinaryWorld", 5),
        spoken_otherwise(1),
        edit_scene("plot", 16),
    ],
)
def test_an_edit_that_the_plan_does_not_read_leaves_it_fresh(
    service: Service, database_url: str, edit: Edit
) -> None:
    actor, story_id = service.actor("editor"), service.operator().story(HERO).id
    plan = service.desk(actor).plan(story_id, {"ordeal": 3, "reward": 5}).plan
    edit(Database(database_url), story_id)
    assert service.desk(actor).start(plan)


# After four steps of `ordeal` were saved: content, key action, the plots of 17 and 18.
RESUMED: dict[str, tuple[Edit, bool]] = {
    "nothing": (lambda *_: None, True),
    "the script after": (edit_scene("script", 22), False),
    "the script before": (edit_scene("script", 16), False),
    "a text that was saved": (edit_map("hero_beats", "ordeal"), False),
    "a plot that was saved": (edit_scene("plot", 18), False),
    "a text that is left": (edit_scene("script", 19), False),
    "a level that was saved": (edit_map("tension_levels", "ordeal", 5), False),
    "a level that is left": (edit_map("tension_levels", "reward", 4), False),
    "the content of a neighbour of what is left": (edit_map("hero_beats", "theRoadBack"), False),
    "the title": (edit_title, False),
    "a text nobody reads": (edit_map("hero_beats", "ordinaryWorld"), True),
}


@pytest.mark.parametrize("name", RESUMED)
def test_resume_after_half_a_beat(
    modelled: Service, database_url: str, server: ModelServer, name: str
) -> None:
    service, database = modelled, Database(database_url)
    edit, goes_on = RESUMED[name]
    actor, story_id = service.actor("editor"), service.operator().story(HERO).id
    original = database.content()
    server.fail_after(4, status=401)
    run_id = started(service)
    with service.executing():
        assert list(service.operator().follow(run_id))[-1]["type"] == "error"
    whole = service.operator().run(run_id).plan
    edit(database, story_id)
    before = database.everything()
    if not goes_on:
        with pytest.raises(StalePlan):
            service.desk(actor).resume(run_id)
        assert database.everything() == before
        return
    server.heal()
    resumed = service.desk(actor).resume(run_id)
    with service.executing():
        events = list(service.operator().follow(resumed))
    plan = service.operator().run(resumed).plan
    assert [step.key for step in plan.steps] == [step.key for step in whole.steps[4:]]
    assert [(c.beat_key, c.previous_level) for c in plan.changes] == [("ordeal", 5), ("reward", 3)]
    check_events(events, plan_document(plan.to_json()))
    assert events[-1]["type"] == "done"
    first, second = service.operator().run(run_id), service.operator().run(resumed)
    assert first.used_credits + second.used_credits == whole.estimated_credits
    credits = service.desk(actor).credits()
    document = {
        "user": credits.user,
        "deposited": credits.deposited,
        "available": credits.available,
        "held": credits.held,
        "captured": credits.captured,
        "entries": list(credits.entries),
    }
    check_credits(document)
    captured = [entry["stepKey"] for entry in credits.entries if entry["kind"] == "capture"]
    assert sorted(captured) == sorted(step.key for step in whole.steps)
    # The old texts in the prompts are those before the first run.
    raw = original["scene_plots"]
    plots = {
        row["scene_number"]: row["plot"]
        for row in raw.values()
        if row["story_version_id"] == story_id
    }
    assert json.dumps(plots["19"])[1:20] in json.dumps(server.calls[5].prompt)
