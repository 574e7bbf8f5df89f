"""Who may do what: every use case of a desk, by the table of all surfaces (`table.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from cascade.errors import (
    CascadeError,
    NotADemo,
    NotAllowed,
    UnknownProject,
    UnknownRun,
    UnknownStory,
    UnknownToken,
)
from cascade.service import Desk, Key, Order, OrderedChange
from cascade.service.access import ALLOWED
from tests.helpers.observe import Database

from .people import EVERYBODY, LEVELS, REJECTED, ROLES, People, asked, failed, start, stopped
from .table import MEMBERS, ON_REQUESTS, ORDERS, READS, STAFF, Verdict

KEY = Key("once", "0" * 64)
# About nobody's story: one's own credits, writer and workers, and whether this is a demo. A reset
# asks for a role in every project there is, so that with a stranger's project there it is refused
# to all.
OF_NO_PROJECT = {"actor", "writer", "diagnose", "cost", "credits", "is_demo", "reset_demo"}
OF_NO_PROJECT |= {"has_worker", "may_import"}


def test_every_use_case_of_a_desk_is_in_the_table() -> None:
    public = {name for name in dir(Desk) if not name.startswith("_")}
    assert public == READS.keys() | ORDERS.keys() | STAFF.keys() | OF_NO_PROJECT


def test_the_roles_are_the_tables() -> None:
    actions = {"save_draft": "draft", "edit_draft": "draft", "accept": "resume"}
    actions |= {"place": "start", "take_up": "resume"}
    actions |= {"decline": "approve", "ask_for_changes": "approve"}
    actions |= {"restore_piece": "restore", "restore_run": "restore", "import_document": "import"}
    allowed = {str(action): roles for action, roles in ALLOWED.items()}
    for case, row in ORDERS.items():
        assert set(allowed[actions.get(case, case)]) == set(row.may()), case
    assert set(ALLOWED["read"]) == {*MEMBERS, "admin"}
    assert all("admin" in roles for roles in ALLOWED.values())


def test_the_page_offers_what_the_table_says() -> None:
    from tests.pages.test_access import OFFERED

    named = {row.page: set(row.may()) - {"admin"} for row in ORDERS.values() if row.page}
    assert named == {name: set(roles) for name, roles in OFFERED.items()}


Asked = dict[str, Callable[[], Any]]
DOCUMENT = b'{"title": "Tides", "language": "en", "structureType": "harmon"}'


def outcome(ask: Callable[[], Any]) -> Verdict:
    try:
        found = ask()
    except NotAllowed:
        return "refused"
    except (UnknownStory, UnknownRun, UnknownProject, UnknownToken):
        return "unknown"
    return "nothing" if found in ([], frozenset(), 0) else "yes"


def studio_of(desk: Desk, *, story: str, run: str) -> list[str]:
    """Which of a story and a run that an address names the page shows, by either's id."""
    shown = [desk.studio(story), desk.studio(story, run), desk.studio(run=run)]
    return [page.story_id for page in shown if page is not None and page.story_id == story]


def ordered(story_id: str) -> Order:
    return Order(story_id, "cat", (OrderedChange("finale", 5, 1),))


async def streamed(desk: Desk, run_id: str) -> list[Any]:
    return [event async for batch in desk.stream(run_id) for event in batch]


def reads_of(
    desk: Desk, story_id: str, title: str, run_id: str, request: str
) -> tuple[Asked, Asked]:
    """Every read of a story, a run and a request by their ids, and those by other names."""
    by_title: Asked = {
        "story": lambda: desk.story(title),
        "document": lambda: desk.document(title),
        "find_run": lambda: desk.find_run(run_id[:-1]),
    }
    cases: Asked = {
        "stories": lambda: [one for one in desk.stories() if one.id == story_id],
        "story": lambda: desk.story(story_id),
        "document": lambda: desk.document(story_id),
        "out_of_date": lambda: desk.out_of_date(story_id),
        "writers": lambda: desk.writers(story_id),
        "permitted": lambda: desk.permitted(story_id),
        "draft": lambda: desk.draft(story_id),
        "plan": lambda: desk.plan(story_id, {"finale": 1}),
        "propose": lambda: desk.propose(ordered(story_id)),
        "balance": lambda: desk.balance(story_id),
        "funds": lambda: desk.funds(story_id),
        "pulse": lambda: desk.pulse(story_id),
        "active_run": lambda: desk.active_run(story_id),
        "runs": lambda: desk.runs() + desk.runs(story_id),
        "find_run": lambda: desk.find_run(run_id),
        "run": lambda: desk.run(run_id),
        "run_in_full": lambda: desk.run_in_full(run_id),
        "events": lambda: desk.events(run_id),
        "follow": lambda: list(desk.follow(run_id)),
        "stream": lambda: asyncio.run(streamed(desk, run_id)),
        "growing": lambda: desk.growing(run_id),
        "replaced": lambda: desk.replaced(run_id),
        "offer_to_resume": lambda: desk.offer_to_resume(run_id),
        "waiting": desk.waiting,
        "request": lambda: desk.request(request),
        "look_at_request": lambda: desk.look_at_request(request),
        "own_request": lambda: desk.own_request(story_id),
        "signs_of_waiting": desk.signs_of_waiting,
        "count_waiting": desk.count_waiting,
        "studio": lambda: studio_of(desk, story=story_id, run=run_id),
        "curve": lambda: desk.curve(story_id),
        "pending": lambda: desk.pending(story_id),
        "beats": lambda: desk.beats(story_id),
        "progress": lambda: desk.progress(run_id),
        "offer": lambda: desk.offer(story_id),
    }
    return cases, by_title


