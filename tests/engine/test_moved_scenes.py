"""Scenes are moved, renumbered, deleted or added in mid-run: none is lost, none charged."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
import sqlalchemy as sa

from cascade.errors import NotResumable, StalePlan
from cascade.service import Service
from tests.helpers.checking import check_events, plan_document
from tests.helpers.model_server import ModelServer
from tests.helpers.observe import Database, assert_untouched

from .test_conflict import HERO, Gate, started

Edit = Callable[[Database, str], object]


def change_scene(values: str, number: int) -> Edit:
    def edit(database: Database, story_id: str) -> None:
        where = "WHERE story_version_id = :id AND scene_number = :number"
        assert database.execute(
            f"UPDATE scene_plots SET {values} {where}", id=story_id, number=number
        )

    return edit


def delete_scene(number: int) -> Edit:
    def edit(database: Database, story_id: str) -> None:
        of = "(SELECT id FROM scene_plots WHERE story_version_id = :id AND scene_number = :number)"
        values = {"id": story_id, "number": number}
        database.execute(f"DELETE FROM scene_shots WHERE scene_plot_id IN {of}", **values)
        assert database.execute(f"DELETE FROM scene_plots WHERE id IN {of}", **values)

    return edit


def swap_scenes(database: Database, story_id: str) -> None:
    """The numbers of 18 and 19 change places: each key now means another scene."""
    for old, new in ((18, 900), (19, 18), (900, 19)):
        change_scene(f"scene_number = {new}", old)(database, story_id)


def number_twice(database: Database, story_id: str) -> None:
    """Only a product's tables allow that; ours have a unique key."""
    database.execute(
        "ALTER TABLE scene_plots DROP CONSTRAINT uq_scene_plots_story_version_id_scene_number"
    )
    change_scene("scene_number = 18", 17)(database, story_id)


MOVES: dict[str, tuple[Edit, str]] = {
    "moved to another beat": (change_scene("beat_key = 'reward'", 18), "moved to another beat"),
    "moved to no beat": (change_scene("beat_key = NULL", 18), "moved to another beat"),
    "given another number": (change_scene("scene_number = 99", 18), "given another number"),
    "numbers swapped": (swap_scenes, "given another number"),
    "deleted": (delete_scene(18), "was deleted"),
}


@pytest.mark.parametrize("name", MOVES)
@pytest.mark.parametrize("ahead", [True, False], ids=["before its call", "in its call"])
def test_a_scene_that_moves_in_mid_run_is_not_written(
    modelled: Service, database_url: str, server: ModelServer, name: str, ahead: bool
) -> None:
    """The calls of the beat: 1 content, 2 key action, 3-5 the plots of 17, 18 and 19."""
    edit, words = MOVES[name]
    service, database = modelled, Database(database_url)
    story_id = service.operator().story(HERO).id
    call = 2 if ahead else 4
    gate = Gate(server, call)
    run_id = started(service)
    with service.executing():
        server.wait_for_calls(call, timeout=60)
        edit(database, story_id)
        edited = database.content()
        gate.opened.set()
        events = list(service.operator().follow(run_id))
    check_events(events, plan_document(database.plan_of(run_id)))
    assert (events[-1]["type"], events[-1]["code"]) == ("error", "conflict")
    assert words in events[-1]["error"]
    assert "scene 18" in events[-1]["error"]
    later = ["ordeal/keyAction", "ordeal/scenePlot/17"] if ahead else []
    assert_untouched(edited, database.content(), story_id, later, [])
    run = service.operator().run(run_id)
    assert run.status == "failed"
    assert run.used_credits == 3 + 2 + 3
    credits = service.desk(service.actor("editor")).credits()
    assert (credits.held, credits.captured) == (0, run.used_credits)


def test_an_empty_scene_that_is_deleted_ends_with_its_reason(
    modelled: Service, database_url: str, server: ModelServer
) -> None:
    """No text of it could tell that it is gone: nothing reads as nothing."""
    service, database = modelled, Database(database_url)
    story_id = service.operator().story(HERO).id
    change_scene("plot = '', script = NULL", 18)(database, story_id)
    gate = Gate(server, 4)
    run_id = started(service)
    with service.executing():
        server.wait_for_calls(4, timeout=60)
        delete_scene(18)(database, story_id)
        gate.opened.set()
        events = list(service.operator().follow(run_id))
    assert (events[-1]["code"], events[-1]["type"]) == ("conflict", "error")
    assert "was deleted" in events[-1]["error"]


