"""The use cases: who may do them, drafts, offers, grants, and finding things."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

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
from cascade.exits import exit_code
from cascade.service import Actor, Funds, Service
from cascade.settings import Settings
from cascade.store.tables import Revision, Run, now
from cascade.story.story import Story
from tests.helpers.seeded_fixtures import database_url
from tests.service.people import save_next

__all__ = ["database_url"]

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
    return service.operator().story("Tinggi Muka Air")


@pytest.fixture
def editor(service: Service) -> Actor:
    return service.actor()


def start(
    service: Service, actor: Actor, story: Story, levels: dict[str, int] | None = None
) -> str:
    return service.desk(actor).start(
        service.desk(actor).plan(story.id, levels or {"finalImage": 5}).plan
    )


def test_actors(service: Service) -> None:
    assert service.actor().name == "editor"
    assert service.actor("producer").name == "producer"
    with pytest.raises(UnknownUser, match='"nobody"') as refused:
        service.actor("nobody")
    assert exit_code(refused.value) == 2


# Offers


def test_an_offer(service: Service, story: Story, editor: Actor) -> None:
    before = service.desk(editor).credits()
    offer = service.desk(editor).plan(story.id, LEVELS, {"midpoint": " slowly "})
    assert offer.plan.estimated_credits == 45
    assert (offer.available, offer.missing) == (500, 0)
    assert offer.plan.change("midpoint").direction == "slowly"
    assert offer.plan.prompt_version == service.provider.prompt_version
    # 2 beats: content, key action, the plots of each at the same time, and then its scripts.
    assert offer.expected_seconds == pytest.approx(0.25 * (2 + 1 + 1 + 2 + 1 + 1))
    # It wrote nothing.
    assert service.desk(editor).credits() == before
    assert service.operator().story(story.id) == story
    assert service.operator().runs() == []


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

    calls = 2 + 1 + 1 + 2 + 1 + 1
    add(9, 9000, model="another")
    add(9, None)
    assert service.desk(editor).plan(story.id, LEVELS).expected_seconds == pytest.approx(
        0.25 * calls
    )
    add(60, 9000)
    add(26, 2000)
    # Of the last 50, the middle one.
    assert service.desk(editor).plan(story.id, LEVELS).expected_seconds == pytest.approx(2 * calls)
    assert service.desk(editor).plan(story.id, {}).expected_seconds == 0


def test_an_offer_says_how_many_credits_are_missing(service: Service, story: Story) -> None:
    poor, _ = service.operator().grant("poor", 40)
    offer = service.desk(poor).plan(story.id, LEVELS)
    assert (offer.plan.estimated_credits, offer.available, offer.missing) == (45, 40, 5)
    with pytest.raises(InsufficientCredits) as refused:
        service.desk(poor).start(offer.plan)
    assert refused.value.message.startswith(
        "5 credits are missing: this needs 45 and 40 are available."
    )
    assert exit_code(refused.value) == 5
    assert service.operator().runs() == []
    found = service.desk(poor).credits()
    assert (found.available, found.held, len(found.entries)) == (40, 0, 1)
    # One who has no account yet has nothing.
    assert service.desk(service.actor("producer")).plan(story.id, LEVELS).missing == 45


def test_bad_offers(service: Service, story: Story, editor: Actor) -> None:
    with pytest.raises(BadLevel):
        service.desk(editor).plan(story.id, {"midpoint": 0})
    with pytest.raises(UnknownBeat):
        service.desk(editor).plan(story.id, {"ordeal": 3})
    with pytest.raises(UnknownStory):
        service.desk(editor).plan("no such story", {})
    offer = service.desk(editor).plan(story.id, dict(story.curve))
    assert offer.plan.steps == ()
    with pytest.raises(NothingChanged):
        service.desk(editor).start(offer.plan)


# Runs


def test_starts_that_are_refused_change_nothing(
    service: Service, story: Story, editor: Actor
) -> None:
    offer = service.desk(editor).plan(story.id, LEVELS)
    run_id = start(service, editor, story)
    with pytest.raises(RunActive, match=run_id):
        service.desk(editor).start(offer.plan)
    with pytest.raises(NotResumable, match="it is queued"):
        service.desk(editor).resume(run_id)
    assert service.desk(editor).cancel(run_id) == "cancelled"
    with service.database.write() as session:
        edit = "UPDATE scene_plots SET plot = 'edited' WHERE scene_number = 18"
        session.execute(sa.text(edit))
    with pytest.raises(StalePlan, match="the plot of scene 18"):
        service.desk(editor).start(offer.plan)
    with service.database.write() as session:
        session.execute(
            sa.text("UPDATE scene_plots SET beat_key = 'midpoint' WHERE scene_number = 30")
        )
    fresh = service.desk(editor).plan(story.id, {"finale": 1}).plan
    with service.database.write() as session:
        session.execute(sa.text("UPDATE scene_plots SET beat_key = NULL WHERE scene_number = 34"))
        session.execute(
            sa.text("UPDATE scene_plots SET beat_key = 'finale' WHERE scene_number = 1")
        )
    with pytest.raises(StalePlan, match="its scenes"):
        service.desk(editor).start(fresh)
    assert [one.id for one in service.operator().runs()] == [run_id]
    assert service.desk(editor).balance(story.id) == 500


def test_another_prompt_version_is_another_plan(
    service: Service, story: Story, editor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = service.desk(editor).plan(story.id, LEVELS).plan
    monkeypatch.setattr(service.provider, "prompt_version", "newer")
    with pytest.raises(StalePlan, match="the writer"):
        service.desk(editor).start(plan)
    assert service.operator().runs() == []


def test_a_queued_run_is_cancelled_at_once(service: Service, story: Story, editor: Actor) -> None:
    run_id = start(service, editor, story, LEVELS)
    assert service.operator().run(run_id).status == "queued"
    assert service.desk(editor).credits().held == 45
    assert service.desk(service.actor("producer")).cancel(run_id) == "cancelled"
    view = service.operator().run(run_id)
    assert (view.used_credits, view.released_credits, view.is_active) == (0, 45, False)
    assert view.is_resumable
    assert service.desk(editor).credits().available == 500
    assert service.desk(editor).cancel(run_id) == "cancelled"
    assert [one["type"] for one in service.operator().events(run_id)] == ["cancelled"]


def test_a_run_whose_executor_is_dead_is_cancelled_at_once(
    service: Service, story: Story, editor: Actor
) -> None:
    run_id = start(service, editor, story, LEVELS)
    save_next(service, run_id)
    assert service.operator().run(run_id).status == "running"
    assert service.desk(editor).cancel(run_id) == "cancelled"
    view = service.operator().run(run_id)
    assert (view.used_credits, view.released_credits) == (3, 42)
    assert service.operator().story(story.id).levels["midpoint"] == 4
    assert service.operator().story(story.id).levels["allIsLost"] == 4


def test_what_a_run_did_not_reach_is_out_of_date(
    service: Service, story: Story, editor: Actor
) -> None:
    def marked() -> set[str]:
        return set(service.operator().out_of_date(story.id))

    assert not marked()
    run_id = start(service, editor, story, LEVELS)
    assert not marked()
    scenes = story.scenes_of("midpoint")
    numbers = [scene.number for scene in scenes]
    left = {"midpoint/keyAction"} | {f"midpoint/shots/{one.number}" for one in scenes if one.shots}
    left |= {f"midpoint/{kind}/{n}" for kind in ("scenePlot", "script") for n in numbers}
    save_next(service, run_id)
    assert marked() == left
    why = service.operator().out_of_date(story.id)["midpoint/keyAction"]
    assert (why.cause, why.before, why.now, why.by) == ("level", 2, 4, "Sample Editor")
    assert why.run_id == run_id
    save_next(service, run_id)
    assert marked() == left - {"midpoint/keyAction"}
    service.desk(editor).cancel(run_id)
    assert marked() == left - {"midpoint/keyAction"}
    assert service.operator().out_of_date(service.operator().stories()[1].id) == {}
    again = service.desk(editor).resume(run_id)
    assert service.operator().run(run_id).resumed_by == again
    assert not service.operator().run(run_id).is_resumable
    assert service.operator().run(again).estimated_credits == 45 - 5
    change = service.operator().run(again).plan.change("midpoint")
    assert (change.previous_level, change.new_level) == (2, 4)
    shots = {f"midpoint/shots/{one.number}" for one in scenes if one.shots}
    while marked() & (left - shots):
        save_next(service, again)
    assert {key for key in marked() if key.startswith("midpoint/")} == shots


def test_shots_of_a_rewritten_scene_are_kept_and_marked(
    service: Service, story: Story, editor: Actor
) -> None:
    scene = next(one for one in story.scenes if one.shots and one.beat_key)
    beat = str(scene.beat_key)
    level = story.curve[beat] % 5 + 1
    run_id = start(service, editor, story, {beat: level})
    shots = f"{beat}/shots/{scene.number}"
    while save_next(service, run_id) != f"{beat}/script/{scene.number}":
        assert shots in service.operator().out_of_date(story.id), "drawn for another level"
    assert shots in service.operator().out_of_date(story.id)
    desk = service.desk(editor)
    desk.fits(story.id, shots)
    assert shots not in service.operator().out_of_date(story.id)
    found = service.operator().story(story.id).scene_by_id(scene.id)
    assert found is not None
    assert found.shots == scene.shots


def test_resume_by_one_who_has_too_little(service: Service, story: Story) -> None:
    poor, _ = service.operator().grant("poor", 45)
    run_id = start(service, poor, story, LEVELS)
    save_next(service, run_id)
    service.desk(poor).cancel(run_id)
    other, _ = service.operator().grant("other", 41)
    with pytest.raises(InsufficientCredits, match="1 credits are missing: this needs 42 and 41"):
        service.desk(other).resume(run_id)
    # Credits that came back suffice for the rest.
    assert service.operator().run(service.desk(poor).resume(run_id)).estimated_credits == 42


def test_finding_a_run(service: Service, story: Story, editor: Actor) -> None:
    run_id = start(service, editor, story)
    assert service.operator().find_run(run_id) == run_id
    assert service.operator().find_run(f" {run_id[:6]} ") == run_id
    service.desk(editor).cancel(run_id)
    second = start(service, editor, story)
    assert [one.id for one in service.operator().runs()] == [second, run_id]
    assert [one.id for one in service.operator().runs(limit=1)] == [second]
    assert service.operator().runs(service.operator().stories()[1].id) == []
    assert service.operator().find_run(run_id) == run_id
    # Ids begin with the time: two of one day, and often of one minute, begin alike.
    with pytest.raises(AmbiguousRun) as several:
        service.operator().find_run(run_id[:4])
    assert several.value.message == (
        f'2 runs begin with "{run_id[:4]}". Give more of the id of the one that is meant: '
        "`cascade runs` lists them."
    )
    for one in (run_id, second):
        assert service.operator().find_run(one[:-1]) == one
    for reference in ("", "1", run_id[:3], "%%%%", "____", "nothing"):
        with pytest.raises(UnknownRun) as refused:
            service.operator().find_run(reference)
        assert "cascade runs" in refused.value.message
    with pytest.raises(UnknownRun):
        service.operator().run("nothing")
    with pytest.raises(UnknownRun):
        service.desk(editor).cancel("nothing")
    with pytest.raises(UnknownRun):
        service.desk(editor).resume("nothing")
    with pytest.raises(UnknownRun):
        service.operator().events("nothing")


def test_finding_a_story(service: Service, story: Story) -> None:
    assert service.operator().story(story.id).id == story.id
    assert service.operator().story("tinggi muka air").id == story.id
    with pytest.raises(UnknownStory, match="cascade stories"):
        service.operator().story("nothing")


# Credits


def test_a_grant_to_one_who_is_known(service: Service, editor: Actor) -> None:
    actor, is_new = service.operator().grant("editor", 7)
    assert (actor, is_new) == (editor, False)
    found = service.desk(editor).credits()
    assert (found.user, found.deposited, found.available) == ("editor", 507, 507)
    assert [(one["kind"], one["credits"]) for one in found.entries] == [
        ("grant", 500),
        ("grant", 7),
    ]
    assert all(one["runId"] is None and one["stepKey"] is None for one in found.entries)
    # A role is not made by a grant.
    viewer, is_new = service.operator().grant("viewer", 50)
    assert not is_new
    with pytest.raises(NotAllowed):
        start(service, viewer, service.operator().story("Tinggi Muka Air"))


def test_a_grant_to_one_who_is_not_known_makes_an_editor(service: Service, story: Story) -> None:
    actor, is_new = service.operator().grant("maya", 12)
    assert is_new
    assert service.actor("maya") == actor
    assert service.operator().grant("maya", 3) == (actor, False)
    assert service.desk(actor).balance(story.id) == 15
    run_id = start(service, actor, story)
    assert service.operator().run(run_id).user == "maya"


def test_a_page_lists_the_newest_runs_of_its_story(
    service: Service, story: Story, editor: Actor
) -> None:
    desk = service.desk(editor)
    ids = []
    for _ in range(7):
        ids.append(start(service, editor, story, LEVELS))
        desk.cancel(ids[-1])
    page, whole = desk.studio(story.id), desk.studio(story.id, all_runs=True)
    assert page is not None
    assert whole is not None
    found, every = page.runs.get(), whole.runs.get()
    assert [one.id for one in found.listed] == ids[:1:-1]
    assert found.has_more
    assert [one.id for one in every.listed] == ids[::-1]
    assert not every.has_more
    first = found.listed[0]
    assert (first.status, first.display_name) == ("cancelled", "Sample Editor")
    assert (first.used_credits, first.estimated_credits) == (0, 45)
    assert [(one.beat_key, one.new_level) for one in first.changes] == list(LEVELS.items())


def test_credits_tell_every_movement(service: Service, story: Story, editor: Actor) -> None:
    run_id = start(service, editor, story, LEVELS)
    key = save_next(service, run_id)
    assert service.desk(editor).funds(story.id) == Funds(455, 42)
    assert service.desk(service.actor("viewer")).funds(story.id) == Funds(0, 0)
    service.desk(editor).cancel(run_id)
    assert service.desk(editor).funds(story.id) == Funds(497, 0)
    found = service.desk(editor).credits()
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
    assert service.desk(editor).balance(story.id) == 497
    assert service.desk(service.actor("viewer")).balance(story.id) == 0
    with pytest.raises(UnknownStory):
        service.desk(editor).balance("no such story")
    nobody = service.desk(service.actor("viewer")).credits()
    assert (nobody.deposited, nobody.entries) == (0, ())


def test_instants_of_runs(service: Service, story: Story, editor: Actor) -> None:
    before = now()
    run_id = start(service, editor, story)
    view = service.operator().run(run_id)
    assert before <= view.created_at <= now()
    assert view.created_at.utcoffset() == before.utcoffset()
    assert (view.started_at, view.finished_at) == (None, None)
    with service.database.read() as session:
        assert session.get_one(Run, run_id).plan_hash == view.plan.hash
