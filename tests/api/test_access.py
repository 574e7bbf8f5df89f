"""Who may do what over HTTP: the table of `tests/service/test_access.py`, as statuses."""

from __future__ import annotations

import pytest

from tests.helpers.endpoint import START, Reply
from tests.helpers.observe import Database
from tests.service import test_access as table
from tests.service.people import ROLES, save_next, start

from .conftest import House

STATUSES = {"yes": {200, 202}, "nothing": {200}, "refused": {403}, "unknown": {404}}
# Address: the use case that it asks.
READS = {
    "/api/stories": "stories",
    "/api/stories/{story}": "document",
    "/api/ai/runs/{run}": "run",
    "/api/ai/runs/{run}/events": "events",
    "/api/ai/runs/{run}/events?follow=true": "stream",
}
ORDERS = {
    START: "place",
    "/api/ai/runs/{run}/cancel": "cancel",
    "/api/ai/runs/{run}/resume": "take_up",
    "/api/ai/runs/{run}/restore": "restore_run",
}


def stopped(house: House) -> str:
    run_id = start(house.people, {"midpoint": 4, "allIsLost": 2})
    save_next(house.service, run_id)
    house.service.desk(house.people.actors["editor"]).cancel(run_id)
    return run_id


def test_every_address_is_in_the_table(house: House) -> None:
    there = set(house["none"]("GET", "/api/openapi.json").json["paths"])
    named = {path.partition("?")[0].replace("{story}", "{id}") for path in (*READS, *ORDERS)}
    named = {path.replace("{run}", "{id}").removeprefix("/api") for path in named}
    assert there == named | {"/ai/plan"}


def test_reads(house: House, database_url: str) -> None:
    run_id = stopped(house)
    before = Database(database_url).everything()
    for role in ROLES:
        for path, case in READS.items():
            reply = house[role]("GET", path.format(story=house.people.mine, run=run_id))
            expected = table.READS[case][role]
            assert reply.status in STATUSES[expected], (role, path)
            if expected == "nothing":
                assert house.people.mine not in reply.body.decode()
        reply = house[role]("POST", "/api/ai/plan", house.order())
        assert reply.status in STATUSES[table.READS["propose"][role]], role
    assert house["editor"]("GET", f"/api/stories/{house.people.theirs}").status == 404
    assert Database(database_url).everything() == before


@pytest.mark.parametrize("path", sorted(ORDERS))
def test_orders(house: House, database_url: str, path: str) -> None:
    case = ORDERS[path]
    run_id = ""
    if case == "cancel":
        run_id = start(house.people)
    elif case != "place":
        run_id = stopped(house)
    before = Database(database_url).everything()

    def order(role: str) -> Reply:
        body = house.order() if case == "place" else None
        # Nobody executes: of a run that starts only the beginning is read.
        with house[role].open("POST", path.format(run=run_id), body) as opened:
            head = opened.recv(100).split(b" ")
            return Reply(int(head[1]), {}, b"")

    may = [role for role in ROLES if table.ORDERS[case][role] == "yes"]
    for role in ROLES:
        if role not in may:
            assert order(role).status in STATUSES[table.ORDERS[case][role]], role
    assert Database(database_url).everything() == before, "a refused order writes nothing"
    assert order(may[0]).status in STATUSES["yes"]
    assert Database(database_url).everything() != before
