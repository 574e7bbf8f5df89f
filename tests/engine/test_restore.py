"""Undoing a run: every byte and every level comes back, and nobody's later work is lost."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from cascade.errors import DatabaseRefused, EditedSince, NotADemo, NotAllowed, NothingToRestore
from cascade.service import Actor, Service
from cascade.store.tables import CreditEntry, Revision
from tests.helpers.editing import edit
from tests.helpers.near import Near

LEVELS = {"find": 2, "take": 3}


def finished_run(service: Service, actor: Actor, story_id: str) -> str:
    with service.executing():
        run_id = service.desk(actor).start(service.desk(actor).plan(story_id, LEVELS).plan)
        for _ in service.operator().follow(run_id):
            pass
    assert service.operator().run(run_id).status == "done"
    return run_id


@pytest.fixture
def actor(service: Service) -> Actor:
    return service.actor("editor")


@pytest.fixture
def story_id(service: Service) -> str:
    return service.operator().stories()[2].id


def test_a_whole_run_is_undone_byte_for_byte(service: Service, actor: Actor, story_id: str) -> None:
    before = service.operator().document(story_id)
    used = finished_run(service, actor, story_id)
    after = service.operator().document(story_id)
    assert after != before
    restored = service.desk(actor).restore_run(used)
    assert list(restored.keys) == [step.key for step in service.operator().run(used).steps]
    assert (restored.levels, restored.left) == (("find", "take"), ())
    assert service.operator().document(story_id) == before
    # What was put aside is kept: every text the run wrote is still a revision.
    with service.database.read() as session:
        texts = set(session.scalars(sa.select(Revision.text)))
    for beat in after["beats"]:
        if beat["key"] in LEVELS:
            assert {beat["content"], beat["keyAction"]} <= texts
    # Undoing costs nothing and gives nothing back.
    assert service.desk(actor).credits().captured == service.operator().run(used).used_credits


def test_undoing_twice_says_that_there_is_nothing_left(
    service: Service, actor: Actor, story_id: str
) -> None:
    run_id = finished_run(service, actor, story_id)
    service.desk(actor).restore_run(run_id)
    with pytest.raises(NothingToRestore):
        service.desk(actor).restore_run(run_id)


def test_one_piece_comes_back_and_what_hangs_on_it_is_marked(
    service: Service, actor: Actor, story_id: str
) -> None:
    before = service.operator().story(story_id)
    run_id = finished_run(service, actor, story_id)
    scene = before.scenes_of("find")[0]
    key = f"find/scenePlot/{scene.number}"
    service.desk(actor).restore_piece(run_id, key)
    story = service.operator().story(story_id)
    assert story.text(key) == scene.plot
    assert story.contents["find"] != before.contents["find"]
    assert f"find/script/{scene.number}" in service.operator().out_of_date(story_id)
    assert not any("take/script" in key for key in service.operator().out_of_date(story_id))
    # The rest of the run can still be undone as a whole.
    service.desk(actor).restore_run(run_id)
    assert service.operator().story(story_id).contents == before.contents


def test_a_text_edited_since_is_not_overwritten(
    service: Service, actor: Actor, story_id: str
) -> None:
    run_id = finished_run(service, actor, story_id)
    edit(service, story_id, "take/keyAction", "Somebody's own words.")
    story = service.operator().document(story_id)
    with pytest.raises(EditedSince):
        service.desk(actor).restore_piece(run_id, "take/keyAction")
    assert service.operator().document(story_id) == story
    service.desk(actor).restore_piece(run_id, "take/beatContent")
    restored = service.desk(actor).restore_run(run_id)
    assert [part.key for part in restored.left] == ["take/keyAction"]
    assert "take/beatContent" not in restored.keys, "it was back already"
    assert service.operator().story(story_id).text("take/keyAction") == "Somebody's own words."
    assert "take/keyAction" in service.operator().out_of_date(story_id)
    with pytest.raises(EditedSince, match="the key action of Take"):
        service.desk(actor).restore_run(run_id)


def test_what_a_run_replaced_is_told_piece_by_piece(
    service: Service, actor: Actor, story_id: str
) -> None:
    before = service.operator().story(story_id)
    run_id = finished_run(service, actor, story_id)
    after = service.operator().story(story_id)
    pieces = service.operator().replaced(run_id)
    assert [piece.key for piece in pieces] == [
        step.key for step in service.operator().run(run_id).plan.steps
    ]
    for piece in pieces:
        assert (piece.before, piece.after) == (before.text(piece.key), after.text(piece.key))
        assert piece.stands


def test_only_an_editor_restores(service: Service, actor: Actor, story_id: str) -> None:
    run_id = finished_run(service, actor, story_id)
    with pytest.raises(NotAllowed):
        service.desk(service.actor("viewer")).restore_run(run_id)


def test_the_demo_is_reset_to_what_a_new_database_gets(
    service: Service, actor: Actor, story_id: str
) -> None:
    finished_run(service, actor, story_id)
    titles = [one.title for one in service.operator().stories()]
    service.operator().reset_demo()
    assert [one.title for one in service.operator().stories()] == titles
    credits = service.desk(service.actor("editor")).credits()
    assert (credits.available, len(credits.entries)) == (500, 1)
    assert service.operator().runs() == []
    # The movements of credits are guarded again.
    with (
        pytest.raises(DatabaseRefused, match="append-only"),
        service.database.write() as session,
    ):
        session.execute(sa.delete(CreditEntry))


def test_a_database_with_users_of_its_own_is_no_demo(service: Service) -> None:
    service.operator().grant("ana", 10)
    with pytest.raises(NotADemo, match="users of its own"):
        service.operator().reset_demo()
    assert service.desk(service.actor("ana")).credits().available == 10


def test_only_an_editor_resets_the_demo(service: Service) -> None:
    assert service.operator().is_demo()
    for name in ("viewer", "producer"):
        with pytest.raises(NotAllowed):
            service.desk(service.actor(name)).reset_demo()
    service.desk(service.actor("editor")).reset_demo()
    service.operator().grant("ana", 1)
    assert not service.operator().is_demo()


def test_the_command_line_resets_a_demo(near: Near) -> None:
    done = near("db", "reset-demo", "--yes")
    assert (done.returncode, done.stdout) == (0, "The demo is as new.\n")
    near("credits", "grant", "--user", "ana", "5")
    refused = near("db", "reset-demo", "--yes")
    assert (refused.returncode, refused.stdout) == (5, "")
    assert "users of its own" in refused.stderr
