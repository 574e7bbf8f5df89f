"""What a page of what waits reads of requests, and the signs that it has something new to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cascade.service import Desk
from cascade.store.tables import Run
from tests.helpers.statements import statements
from tests.helpers.unqueued import add_story

from .people import PRICE, People, asked, delete, edit, save_next, start


def more_ask(people: People, each: int) -> None:
    """Two people ask for so many more runs each, every one of a story of its own."""
    story = people.service.operator().story(people.mine)
    for desk in (people.desk("editor"), people.desk("admin")):
        for _ in range(each):
            other = add_story(people.service, story).id
            desk.start(desk.plan(other, {"finale": 1}).plan, ask=True)


def test_a_decider_reads_all_of_it_in_as_many_statements_however_many(
    people: People, producer: Desk
) -> None:
    went = start(people)
    save_next(people.service, went)
    people.desk("editor").cancel(went)
    run_id = asked(people)
    producer.waiting()
    with statements(people.service) as few:
        [one] = producer.waiting()
    story = people.service.operator().story(people.mine)
    more_ask(people, each=4)
    with statements(people.service) as many:
        assert len(producer.waiting()) == 9
    assert len(many) == len(few) <= 14
    assert (one.title, one.asked.user, one.asked.note) == (
        story.title,
        "editor",
        "For the festival",
    )
    assert (one.valid, one.may_decide, one.is_own) == (True, True, False)
    assert set(one.deciders) == {"Sample Producer", "An Admin"}
    assert [(each.run_id, each.status) for each in one.last_runs] == [(went, "cancelled")]
    assert one.payer is not None
    assert (one.payer.is_project, one.payer.name) == (False, "Sample Editor")
    assert one.payer.after == one.payer.available - PRICE
    assert one.asked.plan.affected_scenes
    assert one.asked.run_id == run_id
    assert producer.count_waiting() == 9
    assert people.desk("admin").count_waiting() == 5
    with statements(people.service) as counted:
        producer.count_waiting()
    assert sum(said.startswith("SELECT") for said in counted) == 2


def test_what_a_page_of_them_shows_leaves_a_sign(
    people: People, producer: Desk, editor: Desk, database_url: str
) -> None:
    assert producer.signs_of_waiting() == frozenset()
    run_id = asked(people)
    seen = [producer.signs_of_waiting()]
    assert seen[0] == producer.signs_of_waiting(), "as long as nothing happens"

    def is_new() -> bool:
        seen.append(producer.signs_of_waiting())
        return seen[-1] not in seen[:-1]

    producer.ask_for_changes(run_id, "Shorter")
    assert is_new()
    people.service.operator().grant("editor", 5)
    assert is_new()
    people.desk("admin").start(editor.plan(people.mine, {"setup": 4}).plan, ask=True)
    assert is_new()
    edit(people)
    assert is_new(), "it may be void now"
    assert [one.valid for one in producer.waiting() if one.asked.run_id == run_id] == [False]
    with people.service.database.write() as session:
        session.get_one(Run, run_id).created_at = datetime.now(UTC) - timedelta(days=30)
    assert is_new(), "it is overdue"
    stranger = people.desk("stranger")
    stranger.start(stranger.plan(people.theirs, {"find": 1}).plan, ask=True)
    assert not is_new(), "of another project"
    assert people.desk("admin").signs_of_waiting() not in seen
    delete(database_url, people.mine)
    assert is_new(), "its story is gone"
    people.desk("admin").set_role("producer", "editor", people.home)
    assert is_new(), "it is not theirs to decide any more"


def test_a_sign_costs_as_much_however_many_wait(people: People, producer: Desk) -> None:
    asked(people)
    with statements(people.service) as few:
        producer.signs_of_waiting()
    more_ask(people, each=3)
    with statements(people.service) as many:
        assert len(producer.signs_of_waiting()) == 8
    assert len(few) == len(many)
    # Whose they may see, the requests, and the rest.
    assert sum(said.startswith("SELECT") for said in many) == 3
    assert not any(".plan" in said or "comments" in said for said in many), "no text is read"