def test_reads(people: People, database_url: str) -> None:
    run_id, request, story_id = stopped(people), asked(people), people.mine
    title = people.service.operator().story(story_id).title
    before = Database(database_url).everything()
    for role in EVERYBODY:
        desk = people.desk(role)
        cases, by_title = reads_of(desk, story_id, title, run_id, request)
        assert cases.keys() == READS.keys()
        for given in (cases, by_title):
            for case, ask in given.items():
                assert outcome(ask) == READS[case].verdicts[role], (case, role)
    assert Database(database_url).everything() == before, "a read writes nothing"


def prepared(people: People, case: str, role: str = "editor") -> str:
    """A run for an order to do something with, or a request of somebody's."""
    if case in ON_REQUESTS:
        return asked(people, role)
    if case == "cancel":
        return start(people)
    if case == "accept":
        return failed(people)
    if case in ("resume", "take_up", "restore_piece", "restore_run", "fits"):
        return stopped(people)
    return ""


def order_of(people: People, case: str, role: str, run_id: str) -> Callable[[], Any]:
    """An order as somebody gives it."""
    story_id = people.mine
    desk = people.desk(role)
    plan = people.service.operator().plan(story_id, {"finale": 1}).plan
    cases: Asked = {
        "save_draft": lambda: desk.save_draft(story_id, LEVELS),
        "edit_draft": lambda: desk.edit_draft(story_id, {"finale": 1}),
        "start": lambda: desk.start(plan),
        "place": lambda: desk.place(ordered(story_id), KEY),
        "resume": lambda: desk.resume(run_id),
        "take_up": lambda: desk.take_up(run_id, KEY),
        "accept": lambda: desk.accept(run_id, REJECTED),
        "cancel": lambda: desk.cancel(run_id),
        "approve": lambda: desk.approve(run_id),
        "decline": lambda: desk.decline(run_id, "Later"),
        "ask_for_changes": lambda: desk.ask_for_changes(run_id, "Shorter"),
        "withdraw": lambda: desk.withdraw(run_id),
        "restore_piece": lambda: desk.restore_piece(run_id, "midpoint/beatContent"),
        "restore_run": lambda: desk.restore_run(run_id),
        "fits": lambda: desk.fits(story_id, "midpoint/keyAction"),
        "import_document": lambda: desk.import_document("tides.json", DOCUMENT, story_id),
    }
    assert cases.keys() == ORDERS.keys()
    return cases[case]


@pytest.mark.parametrize("case", sorted(ORDERS))
def test_orders(people: People, database_url: str, case: str) -> None:
    """Those who may not are refused and change nothing; then those who may do it, each anew."""
    run_id = prepared(people, case)
    before = Database(database_url).everything()
    row = ORDERS[case]
    for role in EVERYBODY:
        if role not in row.may():
            order = order_of(people, case, role, run_id)
            assert outcome(order) == row.verdicts[role], role
    assert Database(database_url).everything() == before, "a refused order writes nothing"
    for role in row.may():
        if role != "admin":
            assert outcome(order_of(people, case, role, run_id)) == "yes", role
    assert Database(database_url).everything() != before


@pytest.mark.parametrize("case", sorted(ORDERS))
def test_an_admin_is_of_no_project_and_gives_every_order(
    people: People, database_url: str, case: str
) -> None:
    # An admin withdraws what they have asked for themselves, as anybody does.
    run_id = prepared(people, case, "admin" if case == "withdraw" else "editor")
    before = Database(database_url).everything()
    assert outcome(order_of(people, case, "admin", run_id)) == "yes"
    assert Database(database_url).everything() != before


