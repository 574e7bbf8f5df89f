"""Who may do what over HTTP: the table of all surfaces, in either of two projects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any
from urllib.parse import quote

import pytest

from cascade.service import Desk
from cascade.store.tables import StoryVersion
from tests.helpers.endpoint import START, Reply, beginning
from tests.helpers.observe import Database
from tests.service.people import EVERYBODY, asked, save_next, start
from tests.service.table import MEMBERS, ON_REQUESTS, ORDERS, READS, STATUSES, Row

from .conftest import House

OVER_HTTP = {case: row for case, row in {**READS, **ORDERS}.items() if row.http}


@dataclass(frozen=True)
class Side:
    """One of two projects: its story, a stopped run of it, who works there and who does not."""

    desk: Desk
    story_id: str
    run_id: str
    order: dict[str, Any]
    others: tuple[str, ...]

    def words(self) -> set[str]:
        """What tells of it."""
        story = self.desk.document(self.story_id)
        actor = self.desk.actor
        return {story["title"], self.story_id, self.run_id, actor.display_name, actor.name}


def stopped(house: House) -> str:
    run_id = start(house.people, {"midpoint": 4, "allIsLost": 2})
    save_next(house.service, run_id)
    house.service.desk(house.people.actors["editor"]).cancel(run_id)
    return run_id


def sides_of(house: House) -> Iterator[Side]:
    """Either project."""
    people = house.people
    editor, stranger = (house.service.desk(people.actors[one]) for one in ("editor", "stranger"))
    yield Side(editor, people.mine, stopped(house), house.order(), ("stranger", "nobody"))
    run_id = stranger.start(stranger.plan(people.theirs, {"find": 1}).plan)
    stranger.cancel(run_id)
    change = {"beatKey": "take", "previousTension": 3, "newTension": 1}
    order = {"storyVersionId": people.theirs, "structureType": "harmon", "changes": [change]}
    yield Side(stranger, people.theirs, run_id, order, (*MEMBERS, "nobody"))


def ask(house: House, role: str, row: Row, side: Side) -> Reply:
    """Asks as the table says; of a start only the beginning is read, as nobody executes it."""
    method, _, path = (row.http or "").format(story=side.story_id, run=side.run_id).partition(" ")
    body = side.order if method == "POST" and side.run_id not in path else None
    if path.endswith("/decline"):
        body = {"reason": "Later"}
    if method == "GET" or path.endswith("/plan"):
        return house[role](method, path, body)
    with house[role].open(method, path, body) as opened:
        return beginning(opened)


def test_every_address_is_in_the_table(house: House) -> None:
    document = house["none"]("GET", "/api/openapi.json").json
    there = {
        f"{method.upper()} /api{path}" for path, one in document["paths"].items() for method in one
    }
    named = {(row.http or "").partition("?")[0] for row in OVER_HTTP.values()}
    assert there == {one.replace("{story}", "{id}").replace("{run}", "{id}") for one in named}


def test_reads(house: House, database_url: str) -> None:
    side, _ = sides_of(house)
    before = Database(database_url).everything()
    for case, row in OVER_HTTP.items():
        for role in EVERYBODY if case in READS else ():
            reply = ask(house, role, row, side)
            assert reply.status in STATUSES[row.verdicts[role]], (role, case)
            if row.verdicts[role] == "nothing":
                assert side.story_id not in reply.body.decode()
    assert Database(database_url).everything() == before


@pytest.mark.parametrize("case", sorted(OVER_HTTP.keys() & ORDERS.keys()))
def test_orders(house: House, database_url: str, case: str) -> None:
    row, (side, _) = ORDERS[case], sides_of(house)
    if case == "cancel":
        side = replace(side, run_id=start(house.people))
    if case in ON_REQUESTS:
        side = replace(side, run_id=asked(house.people))
    before = Database(database_url).everything()
    for role in EVERYBODY:
        if role not in row.may():
            assert ask(house, role, row, side).status in STATUSES[row.verdicts[role]], role
    assert Database(database_url).everything() == before, "a refused order writes nothing"
    assert ask(house, row.may()[0], row, side).status in STATUSES["yes"]
    assert Database(database_url).everything() != before


def test_of_two_projects_neither_is_there_for_the_other(house: House, database_url: str) -> None:
    mine, theirs = sides_of(house)
    before = Database(database_url).everything()
    for side, other in ((mine, theirs), (theirs, mine)):
        for (case, row), role in product(OVER_HTTP.items(), side.others):
            reply = ask(house, role, row, side)
            told = reply.body.decode()
            if row.verdicts["nobody"] == "nothing":
                # Of a list there is what is their own.
                assert reply.status == 200
                assert (other.story_id in told) == (role != "nobody")
            else:
                assert reply.status == 404, (case, role)
                # What they have said themselves is all that they are told.
                assert json.loads(told).keys() == {"error", "code"}
                told = told.replace(side.story_id, "").replace(side.run_id, "")
            assert not [word for word in side.words() if word in told], (case, role)
        # Nor by its title, nor under a project that is their own.
        title = quote(str(side.desk.document(side.story_id)["title"]))
        assert house[side.others[0]]("GET", f"/api/stories/{title}").status == 404
        [project] = Database(database_url).query(
            "SELECT project_id FROM story_versions WHERE id = :id", id=other.story_id
        )
        order = {**side.order, "projectId": project["project_id"]}
        # And for who works on the story, it is not the other project's.
        for path, role in product(("/api/ai/plan", START), (*side.others, side.desk.actor.name)):
            reply = house[role]("POST", path, order)
            assert (reply.status, reply.json["code"]) == (404, "unknown_story")
    assert Database(database_url).everything() == before


def test_a_title_that_two_stories_have_names_neither(house: House) -> None:
    editor = house.service.desk(house.people.actors["editor"])
    title = editor.story(house.people.mine).title
    for story in editor.stories():
        with house.service.database.write() as session:
            session.get_one(StoryVersion, story.id).title = title
    reply = house["editor"]("GET", f"/api/stories/{quote(title)}")
    assert (reply.status, reply.json["code"]) == (404, "unknown_story")
