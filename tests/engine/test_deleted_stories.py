"""A product deletes what it likes, when it likes: nothing of Cascade's is in the way, or lost."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from cascade.errors import Refused, StoryGone, UnknownStory
from cascade.llm.provider import Answer
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment, Written
from cascade.service import Service
from cascade.store.calls import Call
from tests.helpers.checking import check_credits
from tests.helpers.earlier import make_busy, save_steps, start, transact
from tests.helpers.near import Near
from tests.helpers.observe import Database, wait_for

GONE = "The story was deleted after this run was planned"


def delete_story(database: Database, story_id: str) -> None:
    """What a product does, from the leaves up; each must be possible."""
    scenes = "SELECT id FROM scene_plots WHERE story_version_id = :id"
    database.execute(f"DELETE FROM scene_shots WHERE scene_plot_id IN ({scenes})", id=story_id)
    database.execute("DELETE FROM scene_plots WHERE story_version_id = :id", id=story_id)
    assert database.execute("DELETE FROM story_versions WHERE id = :id", id=story_id) == 1


def delete_all(database: Database) -> None:
    for row in database.query("SELECT id FROM story_versions"):
        delete_story(database, row["id"])
    assert database.execute("DELETE FROM projects") == 1


def check_conflict(service: Service, run_id: str) -> None:
    """The run ended as a conflict, what it had not used is given back."""
    run = service.operator().run(run_id)
    assert (run.status, run.error_code) == ("failed", "conflict")
    assert run.error_fields == {"cause": "story_gone"}
    assert run.error is not None
    assert run.error.startswith(GONE)
    assert run.released_credits == run.estimated_credits - run.used_credits
    end = service.operator().events(run_id)[-1]
    assert (end["type"], end["code"]) == ("error", "conflict")


def test_runs_in_every_state_outlive_their_stories_and_their_project(
    database_url: str, service: Service
) -> None:
    database, ids = Database(database_url), make_busy(database_url)
    stories = {run.id: run.story_id for run in service.operator().runs()}
    before = {run.id: run for run in service.operator().runs()}
    events = {run_id: service.operator().events(run_id) for run_id in ids.values()}
    delete_all(database)
    editor = service.actor("editor")
    assert service.operator().stories() == []
    assert {run.id: run for run in service.operator().runs()} == before
    assert {run_id: service.operator().events(run_id) for run_id in ids.values()} == events
    check_credits(asdict(service.desk(editor).credits()))
    [first, *_] = wrote = service.operator().replaced(ids["done"])
    assert len(wrote) == len(before[ids["done"]].steps)
    assert first.after == "“New” words é go/beatContent."
    assert first.before
    assert not any(one.stands or one.is_back for one in wrote)
    for story_id in set(stories.values()):
        desk, operator = service.desk(editor), service.operator()
        for read in (
            desk.pulse,
            desk.balance,
            desk.permitted,
            desk.story,
            operator.story,
            operator.writers,
            operator.document,
        ):
            with pytest.raises(UnknownStory):
                read(story_id)
        with pytest.raises(UnknownStory):
            service.desk(editor).draft(story_id)
        with pytest.raises(UnknownStory):
            service.desk(editor).save_draft(story_id, {"midpoint": 4})
    for run_id in (ids["done"], ids["failed"]):
        with pytest.raises(StoryGone, match=f"The story of run {run_id} has been deleted"):
            service.desk(editor).restore_run(run_id)
        with pytest.raises(StoryGone):
            service.desk(editor).restore_piece(run_id, "go/beatContent")
    for run_id in (ids["failed"], ids["cancelled"]):
        with pytest.raises(StoryGone):
            service.desk(editor).resume(run_id)
    with pytest.raises(Refused):
        service.desk(editor).accept(ids["failed"], "take/script/5")
    # Whoever might cancel it before may still.
    with pytest.raises(Refused, match="viewer"):
        service.desk(service.actor("viewer")).cancel(ids["queued"])
    assert service.desk(editor).cancel(ids["queued"]) == "cancelled"
    assert service.operator().run(ids["queued"]).used_credits == 0
    with service.executing():
        wait_for(lambda: not service.operator().run(ids["running"]).is_active, "the run to end", 60)
        wait_for(
            lambda: not service.operator().run(ids["cancelling"]).is_active, "the other to end", 60
        )
    check_conflict(service, ids["running"])
    assert service.operator().run(ids["running"]).used_credits == 3
    assert service.operator().run(ids["cancelling"]).status == "cancelled"
    credits = service.desk(editor).credits()
    check_credits(asdict(credits))
    assert (credits.held, credits.deposited) == (0, 500)


def test_deleted_before_its_run_begins(database_url: str, service: Service) -> None:
    database, [_, hero, _] = Database(database_url), service.operator().stories()
    run_id = start(service, hero.id, "ordeal")
    delete_story(database, hero.id)
    with service.executing():
        list(service.operator().follow(run_id))
    check_conflict(service, run_id)
    assert service.operator().run(run_id).used_credits == 0
    assert service.desk(service.actor("editor")).credits().held == 0


@pytest.mark.parametrize("what", ["story", "structure"])
def test_gone_while_a_text_is_written(database_url: str, service: Service, what: str) -> None:
    database, [_, hero, _] = Database(database_url), service.operator().stories()
    run_id = start(service, hero.id, "ordeal")
    [key, *_] = save_steps(service, run_id, 1)
    found = transact(service, steps.announce, run_id, key)
    assert isinstance(found, Assignment)
    if what == "story":
        delete_story(database, hero.id)
    else:
        database.execute("UPDATE story_versions SET structure_type = 'other'")
    call = Call(1, "saved", "offline", "m", 5)
    written = Written(Answer("Too late.", "stop", "m", "h"), found.brief, "offline", "1", call)
    assert transact(service, steps.save, run_id, key, written) == "failed"
    transact(service, runs.finish, run_id)
    run = service.operator().run(run_id)
    assert (run.status, run.error_code, run.used_credits) == ("failed", "conflict", 3)
    assert database.value("SELECT count(*) FROM cascade_revisions WHERE text = 'Too late.'") == 0
    if what == "story":
        check_conflict(service, run_id)
    else:
        assert run.error_fields == {"cause": "header"}
    assert service.desk(service.actor("editor")).credits().held == 0


def test_the_command_line_says_so(database_url: str, service: Service) -> None:
    near, database = Near(database_url), Database(database_url)
    _, hero, _ = service.operator().stories()
    run_id = start(service, hero.id, "ordeal")
    save_steps(service, run_id, 1)
    near("cancel", run_id)
    delete_story(database, hero.id)
    for command in ("restore", "resume"):
        done = near(command, run_id)
        assert done.returncode == 5
        assert f"The story of run {run_id} has been deleted" in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
    assert near("show", hero.id).returncode == 2
    assert near("plan", hero.id, "--set", "ordeal=1").returncode == 2
    assert [run["storyId"] for run in near.json("runs")] == [hero.id]
    assert near("events", run_id).returncode == 0
    assert near.json("credits")["held"] == 0
    # A story that was in the samples is no demo's any more.
    done = near("db", "reset-demo", "--yes")
    assert (done.returncode, done.stdout) == (5, "")
    assert "lacks the samples" in done.stderr


def test_a_demo_is_put_back_after_a_story_of_it_was_worked_on_and_deleted(
    database_url: str, service: Service, tmp_path: Path
) -> None:
    near, database = Near(database_url), Database(database_url)
    document = tmp_path / "story.json"
    document.write_text(near("show", "A Hundred Diameters", "--json").stdout)
    story_id = near("import", str(document)).stdout.strip()
    run_id = start(service, story_id, "ordeal")
    save_steps(service, run_id, 2)
    service.desk(service.actor("editor")).save_draft(story_id, {"ordeal": 1})
    near("cancel", run_id)
    delete_story(database, story_id)
    assert service.operator().is_demo()
    service.operator().reset_demo()
    assert service.operator().runs() == []
    for table in ("drafts", "pieces", "revisions", "run_steps", "run_events", "model_calls"):
        assert database.value(f"SELECT count(*) FROM cascade_{table}") == 0, table
    credits = service.desk(service.actor("editor")).credits()
    assert (credits.available, len(credits.entries)) == (500, 1)


def test_credits_are_granted_where_a_project_still_is(database_url: str, service: Service) -> None:
    database = Database(database_url)
    delete_all(database)
    database.execute("INSERT INTO projects (id, name) VALUES ('new', 'New')")
    actor, is_new = service.operator().grant("editor", 7)
    assert not is_new
    accounts = "SELECT project_id FROM cascade_credit_accounts WHERE available = 7"
    assert database.value(accounts) == "new"
    assert service.desk(actor).credits().available == 507
