"""A chain of a run and those that resumed it: to a reader one run, and one way back."""

from __future__ import annotations

from typing import Any

import pytest

from cascade.errors import EditedSince, NothingToRestore, NotResumable, RunActive, StalePlan
from cascade.runs import lifecycle as runs
from cascade.service import Desk, Service
from cascade.store import migrate
from tests.helpers.earlier import save_steps
from tests.helpers.editing import edit
from tests.helpers.near import Near
from tests.helpers.product_tables import execute

CAT = "Tinggi Muka Air"
BEATS = ("catalyst", "funAndGames", "midpoint", "allIsLost", "finale")


@pytest.fixture
def desk(service: Service) -> Desk:
    return service.desk(service.actor("editor"))


@pytest.fixture
def story_id(service: Service) -> str:
    return service.operator().story(CAT).id


def start(desk: Desk, story_id: str, *beats: str) -> str:
    curve = desk.story(story_id).curve
    return desk.start(desk.plan(story_id, {beat: curve[beat] % 5 + 1 for beat in beats}).plan)


def save(service: Service, run_id: str, count: int) -> None:
    """Saves so many steps of a run, and ends it as what they say."""
    save_steps(service, run_id, count, by=f" by {run_id}")
    with service.database.write() as session:
        status = runs.lock_run(session, run_id).status
        if status == "running" and count > 98:
            runs.finish(session, run_id)
    if service.operator().run(run_id).status != "done":
        service.desk(service.actor("editor")).cancel(run_id)


def everything(service: Service, story_id: str) -> dict[str, Any]:
    """A story whole, with its levels and marks, as `show --json` has it."""
    return service.operator().document(story_id)


@pytest.mark.parametrize("of", [0, 1, 2])
def test_five_beats_cancelled_resumed_and_restored_are_as_before(
    service: Service, desk: Desk, story_id: str, of: int
) -> None:
    before = everything(service, story_id)
    first = start(desk, story_id, *BEATS)
    save(service, first, 11)
    second = desk.resume(first)
    save(service, second, 5)
    third = desk.resume(second)
    save(service, third, 99)
    ids = [first, second, third]
    chain = desk.run(third).chain
    assert [part.id for part in chain.parts] == ids
    assert [part.status for part in chain.parts] == ["cancelled", "cancelled", "done"]
    assert chain.estimated_credits == desk.run(first).estimated_credits == chain.used_credits
    assert chain.released_credits == 0
    assert [part.used_credits for part in chain.parts] == [desk.run(id).used_credits for id in ids]
    assert desk.run(first).chain == desk.run(second).chain == chain
    replaced = desk.replaced(ids[of])
    assert [one.key for one in replaced] == [step.key for step in chain.plan.steps]

    restored = desk.restore_run(ids[of])
    assert list(restored.keys) == [step.key for step in chain.plan.steps]
    assert (set(restored.levels), restored.left) == (set(BEATS), ())
    assert everything(service, story_id) == before
    for id in ids:
        with pytest.raises(NothingToRestore):
            desk.restore_run(id)
        assert desk.run(id).chain.restored_at is not None


def test_a_chain_that_stopped_early_is_told_and_restored_as_far_as_it_came(
    service: Service, desk: Desk, story_id: str
) -> None:
    before = everything(service, story_id)
    first = start(desk, story_id, *BEATS)
    save(service, first, 3)
    assert desk.run(first).is_resumable
    second = desk.resume(first)
    save(service, second, 12)
    chain = desk.run(second).chain
    assert chain.used_credits == sum(step.credits for step in chain.plan.steps[:15])
    assert chain.released_credits == chain.estimated_credits - chain.used_credits
    page = desk.studio(story_id)
    assert page is not None
    [line] = page.runs.get().listed
    assert (line.id, line.parts, line.status) == (second, 2, "cancelled")
    assert (line.estimated_credits, line.used_credits) == (
        chain.estimated_credits,
        chain.used_credits,
    )
    assert [change.beat_key for change in line.changes] == list(BEATS)

    assert len(desk.restore_run(first).keys) == 15
    assert everything(service, story_id) == before
    assert not desk.run(second).is_resumable
    for order in (desk.offer_to_resume, desk.resume):
        with pytest.raises(NotResumable, match="what it had written was restored"):
            order(second)


def test_what_a_later_run_changed_is_left_and_named(
    service: Service, desk: Desk, story_id: str
) -> None:
    first = start(desk, story_id, "midpoint", "finale")
    save(service, first, 99)
    before_later = desk.story(story_id)
    later = start(desk, story_id, "midpoint")
    save(service, later, 3)
    at_midpoint = desk.story(story_id)
    restored = desk.restore_run(first)
    third_of = [step.key for step in desk.run(later).plan.steps[:3]]
    assert [part.key for part in restored.left] == [*third_of, "midpoint"]
    assert [part.cause for part in restored.left] == ["piece"] * 3 + ["level"]
    assert restored.levels == ("finale",)
    after = desk.story(story_id)
    assert after.curve["midpoint"] == at_midpoint.curve["midpoint"]
    assert [after.text(key) for key in third_of] == [at_midpoint.text(key) for key in third_of]
    assert after.curve["finale"] != before_later.curve["finale"]
    with pytest.raises(EditedSince, match="tension level of Midpoint"):
        desk.restore_run(first)
    # The later one goes back to what stood when it began, level too.
    desk.restore_run(later)
    assert desk.story(story_id).curve["midpoint"] == before_later.curve["midpoint"]
    assert desk.story(story_id).text(third_of[0]) == before_later.text(third_of[0])