def test_a_number_that_comes_to_be_there_twice_stops_the_step(
    modelled: Service, database_url: str, server: ModelServer
) -> None:
    service, database = modelled, Database(database_url)
    if database.is_sqlite:
        pytest.skip("made tables keep numbers apart, and SQLite cannot drop that")
    story_id = service.operator().story(HERO).id
    gate = Gate(server, 2)
    run_id = started(service)
    with service.executing():
        server.wait_for_calls(2, timeout=60)
        number_twice(database, story_id)
        edited = database.content()
        gate.opened.set()
        events = list(service.operator().follow(run_id))
    assert (events[-1]["type"], events[-1]["code"]) == ("error", "conflict")
    assert_untouched(edited, database.content(), story_id, ["ordeal/keyAction"], [])


LEFT: dict[str, Edit] = {
    "a scene added": lambda database, story_id: database.execute(
        "INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number, plot, script) "
        "VALUES ('new', :id, 'ordeal', 99, 'A new scene.', '')",
        id=story_id,
    ),
    "an empty scene added": lambda database, story_id: database.execute(
        "INSERT INTO scene_plots (id, story_version_id, beat_key, scene_number) "
        "VALUES ('new', :id, 'reward', 99)",
        id=story_id,
    ),
    "one deleted": delete_scene(19),
    "one moved in": change_scene("beat_key = 'ordeal'", 1),
    "numbers swapped": swap_scenes,
}


@pytest.mark.parametrize("name", LEFT)
def test_other_scenes_before_a_resume_make_it_stale(
    modelled: Service, database_url: str, server: ModelServer, name: str
) -> None:
    service, database = modelled, Database(database_url)
    actor, story_id = service.actor("editor"), service.operator().story(HERO).id
    server.fail_after(4, status=401)
    run_id = started(service)
    with service.executing():
        assert list(service.operator().follow(run_id))[-1]["type"] == "error"
    LEFT[name](database, story_id)
    before = database.everything()
    with pytest.raises(StalePlan):
        service.desk(actor).resume(run_id)
    assert database.everything() == before


def test_a_renumbered_scene_keeps_its_history_and_is_restored(
    service: Service, database_url: str
) -> None:
    database = Database(database_url)
    actor, story_id = service.actor("editor"), service.operator().story(HERO).id
    before = service.operator().story(story_id)
    with service.executing():
        list(service.operator().follow(run_id := started(service)))
    assert service.operator().run(run_id).status == "done"
    # 18 becomes 98, and an old stranger takes its number.
    change_scene("scene_number = 98", 18)(database, story_id)
    change_scene("scene_number = 18, beat_key = 'ordeal'", 1)(database, story_id)
    stranger = service.operator().story(story_id).scene("ordeal", 18)
    assert stranger is not None
    written = service.operator().writers(story_id)
    assert {"ordeal/script/98", "ordeal/scenePlot/98"} <= set(written)
    assert "ordeal/script/18" not in written
    restored = service.desk(actor).restore_run(run_id)
    assert "ordeal/script/18" in restored.keys
    after = service.operator().story(story_id)
    old = before.scene("ordeal", 18)
    new = after.scene("ordeal", 98)
    assert old is not None
    assert new is not None
    assert (new.plot, new.script) == (old.plot, old.script)
    assert after.scene("ordeal", 18) == stranger


def test_a_database_that_changes_no_row_has_not_saved(
    modelled: Service, database_url: str, server: ModelServer
) -> None:
    """Row-level security, or a trigger that returns nothing: no error, and no row changed."""
    service, database = modelled, Database(database_url)
    story_id = service.operator().story(HERO).id
    if database.is_sqlite:
        path = sa.make_url(database_url).database or ""
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(
                "CREATE TRIGGER silent BEFORE UPDATE ON scene_plots BEGIN SELECT RAISE(IGNORE); END"
            )
            connection.commit()
    else:
        database.execute(
            "CREATE FUNCTION silent() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        database.execute(
            "CREATE TRIGGER silent BEFORE UPDATE ON scene_plots FOR EACH ROW "
            "EXECUTE FUNCTION silent()"
        )
    run_id = started(service)
    with service.executing():
        events = list(service.operator().follow(run_id))
    assert (events[-1]["type"], events[-1]["code"]) == ("error", "not_written")
    assert "scene_plots" in events[-1]["error"]
    assert "GRANT" in events[-1]["error"].upper()
    run = service.operator().run(run_id)
    # Content and key action are saved; a plot's call is made once, and not charged.
    assert (run.status, run.used_credits) == ("failed", 5)
    assert len({call.property for call in server.calls[:2]}) == 2
    scenes = len([step for step in run.plan.steps if step.kind == "scenePlot"])
    assert 3 <= server.count <= 2 + scenes, "none is asked for again"
    credits = service.desk(service.actor("editor")).credits()
    assert (credits.held, credits.captured) == (0, 5)
    before = database.content()
    with pytest.raises(NotResumable):
        service.desk(service.actor("editor")).accept(run_id, "ordeal/scenePlot/17")
    assert database.content() == before
    assert story_id == run.story_id
