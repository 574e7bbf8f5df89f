"""Requests: what has to be asked for, what a decision does, and what takes a request's ground."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from cascade.errors import (
    AlreadyDecided,
    BudgetExceeded,
    CascadeError,
    InsufficientCredits,
    NotARequest,
    NotAsker,
    OwnRequest,
    ReasonMissing,
    RequestExpired,
    RequestVoid,
    RunActive,
)
from cascade.service import Desk, Service
from cascade.settings import Settings
from cascade.store.tables import Run
from tests.helpers.checking import check_credits
from tests.helpers.observe import Database
from tests.helpers.unqueued import add_story

from .people import PRICE, People, asked, delete, edit, failed, start, stopped


def funds(people: People, role: str = "editor") -> tuple[int, int]:
    found = people.desk(role).funds(people.mine)
    return found.available, found.held


def refused(ask: Callable[[], object]) -> CascadeError:
    with pytest.raises(CascadeError) as error:
        ask()
    return error.value


def test_a_plan_up_to_the_threshold_starts_and_one_above_it_waits(
    people: People, editor: Desk
) -> None:
    operator, before = people.service.operator(), funds(people)
    operator.set_project(people.home, {"approve_above": PRICE})
    offer = editor.plan(people.mine, {"finale": 1})
    assert (offer.plan.estimated_credits, offer.needs) == (PRICE, None)
    run_id = editor.start(offer.plan)
    assert editor.run(run_id).status == "queued"
    editor.cancel(run_id)
    operator.set_project(people.home, {"approve_above": PRICE - 1})
    offer = editor.plan(people.mine, {"finale": 1})
    assert offer.needs == "threshold"
    run_id = editor.start(offer.plan, note=" Before \n the festival ")
    run = editor.run(run_id)
    assert (run.status, run.note, run.released_credits) == (
        "awaiting_approval",
        "Before the festival",
        0,
    )
    [event] = editor.events(run_id)
    assert {key: event[key] for key in ("type", "seq", "estimatedCredits", "planHash")} == {
        "type": "awaiting_approval",
        "seq": 1,
        "estimatedCredits": PRICE,
        "planHash": offer.plan.hash,
    }
    assert funds(people) == before, "nothing is held before it is approved"
    assert editor.active_run(people.mine) is None


def test_an_approved_one_holds_once_runs_and_is_told(
    people: People, editor: Desk, producer: Desk
) -> None:
    run_id, (had, _) = asked(people), funds(people)
    producer.approve(run_id)
    assert funds(people) == (had - PRICE, PRICE)
    assert producer.run(run_id).status == "queued"
    with people.service.executing():
        told = [event["type"] for event in editor.follow(run_id)]
    assert (told[:2], told[-1]) == (["awaiting_approval", "start"], "done")
    assert funds(people) == (had - PRICE, 0)
    check_credits(vars_of(editor))
    deeds = [
        (one.action, one.object, one.user, one.reason)
        for one in producer.audit_after()
        if one.action.startswith("request.")
    ]
    assert deeds == [
        ("request.ask", run_id, "editor", "For the festival"),
        ("request.approve", run_id, "producer", None),
    ]


def vars_of(desk: Desk) -> dict[str, object]:
    found = desk.credits()
    return {name: getattr(found, name) for name in found.__slots__}


def test_one_decision_and_the_other_sees_whose(people: People, producer: Desk) -> None:
    run_id = asked(people)
    producer.approve(run_id)
    for late in (
        lambda: people.desk("admin").decline(run_id, "No"),
        lambda: people.desk("admin").approve(run_id),
        lambda: producer.ask_for_changes(run_id, "Shorter"),
    ):
        error = refused(late)
        assert isinstance(error, AlreadyDecided)
        assert (error.fields["cause"], error.fields["by"]) == ("approved", "Sample Producer")
    assert funds(people)[1] == PRICE


@pytest.mark.parametrize("second", ["approve", "decline"])
def test_two_deciders_at_once_come_to_one_decision(
    people: People, database_url: str, second: str
) -> None:
    settings = Settings(database_url=database_url, provider="offline", offline_delay_ms=0)
    with closing(Service(settings)) as other:
        for n in range(4):
            run_id = asked(people)
            one = people.desk("producer")
            two = other.desk(people.actors["admin"])

            def decide(desk: Desk, how: str, run_id: str = run_id) -> str | None:
                try:
                    desk.approve(run_id) if how == "approve" else desk.decline(run_id, "No")
                except AlreadyDecided as error:
                    return str(error.fields["by"])
                return None

            with ThreadPoolExecutor(2) as pool:
                outcomes = [
                    found.result()
                    for found in (
                        pool.submit(decide, one, "approve"),
                        pool.submit(decide, two, second),
                    )
                ]
            assert outcomes.count(None) == 1, n
            loser = next(by for by in outcomes if by is not None)
            assert loser == ("Sample Producer" if outcomes[0] is None else "An Admin")
            status = people.service.operator().run(run_id).status
            approved = outcomes[0] is None or second == "approve"
            assert status == ("queued" if approved else "rejected")
            assert funds(people)[1] == (PRICE if approved else 0)
            if approved:
                people.desk("editor").cancel(run_id)


def test_never_ones_own(people: People) -> None:
    run_id = asked(people, "admin")
    for how in (
        lambda: people.desk("admin").approve(run_id),
        lambda: people.desk("admin").decline(run_id, "No"),
        lambda: people.desk("admin").ask_for_changes(run_id, "Shorter"),
    ):
        assert isinstance(refused(how), OwnRequest)
    assert isinstance(refused(lambda: people.desk("editor").withdraw(run_id)), NotAsker)
    people.desk("producer").approve(run_id)


def test_declined_and_asked_for_changes(people: People, editor: Desk, producer: Desk) -> None:
    run_id = asked(people)
    for empty in ("", " \n "):
        assert isinstance(refused(partial(producer.decline, run_id, empty)), ReasonMissing)
    producer.ask_for_changes(run_id, "Two beats at most")
    own = editor.own_request(people.mine)
    assert own is not None
    assert own.valid
    assert [(one.by, one.text) for one in own.asked.comments] == [
        ("Sample Producer", "Two beats at most")
    ]
    producer.decline(run_id, "Not this month")
    run, end = editor.run(run_id), editor.events(run_id)[-1]
    assert (run.status, end["type"], end["reason"]) == (
        "rejected",
        "rejected",
        "Declined by Sample Producer: Not this month",
    )
    assert run.released_credits == 0
    own = editor.own_request(people.mine)
    assert own is not None
    assert (own.asked.decision, own.asked.decided_by) == ("declined", "Sample Producer")
    assert producer.waiting() == []


def test_a_newer_one_takes_the_place_of_the_older(
    people: People, editor: Desk, producer: Desk
) -> None:
    older, others = asked(people), asked(people, "admin")
    newer = editor.start(editor.plan(people.mine, {"finale": 2}).plan, ask=True)
    assert {one.asked.run_id for one in producer.waiting()} == {others, newer}
    error = refused(lambda: producer.approve(older))
    assert isinstance(error, AlreadyDecided)
    assert error.fields["cause"] == "replaced"
    assert editor.events(older)[-1]["type"] == "rejected"


def test_withdrawn_by_who_asked_or_cancelled(people: People, editor: Desk, producer: Desk) -> None:
    for stop in (editor.withdraw, editor.cancel, producer.cancel):
        run_id = asked(people)
        stop(run_id)
        assert editor.run(run_id).status == "cancelled"
        assert editor.events(run_id)[-1]["type"] == "cancelled"
        assert isinstance(refused(partial(producer.approve, run_id)), AlreadyDecided)
    assert people.service.operator().waiting() == []


def test_what_changes_the_plan_voids_it_and_is_named(
    people: People, editor: Desk, producer: Desk, database_url: str
) -> None:
    run_id = asked(people)
    edit(people)
    [seen] = producer.waiting()
    assert not seen.valid
    assert seen.why_not is not None
    assert seen.why_not.fields["cause"] == "level"
    before = Database(database_url).everything()
    assert people.service.operator().waiting()[0].asked.run_id == run_id
    assert people.desk("viewer").look_at_request(run_id).asked.is_waiting
    assert Database(database_url).everything() == before, "those whom it does not concern end none"
    held = funds(people)
    error = refused(lambda: producer.approve(run_id))
    assert isinstance(error, RequestVoid)
    assert "Finale" in error.message
    assert funds(people) == held
    end = editor.events(run_id)[-1]
    assert end["type"] == "rejected"
    assert "Finale" in end["reason"]
    assert producer.waiting() == []


@pytest.mark.parametrize("role", ["editor", "producer"])
def test_a_look_of_who_it_concerns_ends_a_void_one(people: People, role: str) -> None:
    run_id = asked(people)
    edit(people)
    assert people.desk(role).look_at_request(run_id).asked.decision == "void"
    assert people.service.operator().run(run_id).status == "rejected"


def test_a_deleted_story_voids_it(people: People, editor: Desk, database_url: str) -> None:
    story = editor.story(people.mine)
    story_id = add_story(people.service, story).id
    run_id = editor.start(editor.plan(story_id, {"finale": 1}).plan, ask=True)
    delete(database_url, story_id)
    [seen] = people.desk("producer").waiting()
    assert seen.why_not is not None
    error = refused(lambda: people.desk("producer").approve(run_id))
    assert (error.code, error.fields["cause"]) == ("request_void", "story_gone")


def test_it_keeps_nobody_from_the_story_but_waits_for_its_run(
    people: People, editor: Desk, producer: Desk
) -> None:
    run_id = asked(people)
    other = start(people, {"setup": 4})
    assert isinstance(refused(lambda: producer.approve(run_id)), RunActive)
    assert editor.run(run_id).status == "awaiting_approval"
    editor.cancel(other)
    producer.approve(run_id)


def test_it_ends_after_its_days(people: People, database_url: str) -> None:
    run_id, gone = asked(people), datetime.now(UTC) - timedelta(days=30)
    with people.service.database.write() as session:
        session.get_one(Run, run_id).created_at = gone
    [seen] = people.desk("producer").waiting()
    assert not seen.valid
    assert seen.expires_at <= datetime.now(UTC)
    assert isinstance(refused(lambda: people.desk("producer").approve(run_id)), RequestExpired)
    again = asked(people)
    with people.service.database.write() as session:
        session.get_one(Run, again).created_at = gone
    with people.service.executing():
        last = list(people.service.operator().follow(again))[-1]
    assert (last["type"], people.service.operator().run(again).error_code) == (
        "rejected",
        "request_expired",
    )


def test_the_project_pays_whole_where_the_editor_cannot(people: People, editor: Desk) -> None:
    operator = people.service.operator()
    home, admin = people.home, people.desk("admin")
    admin.grant("editor", 32 - funds(people)[0], home, "As a test")
    plan = editor.plan(people.mine, {"finale": 1}).plan
    assert isinstance(refused(lambda: editor.start(plan)), InsufficientCredits)
    operator.grant_project(PRICE - 1, home)
    assert editor.plan(people.mine, {"finale": 1}).needs is None
    assert isinstance(refused(lambda: editor.start(plan, ask=True)), InsufficientCredits)
    operator.grant_project(1, home)
    assert editor.plan(people.mine, {"finale": 1}).needs == "credits"
    run_id = editor.start(plan)
    [seen] = people.desk("producer").waiting()
    assert seen.payer is not None
    assert (seen.payer.is_project, seen.payer.available, seen.payer.after) == (True, PRICE, 0)
    [own] = editor.waiting()
    assert own.payer is None, "what the project has is not the editor's to see"
    people.desk("producer").approve(run_id)
    assert funds(people) == (32, 0)
    [shared] = [one for one in people.desk("producer").money().accounts if not one.user]
    assert (shared.available, shared.held) == (0, PRICE)
    with people.service.executing():
        assert list(editor.follow(run_id))[-1]["type"] == "done"
    statement = people.desk("producer").statement(home)
    assert statement.opening + statement.grants - statement.captures == statement.closing
    assert sum(one.credits for one, _ in statement.entries if one.kind == "capture") == PRICE


def test_credits_and_budget_are_asked_for_when_it_is_approved(
    people: People, producer: Desk
) -> None:
    run_id, admin = asked(people), people.desk("admin")
    had = funds(people)[0]
    admin.grant("editor", 1 - had, people.home, "As a test")
    assert isinstance(refused(lambda: producer.approve(run_id)), InsufficientCredits)
    admin.grant("editor", had, people.home, "As a test")
    people.service.operator().set_project(people.home, {"budget": PRICE - 1})
    assert isinstance(refused(lambda: producer.approve(run_id)), BudgetExceeded)
    assert producer.run(run_id).status == "awaiting_approval"
    assert isinstance(refused(lambda: asked(people)), BudgetExceeded)
    people.service.operator().set_project(people.home, {"budget": PRICE})
    producer.approve(run_id)


@pytest.mark.parametrize("make", [stopped, failed])
def test_a_rest_is_asked_for_and_joins_its_chain_when_approved(
    people: People, editor: Desk, producer: Desk, make: Callable[[People], str]
) -> None:
    first = make(people)
    people.service.operator().set_project(people.home, {"approve_above": 5})
    assert editor.offer_to_resume(first).needs == "threshold"
    run_id = editor.resume(first)
    assert editor.run(run_id).status == "awaiting_approval"
    assert editor.run(first).is_resumable, "one that comes to nothing is in no chain's way"
    editor.withdraw(run_id)
    run_id = editor.accept(first, "midpoint/keyAction") if make is failed else editor.resume(first)
    producer.approve(run_id)
    run = editor.run(run_id)
    assert (run.resumed_from, [one.id for one in run.chain.parts]) == (first, [first, run_id])
    with people.service.executing():
        assert list(editor.follow(run_id))[-1]["type"] == "done"
    assert editor.run(run_id).chain.used_credits == editor.run(first).estimated_credits


def test_a_rest_that_was_resumed_or_restored_is_void(people: People, editor: Desk) -> None:
    first = stopped(people)
    theirs = people.desk("admin").resume(first, ask=True)
    mine = editor.resume(first, ask=True)
    people.desk("producer").approve(mine)
    people.desk("editor").cancel(mine)
    error = refused(lambda: people.desk("producer").approve(theirs))
    assert (error.code, error.fields["cause"]) == ("request_void", "resumed")
    again = editor.resume(mine, ask=True)
    editor.restore_run(first)
    error = refused(lambda: people.desk("producer").approve(again))
    assert error.code == "request_void"


def test_a_run_that_never_waited_is_no_request(people: People, producer: Desk) -> None:
    run_id = start(people)
    for ask in (producer.approve, producer.request, people.desk("editor").withdraw):
        assert isinstance(refused(partial(ask, run_id)), NotARequest)


def test_what_is_asked_and_decided_is_told_elsewhere_without_a_word_of_anybodys(
    people: People, producer: Desk, database_url: str
) -> None:
    run_id = asked(people)
    producer.decline(run_id, "Not this month")
    told = Database(database_url).query("SELECT kind, body FROM cascade_outbox ORDER BY number")
    assert [one["kind"] for one in told] == ["request.asked", "request.decided"]
    assert all(run_id in str(one["body"]) for one in told)
    assert "declined" in str(told[1]["body"])
    assert not [one for one in told for word in ("festival", "month") if word in str(one["body"])]