def test_a_level_that_a_later_run_gave_again_is_not_taken_back(
    service: Service, desk: Desk, story_id: str
) -> None:
    level = desk.story(story_id).curve["midpoint"]
    runs_ = []
    for new in (level % 5 + 1, level, level % 5 + 1):
        runs_.append(desk.start(desk.plan(story_id, {"midpoint": new}).plan))
        save(service, runs_[-1], 99)
    with pytest.raises(EditedSince, match="tension level of Midpoint"):
        desk.restore_run(runs_[0])
    assert desk.story(story_id).curve["midpoint"] == level % 5 + 1


def test_a_resume_that_would_be_refused_is_not_offered(
    service: Service, desk: Desk, story_id: str
) -> None:
    stopped = start(desk, story_id, "midpoint", "allIsLost")
    save(service, stopped, 3)
    assert desk.offer_to_resume(stopped).plan.steps
    other = start(desk, story_id, "finale")
    for order in (desk.offer_to_resume, desk.resume):
        with pytest.raises(RunActive):
            order(stopped)
    save(service, other, 99)
    # Another beat, far from it: it can still be finished.
    assert desk.offer_to_resume(stopped).plan.steps
    edit(service, story_id, "allIsLost/keyAction", "By somebody else.")
    for order in (desk.offer_to_resume, desk.resume):
        with pytest.raises(StalePlan, match="the key action of All Is Lost"):
            order(stopped)
    # There is no dead end: what is half-written can be brought back in line.
    plan = desk.plan(story_id, {}, stale_beats=["midpoint"]).plan
    rest = start_plan(service, desk, plan)
    assert not [key for key in desk.out_of_date(story_id) if "/shots/" not in key], rest


def start_plan(service: Service, desk: Desk, plan: Any) -> str:
    run_id = desk.start(plan)
    save(service, run_id, 99)
    return run_id


# What a step back takes there alone: on SQLite the table of credits is made anew.
ON_POSTGRES = (
    "DROP FUNCTION cascade_audit_append_only()",
    "ALTER TABLE cascade_credit_entries DROP COLUMN reason",
    "DROP INDEX cascade_ix_credit_entries_account_at",
    "DROP INDEX cascade_ix_credit_entries_lines",
    "CREATE INDEX cascade_ix_credit_entries_account_id ON cascade_credit_entries (account_id)",
)


def test_chains_that_an_earlier_version_put_back_are_known_as_such(
    service: Service, desk: Desk, story_id: str
) -> None:
    whole, part, untouched = (start_and_stop(service, desk, story_id, beat) for beat in BEATS[1:4])
    for one in desk.replaced(whole):
        desk.restore_piece(whole, one.key)
    desk.restore_piece(part, desk.replaced(part)[0].key)
    assert desk.run(whole).chain.restored_at is None
    execute(
        service.database,
        [
            "DROP INDEX cascade_ix_revisions_scene",
            "DROP TABLE cascade_audit",
            "DROP TABLE cascade_project_rules",
            "DROP TABLE cascade_outbox",
            "ALTER TABLE cascade_model_calls DROP COLUMN error_fields",
            "ALTER TABLE cascade_runs DROP COLUMN server",
            "DROP TABLE cascade_requests",
            "DROP INDEX cascade_uq_runs_waiting",
            "DROP INDEX cascade_uq_credit_accounts_project",
            "ALTER TABLE cascade_runs DROP COLUMN note",
            *([] if service.database.is_sqlite else ON_POSTGRES),
            "DROP INDEX cascade_ix_runs_created_at",
            "DROP INDEX cascade_uq_users_issuer_subject",
            *(
                f"ALTER TABLE cascade_users DROP COLUMN {column}"
                for column in (
                    "is_admin",
                    "admin_from_claims",
                    "issuer",
                    "subject",
                    "last_seen_at",
                )
            ),
            "ALTER TABLE cascade_project_members DROP COLUMN from_claims",
            "DROP TABLE cascade_start_keys",
            "DROP TABLE cascade_tokens",
            "DROP INDEX cascade_ix_runs_chain_id",
            "ALTER TABLE cascade_runs DROP COLUMN restored_at",
            "ALTER TABLE cascade_revisions DROP COLUMN reason",
            "UPDATE cascade_alembic_version SET version_num = '0006'",
        ],
    )
    migrate.ensure(service.database)
    restored = {id for id in (whole, part, untouched) if desk.run(id).chain.restored_at}
    assert restored == {whole}
    assert not desk.run(whole).is_resumable
    assert desk.run(part).is_resumable


def start_and_stop(service: Service, desk: Desk, story_id: str, beat: str) -> str:
    run_id = start(desk, story_id, beat)
    save(service, run_id, 2)
    return run_id


def test_the_command_line_names_what_it_left(
    service: Service, desk: Desk, story_id: str, near: Near
) -> None:
    first = start(desk, story_id, "midpoint")
    save(service, first, 2)
    save(service, desk.resume(first), 99)
    edit(service, story_id, "midpoint/keyAction", "By somebody else.")
    listed = {run["id"]: run for run in near.json("runs")}
    [second] = [run for run in listed.values() if run["id"] != first]
    assert (second["resumedFrom"], listed[first]["resumedFrom"]) == (first, None)
    assert len(second["planHash"]) == 64
    done = near("restore", first)
    assert (done.returncode, done.stderr) == (0, "")
    restored, left = done.stdout.splitlines()
    assert restored.startswith("Restored: midpoint/beatContent, midpoint/scenePlot/")
    assert restored.endswith(", midpoint/level")
    assert left.endswith("changed after the run: midpoint/keyAction")
    again = near("restore", second["id"])
    assert (again.returncode, again.stdout) == (5, "")
    assert "the key action of Midpoint" in again.stderr
    refused = near("resume", first)
    assert refused.returncode == 5
