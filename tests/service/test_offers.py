"""An offer for every way to start a run: one price, and what the run then holds and uses."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cascade.errors import InsufficientCredits, NotResumable, StalePlan
from cascade.service import Service
from cascade.settings import Settings
from cascade.store.tables import StoryVersion
from tests.helpers.seeded_fixtures import database_url

from .people import REJECTED, People, failed, gather, start, stopped

__all__ = ["database_url"]


@pytest.fixture
def people(database_url: str) -> Iterator[People]:
    service = Service(Settings(database_url=database_url, provider="offline", offline_delay_ms=250))
    yield gather(service)
    service.close()


def test_what_a_resume_holds_is_what_was_offered(people: People) -> None:
    run_id, desk = stopped(people), people.service.desk(people.actors["editor"])
    offer = desk.offer_to_resume(run_id)
    assert (offer.plan.estimated_credits, offer.available, offer.missing) == (42, 497, 0)
    assert [step.key for step in offer.plan.steps] == [
        step.key for step in desk.run(run_id).steps if step.status != "saved"
    ]
    # All but the first of 2 beats with 3 and 2 scenes, as `test_an_offer` has it for the whole.
    assert offer.expected_seconds == pytest.approx(0.04 * (1 + 1 + 1 + 2 + 1 + 1))
    before = desk.credits()
    again = desk.run(desk.resume(run_id))
    assert again.plan == offer.plan
    assert again.estimated_credits == 42
    assert desk.credits().held == before.held + 42
    with pytest.raises(NotResumable, match="has resumed it already"):
        desk.offer_to_resume(run_id)


def test_what_accepting_holds_is_what_was_offered(people: People) -> None:
    run_id, desk = failed(people), people.service.desk(people.actors["editor"])
    offer = desk.offer_to_resume(run_id)
    price, others, rest = offer.accepting(REJECTED)
    assert (price, others, rest) == (2, len(offer.plan.steps) - 1, 40)
    assert desk.run(desk.accept(run_id, REJECTED)).estimated_credits == price + rest
    assert desk.credits().held == 42


def test_one_who_has_too_little_is_told_before(people: People) -> None:
    run_id = stopped(people)
    poor, _ = people.service.operator().grant("poor", 41, "Sample Project")
    desk = people.service.desk(poor)
    offer = desk.offer_to_resume(run_id)
    assert (offer.available, offer.missing) == (41, 1)
    with pytest.raises(InsufficientCredits, match="1 credits are missing: this needs 42 and 41"):
        desk.resume(run_id)


def test_there_is_no_offer_where_nothing_is_left(people: People) -> None:
    run_id, desk = start(people), people.service.desk(people.actors["editor"])
    with pytest.raises(NotResumable, match="it is queued"):
        desk.offer_to_resume(run_id)


def test_a_story_of_another_structure_by_now_is_told_as_such(people: People) -> None:
    run_id, desk = stopped(people), people.service.desk(people.actors["editor"])
    with people.service.database.write() as session:
        session.get_one(StoryVersion, people.mine).structure_type = "harmon"
    for ask in (desk.offer_to_resume, desk.resume):
        with pytest.raises(StalePlan, match="language or structure"):
            ask(run_id)


def test_a_price_list_is_the_steps_own(people: People) -> None:
    desk = people.service.desk(people.actors["viewer"])
    plan = desk.plan(people.mine, {"midpoint": 4, "allIsLost": 2}).plan
    assert plan.price_list() == [
        ("beatContent", 2, 3),
        ("keyAction", 2, 2),
        ("scenePlot", 5, 3),
        ("script", 5, 4),
    ]
    assert sum(count * each for _, count, each in plan.price_list()) == plan.estimated_credits
    assert desk.plan(people.mine, {}).plan.price_list() == []
