"""The use cases: who may do them, drafts, offers, grants, and finding things."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from cascade import ledger
from cascade.errors import (
    AmbiguousRun,
    BadLevel,
    InsufficientCredits,
    NotAllowed,
    NothingChanged,
    NotResumable,
    RunActive,
    StalePlan,
    UnknownBeat,
    UnknownRun,
    UnknownStory,
    UnknownUser,
)
from cascade.llm.provider import Answer
from cascade.permissions import ALLOWED
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment, Written
from cascade.service import Actor, Draft, Service
from cascade.settings import Settings
from cascade.store import accounts
from cascade.store.calls import Call
from cascade.store.tables import Draft as DraftRow
from cascade.store.tables import Revision, Run, now
from cascade.story.story import Story

LEVELS = {"midpoint": 4, "allIsLost": 2}


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    """The samples, in a service in which nobody executes."""
    service = Service(
        Settings(database_url=database_url, provider="offline", offline_delay_ms=250, concurrency=4)
    )
    yield service
    service.close()


@pytest.fixture
def story(service: Service) -> Story:
    return service.story("Tinggi Muka Air")


@pytest.fixture
def editor(service: Service) -> Actor:
    return service.actor()


def outsider(service: Service) -> Actor:
    """A user who is a member of another project, with credits there."""
    with service.database.write() as session:
        project_id = accounts.add_project(session, "Another project")
        return accounts.add_user(session, "outsider", "Out Sider", "editor", project_id)


def start(
    service: Service, actor: Actor, story: Story, levels: dict[str, int] | None = None
) -> str:
    return service.start(actor, service.plan(actor, story.id, levels or {"finalImage": 5}).plan)


def save_next(service: Service, run_id: str, text: str = "As new.", latency_ms: int = 40) -> str:
    """Executes one step of a run; its key."""
    with service.database.write() as session:
        runs.begin(session, run_id)
        view = service.run(run_id)
        key = next(step.key for step in view.steps if step.status != "saved")
        assignment = steps.announce(session, run_id, key)
        assert isinstance(assignment, Assignment)
        writer = service.provider
        answer = Answer(text, "stop", writer.model, "0" * 16)
        call = Call(1, "saved", writer.name, writer.model, latency_ms)
        written = Written(answer, assignment.brief, writer.name, writer.prompt_version, call)
        assert steps.save(session, run_id, key, written) == "saved"
        return key


# Who may do what

TABLE = {
    # use case: viewer, editor, producer, a member of another project
    "plan": (True, True, True, False),
    "save_draft": (False, True, True, False),
    "edit_draft": (False, True, True, False),
    "start": (False, True, False, False),
    "cancel": (False, True, True, False),
    "resume": (False, True, False, False),
}


@pytest.mark.parametrize("place", range(4), ids=["viewer", "editor", "producer", "outsider"])
@pytest.mark.parametrize("case", sorted(TABLE))
def test_who_may_do_what(
    service: Service, story: Story, editor: Actor, case: str, place: int
) -> None:
    actor = (
        outsider(service) if place == 3 else service.actor(("viewer", "editor", "producer")[place])
    )
    with service.database.write() as session:
        # So that it is the role that decides, not the credits.
        account = accounts.open_account(session, actor, story.project_id)
        ledger.grant(session, account.id, 100)
    run_id = ""
    if case in ("cancel", "resume"):
        run_id = start(service, editor, story)
    if case == "resume":
        service.cancel(editor, run_id)
    offer = service.plan(editor, story.id, LEVELS)
    cases: dict[str, Callable[[], Any]] = {
        "plan": lambda: service.plan(actor, story.id, LEVELS),
        "save_draft": lambda: service.save_draft(actor, story.id, LEVELS),
        "edit_draft": lambda: service.edit_draft(actor, story.id, LEVELS),
        "start": lambda: service.start(actor, offer.plan),
        "cancel": lambda: service.cancel(actor, run_id),
        "resume": lambda: service.resume(actor, run_id),
    }
    before = [(one.id, one.status) for one in service.runs()]
    if TABLE[case][place]:
        cases[case]()
        return
    with pytest.raises(NotAllowed) as refused:
        cases[case]()
    assert refused.value.message.startswith(f"{actor.name} may not ")
    assert refused.value.exit_code == 5
    assert [(one.id, one.status) for one in service.runs()] == before
    assert service.draft(actor, story.id).levels == {}
    assert service.credits(actor).held == 0


def test_the_table_is_the_one_above() -> None:
    roles = ("viewer", "editor", "producer")
    names = {"plan": "read", "save_draft": "draft", "edit_draft": "draft"}
    for case, row in TABLE.items():
        allowed = {role for role, may in zip(roles, row, strict=False) if may}
        assert set(ALLOWED[names.get(case, case)]) == allowed  # type: ignore[index]
    assert ALLOWED["approve"] == ("producer",)
    assert len(ALLOWED) >= len({names.get(case, case) for case in TABLE}) + 1


def test_actors(service: Service) -> None:
    assert service.actor().name == "editor"
    assert service.actor("producer").name == "producer"
    with pytest.raises(UnknownUser, match='"nobody"') as refused:
        service.actor("nobody")
    assert refused.value.exit_code == 2


# Drafts


def test_a_draft_is_restored_and_is_ones_own(
    service: Service, story: Story, editor: Actor, database_url: str
) -> None:
    producer = service.actor("producer")
    assert service.draft(editor, story.id).levels == {}
    service.save_draft(editor, story.id, LEVELS)
    service.save_draft(producer, story.id, {"finale": 1})
    assert service.draft(editor, story.id).levels == LEVELS
    assert service.draft(producer, story.id).levels == {"finale": 1}
    other = service.stories()[1]
    assert service.draft(editor, other.id).levels == {}
    # By another process too.
    again = Service(Settings(database_url=database_url, provider="offline"))
    assert again.draft(again.actor("editor"), story.id).levels == LEVELS
    again.close()
    # The last one counts, whole.
    service.save_draft(editor, story.id, {"setup": 5})
    assert service.draft(editor, story.id).levels == {"setup": 5}
    service.save_draft(editor, story.id, {})
    assert service.draft(editor, story.id).levels == {}
    assert service.draft(producer, story.id).levels == {"finale": 1}


def test_a_draft_holds_only_what_differs(service: Service, story: Story, editor: Actor) -> None:
    service.save_draft(editor, story.id, {**story.curve, "midpoint": 4})
    assert service.draft(editor, story.id).levels == {"midpoint": 4}
    with service.database.read() as session:
        assert session.get_one(DraftRow, (story.id, editor.user_id)).levels == {"midpoint": 4}


def test_a_draft_does_not_take_what_is_no_level(
    service: Service, story: Story, editor: Actor
) -> None:
    service.save_draft(editor, story.id, {"midpoint": 4})
    for levels, error in (({"midpoint": 6}, BadLevel), ({"ordeal": 3}, UnknownBeat)):
        with pytest.raises(error):
            service.save_draft(editor, story.id, levels)
    with pytest.raises(UnknownStory):
        service.save_draft(editor, "no such story", LEVELS)
    assert service.draft(editor, story.id).levels == {"midpoint": 4}


def test_directions_are_kept_with_the_beats_they_are_for(
    service: Service, story: Story, editor: Actor
) -> None:
    assert service.draft(editor, story.id) == Draft({}, {})
    wishes = {"midpoint": "  keep it\n off-stage ", "finale": "", "setup": "not pending"}
    service.save_draft(editor, story.id, LEVELS, wishes)
    kept = Draft(LEVELS, {"midpoint": "keep it off-stage"})
    assert service.draft(editor, story.id) == kept
    service.save_draft(editor, story.id, LEVELS)
    assert service.draft(editor, story.id) == kept
    service.save_draft(editor, story.id, {})
    service.save_draft(editor, story.id, LEVELS)
    assert service.draft(editor, story.id) == Draft(LEVELS, {})


def test_a_beat_leaves_the_draft_when_its_level_is_saved(
    service: Service, story: Story, editor: Actor
) -> None:
    producer = service.actor("producer")
    draft = {**LEVELS, "finale": 1}
    service.save_draft(editor, story.id, draft)
    service.save_draft(producer, story.id, {"midpoint": 5})
    run_id = start(service, editor, story, LEVELS)
    assert service.draft(editor, story.id).levels == draft
    assert save_next(service, run_id) == "midpoint/beatContent"
    # What the run does not reach stays pending, and so does what others have in mind.
    assert service.draft(editor, story.id).levels == {"allIsLost": 2, "finale": 1}
    assert service.draft(producer, story.id).levels == {"midpoint": 5}
    service.cancel(editor, run_id)
    assert service.draft(editor, story.id).levels == {"allIsLost": 2, "finale": 1}


def test_a_draft_of_another_level_than_the_one_saved_stays(
    service: Service, story: Story, editor: Actor
) -> None:
    run_id = start(service, editor, story, {"midpoint": 4})
    service.save_draft(editor, story.id, {"midpoint": 5})
    save_next(service, run_id)
    assert service.draft(editor, story.id).levels == {"midpoint": 5}


# Offers


def test_an_offer(service: Service, story: Story, editor: Actor) -> None:
    before = service.credits(editor)
    offer = service.plan(editor, story.id, LEVELS, {"midpoint": " slowly "})
    assert offer.plan.estimated_credits == 45
    assert (offer.available, offer.missing) == (500, 0)
    assert offer.plan.change("midpoint").direction == "slowly"
    assert offer.plan.prompt_version == service.provider.prompt_version
    # 2 beats: content, key action, 3 and 2 plots, and the scripts of each at the same time.
    assert offer.expected_seconds == pytest.approx(0.25 * (2 + 3 + 1 + 2 + 2 + 1))
    # It wrote nothing.
    assert service.credits(editor) == before
    assert service.story(story.id) == story
    assert service.runs() == []


def test_an_offer_expects_what_the_last_calls_took(
    service: Service, story: Story, editor: Actor
) -> None:
    def add(count: int, latency_ms: int | None, **fields: str) -> None:
        with service.database.write() as session:
            session.add_all(
                Revision(
                    **{
                        "story_version_id": story.id,
                        "key": "midpoint/keyAction",
                        "digest": "0" * 16,
                        "text": "t",
                        "origin": "run",
                        "provider": service.provider.name,
                        "model": service.provider.model,
                        **fields,
                    },
                    latency_ms=latency_ms,
                )
                for _ in range(count)
            )

    calls = 2 + 3 + 1 + 2 + 2 + 1
    add(9, 9000, model="another")
    add(9, None)
    assert service.plan(editor, story.id, LEVELS).expected_seconds == pytest.approx(0.25 * calls)
    add(60, 9000)
    add(26, 2000)
    # Of the last 50, the middle one.
    assert service.plan(editor, story.id, LEVELS).expected_seconds == pytest.approx(2 * calls)
    assert service.plan(editor, story.id, {}).expected_seconds == 0


def test_an_offer_says_how_many_credits_are_missing(service: Service, story: Story) -> None:
    poor, _ = service.grant("poor", 40)
    offer = service.plan(poor, story.id, LEVELS)
    assert (offer.plan.estimated_credits, offer.available, offer.missing) == (45, 40, 5)
    with pytest.raises(InsufficientCredits) as refused:
        service.start(poor, offer.plan)
    assert refused.value.message.startswith(
        "5 credits are missing: this needs 45 and 40 are available."
    )
    assert refused.value.exit_code == 5
    assert service.runs() == []
    found = service.credits(poor)
    assert (found.available, found.held, len(found.entries)) == (40, 0, 1)
    # One who has no account yet has nothing.
    assert service.plan(service.actor("producer"), story.id, LEVELS).missing == 45


def test_bad_offers(service: Service, story: Story, editor: Actor) -> None:
    with pytest.raises(BadLevel):
        service.plan(editor, story.id, {"midpoint": 0})
    with pytest.raises(UnknownBeat):
        service.plan(editor, story.id, {"ordeal": 3})
    with pytest.raises(UnknownStory):
        service.plan(editor, "no such story", {})
    offer = service.plan(editor, story.id, dict(story.curve))
    assert offer.plan.steps == ()
    with pytest.raises(NothingChanged):
        service.start(editor, offer.plan)


# Runs


def test_starts_that_are_refused_change_nothing(
    service: Service, story: Story, editor: Actor
) -> None:
    offer = service.plan(editor, story.id, LEVELS)
    run_id = start(service, editor, story)
    with pytest.raises(RunActive, match=run_id):
        service.start(editor, offer.plan)
    with pytest.raises(NotResumable, match="it is queued"):
        service.resume(editor, run_id)
    assert service.cancel(editor, run_id) == "cancelled"
    with service.database.write() as session:
        edit = "UPDATE scene_plots SET plot = 'edited' WHERE scene_number = 18"
        session.execute(sa.text(edit))
    with pytest.raises(StalePlan, match="the plot of scene 18"):
        service.start(editor, offer.plan)
    with service.database.write() as session:
        session.execute(
            sa.text("UPDATE scene_plots SET beat_key = 'midpoint' WHERE scene_number = 30")
        )
    fresh = service.plan(editor, story.id, {"finale": 1}).plan
    with service.database.write() as session:
        session.execute(sa.text("UPDATE scene_plots SET beat_key = NULL WHERE scene_number = 34"))
        session.execute(
            sa.text("UPDATE scene_plots SET beat_key = 'finale' WHERE scene_number = 1")
        )
    with pytest.raises(StalePlan, match="its scenes"):
        service.start(editor, fresh)
    assert [one.id for one in service.runs()] == [run_id]
    assert service.balance(editor, story.id) == 500


def test_another_prompt_version_is_another_plan(
    service: Service, story: Story, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = service.plan(editor, story.id, LEVELS).plan
    monkeypatch.setattr(service.provider, "prompt_version", "newer")
    with pytest.raises(StalePlan, match="the writer"):
        service.start(editor, plan)
    assert service.runs() == []


def test_a_queued_run_is_cancelled_at_once(service: Service, story: Story, editor: Actor) -> None:
    run_id = start(service, editor, story, LEVELS)
    assert service.run(run_id).status == "queued"
    assert service.credits(editor).held == 45
    assert service.cancel(service.actor("producer"), run_id) == "cancelled"
    view = service.run(run_id)
    assert (view.used_credits, view.released_credits, view.is_active) == (0, 45, False)
    assert view.is_resumable
    assert service.credits(editor).available == 500
    assert service.cancel(editor, run_id) == "cancelled"
    assert [one["type"] for one in service.events(run_id)] == ["cancelled"]


def test_a_run_whose_executor_is_dead_is_cancelled_at_once(
    service: Service, story: Story, editor: Actor
) -> None:
    run_id = start(service, editor, story, LEVELS)
    save_next(service, run_id)
    assert service.run(run_id).status == "running"
    assert service.cancel(editor, run_id) == "cancelled"
    view = service.run(run_id)
    assert (view.used_credits, view.released_credits) == (3, 42)
    assert service.story(story.id).levels["midpoint"] == 4
    assert service.story(story.id).levels["allIsLost"] == 4


def test_what_a_run_did_not_reach_is_out_of_date(
    service: Service, story: Story, editor: Actor
) -> None:
    assert service.out_of_date(story.id) == set()
    run_id = start(service, editor, story, LEVELS)
    assert service.out_of_date(story.id) == set()
    numbers = [scene.number for scene in story.scenes_of("midpoint")]
    left = {"midpoint/keyAction"}
    left |= {f"midpoint/{kind}/{n}" for kind in ("scenePlot", "script") for n in numbers}
    save_next(service, run_id)
    assert service.out_of_date(story.id) == left
    save_next(service, run_id)
    assert service.out_of_date(story.id) == left - {"midpoint/keyAction"}
    service.cancel(editor, run_id)
    assert service.out_of_date(story.id) == left - {"midpoint/keyAction"}
    assert service.out_of_date(service.stories()[1].id) == set()
    again = service.resume(editor, run_id)
    assert service.run(run_id).resumed_by == again
    assert not service.run(run_id).is_resumable
    assert service.run(again).estimated_credits == 45 - 5
    change = service.run(again).plan.change("midpoint")
    assert (change.previous_level, change.new_level) == (2, 4)
    while service.out_of_date(story.id) & left:
        save_next(service, again)
    assert not {key for key in service.out_of_date(story.id) if key.startswith("midpoint/s")} - {
        f"midpoint/shots/{n}" for n in numbers
    }


def test_shots_of_a_rewritten_scene_are_kept_and_marked(
    service: Service, story: Story, editor: Actor
) -> None:
    scene = next(one for one in story.scenes if one.shots and one.beat_key)
    beat = str(scene.beat_key)
    level = story.curve[beat] % 5 + 1
    run_id = start(service, editor, story, {beat: level})
    while save_next(service, run_id) != f"{beat}/scenePlot/{scene.number}":
        assert f"{beat}/shots/{scene.number}" not in service.out_of_date(story.id)
    assert f"{beat}/shots/{scene.number}" in service.out_of_date(story.id)
    found = service.story(story.id).scene_by_id(scene.id)
    assert found is not None
    assert found.shots == scene.shots


def test_resume_by_one_who_has_too_little(service: Service, story: Story) -> None:
    poor, _ = service.grant("poor", 45)
    run_id = start(service, poor, story, LEVELS)
    save_next(service, run_id)
    service.cancel(poor, run_id)
    other, _ = service.grant("other", 41)
    with pytest.raises(InsufficientCredits, match="1 credits are missing: this needs 42 and 41"):
        service.resume(other, run_id)
    # Credits that came back suffice for the rest.
    assert service.run(service.resume(poor, run_id)).estimated_credits == 42


def test_finding_a_run(service: Service, story: Story, editor: Actor) -> None:
    run_id = start(service, editor, story)
    assert service.find_run(run_id) == run_id
    assert service.find_run(f" {run_id[:6]} ") == run_id
    service.cancel(editor, run_id)
    second = start(service, editor, story)
    assert [one.id for one in service.runs()] == [second, run_id]
    assert [one.id for one in service.runs(limit=1)] == [second]
    assert service.runs(service.stories()[1].id) == []
    assert service.find_run(run_id) == run_id
    # Ids begin with the time: two of one day, and often of one minute, begin alike.
    with pytest.raises(AmbiguousRun) as several:
        service.find_run(run_id[:4])
    assert several.value.message == (
        f'2 runs begin with "{run_id[:4]}". Give more of the id of the one that is meant: '
        "`cascade runs` lists them."
    )
    for one in (run_id, second):
        assert service.find_run(one[:-1]) == one
    for reference in ("", "1", run_id[:3], "%%%%", "____", "nothing"):
        with pytest.raises(UnknownRun) as refused:
            service.find_run(reference)
        assert "cascade runs" in refused.value.message
    with pytest.raises(UnknownRun):
        service.run("nothing")
    with pytest.raises(UnknownRun):
        service.cancel(editor, "nothing")
    with pytest.raises(UnknownRun):
        service.resume(editor, "nothing")
    assert service.events("nothing") == []


def test_finding_a_story(service: Service, story: Story) -> None:
    assert service.story(story.id).id == story.id
    assert service.story("tinggi muka air").id == story.id
    with pytest.raises(UnknownStory, match="cascade stories"):
        service.story("nothing")


# Credits


def test_a_grant_to_one_who_is_known(service: Service, editor: Actor) -> None:
    actor, is_new = service.grant("editor", 7)
    assert (actor, is_new) == (editor, False)
    found = service.credits(editor)
    assert (found.user, found.deposited, found.available) == ("editor", 507, 507)
    assert [(one["kind"], one["credits"]) for one in found.entries] == [
        ("grant", 500),
        ("grant", 7),
    ]
    assert all(one["runId"] is None and one["stepKey"] is None for one in found.entries)
    # A role is not made by a grant.
    viewer, is_new = service.grant("viewer", 50)
    assert not is_new
    with pytest.raises(NotAllowed):
        start(service, viewer, service.story("Tinggi Muka Air"))


def test_a_grant_to_one_who_is_not_known_makes_an_editor(service: Service, story: Story) -> None:
    actor, is_new = service.grant("maya", 12)
    assert is_new
    assert service.actor("maya") == actor
    assert service.grant("maya", 3) == (actor, False)
    assert service.balance(actor, story.id) == 15
    run_id = start(service, actor, story)
    assert service.run(run_id).user == "maya"


def test_credits_tell_every_movement(service: Service, story: Story, editor: Actor) -> None:
    run_id = start(service, editor, story, LEVELS)
    key = save_next(service, run_id)
    service.cancel(editor, run_id)
    found = service.credits(editor)
    assert (found.deposited, found.available, found.held, found.captured) == (500, 497, 0, 3)
    assert [
        (one["kind"], one["credits"], one["runId"], one["stepKey"]) for one in found.entries
    ] == [
        ("grant", 500, None, None),
        ("hold", 45, run_id, None),
        ("capture", 3, run_id, key),
        ("release", 42, run_id, None),
    ]
    assert all(one["at"].endswith("+00:00") for one in found.entries)
    assert service.balance(editor, story.id) == 497
    assert service.balance(service.actor("viewer"), story.id) == 0
    assert service.balance(editor, "no such story") == 0
    nobody = service.credits(service.actor("viewer"))
    assert (nobody.deposited, nobody.entries) == (0, ())


def test_instants_of_runs(service: Service, story: Story, editor: Actor) -> None:
    before = now()
    run_id = start(service, editor, story)
    view = service.run(run_id)
    assert before <= view.created_at <= now()
    assert view.created_at.utcoffset() == before.utcoffset()
    assert (view.started_at, view.finished_at) == (None, None)
    with service.database.read() as session:
        assert session.get_one(Run, run_id).plan_hash == view.plan.hash