def test_what_is_about_people(people: People, database_url: str) -> None:
    """Reads and orders about people: the refused ones first, which change nothing."""
    operator = people.service.operator()
    operator.create_token("editor", 1)
    operator.grant("editor", 1)
    [token] = operator.tokens()
    [home, *_] = operator.projects()

    def asked_of(role: str) -> Asked:
        desk = people.desk(role)
        return {
            "may_see": desk.may_see,
            "people": desk.people,
            "projects": desk.projects,
            "audit": desk.audit,
            "audit_rows": lambda: list(desk.audit_rows()),
            "audit_after": lambda: list(desk.audit_after()),
            "set_role": lambda: desk.set_role("viewer", "editor", home.id),
            "set_admin": lambda: desk.set_admin("viewer", is_admin=True),
            "add_person": lambda: desk.add_person(f"new {role}", "", "viewer", home.id),
            "create_token": lambda: desk.create_token("admin", 1),
            "revoke_token": lambda: desk.revoke_token(token.id),
            "grant": lambda: desk.grant("editor", 5, home.id, "Asked for"),
            "money": desk.money,
            "ledger_rows": lambda: list(desk.ledger_rows()),
            "all_runs": desk.all_runs,
            "statement": lambda: desk.statement(home.id),
            "set_project": lambda: desk.set_project(home.id, {"budget": len(role)}),
        }

    before = Database(database_url).everything()
    for may in (False, True):
        for case, role in product(STAFF, EVERYBODY):
            verdict = STAFF[case].verdicts[role]
            if (verdict == "yes") is may:
                assert outcome(asked_of(role)[case]) == verdict, (case, role)
        is_changed = Database(database_url).everything() != before
        assert is_changed is may, "what is refused writes nothing"


def test_a_reset_asks_for_a_role_in_every_project(people: People, database_url: str) -> None:
    before = Database(database_url).everything()
    for role in ROLES:
        with pytest.raises(NotAllowed):
            people.desk(role).reset_demo()
    with pytest.raises(NotADemo):
        people.desk("admin").reset_demo()
    assert Database(database_url).everything() == before


def test_a_role_that_is_taken_away_counts_at_once(people: People, database_url: str) -> None:
    desk = people.desk("editor")
    run_id = start(people)
    events = desk.follow(run_id, waiting=lambda: None)
    assert desk.run(run_id).is_active
    database = Database(database_url)
    database.execute(
        "DELETE FROM cascade_project_members WHERE user_id = :id",
        id=people.actors["editor"].user_id,
    )
    for ask in (lambda: next(events), lambda: desk.cancel(run_id), lambda: desk.run(run_id)):
        with pytest.raises(UnknownRun):
            ask()
    assert desk.stories() == []


def test_strangers_keep_to_their_own(people: People) -> None:
    """A title that two projects have means the one that is there for who asks."""
    operator = people.service.operator()
    title = operator.story(people.mine).title
    stranger = people.desk("stranger")
    assert [one.id for one in stranger.stories()] == [people.theirs]
    assert stranger.story("Theirs").id == people.theirs
    with people.service.database.write() as session:
        from cascade.store.tables import StoryVersion

        session.get_one(StoryVersion, people.theirs).title = title
    assert stranger.story(title).id == people.theirs
    assert people.desk("viewer").story(title).id == people.mine
    with pytest.raises(CascadeError) as refused:
        operator.story(title)
    assert refused.value.code == "ambiguous_story"
    # What they start is theirs, and nobody else's.
    run_id = stranger.start(stranger.plan(people.theirs, {"find": 1}).plan)
    assert [run.id for run in stranger.runs()] == [run_id]
    for role in (*MEMBERS, "nobody"):
        desk = people.desk(role)
        assert desk.runs() == []
        with pytest.raises(UnknownRun):
            desk.find_run(run_id)
    assert [run.id for run in operator.runs()] == [run_id]


def test_the_operator_needs_no_role(people: People) -> None:
    run_id, operator = stopped(people), people.service.operator()
    assert {one.id for one in operator.stories()} >= {people.mine, people.theirs}
    assert operator.run(run_id).id == operator.find_run(run_id[:-1]) == run_id
    offer = operator.plan(people.theirs, {"find": 1})
    assert offer.plan.steps
    # The credits of whom the command line acts as, in that story's project.
    assert offer.available == 0
    assert operator.plan(people.mine, {"finale": 1}).available == 497
    # It has no orders on a story: those take somebody to answer for them.
    assert not {*ORDERS, "draft", "balance"} & set(dir(operator))
