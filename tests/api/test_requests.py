"""Requests over HTTP: what has to be approved says so and closes; decisions answer with the run."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.helpers.endpoint import START, Reply
from tests.helpers.observe import Database
from tests.service.people import asked

from .conftest import House

RUN = "/api/ai/runs"


def events(reply: Reply) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.body.decode().splitlines() if line]


@pytest.fixture
def strict(house: House) -> House:
    """A project in which every run is to be approved."""
    house.service.operator().set_project(house.people.home, {"approve_above": 0})
    return house


def test_a_start_that_must_be_approved_says_so_and_closes(strict: House) -> None:
    reply = strict["editor"]("POST", START, strict.order(), Idempotency_Key="one")
    [event] = events(reply)
    assert (reply.status, event["type"], event["seq"]) == (200, "awaiting_approval", 1)
    run_id = reply.headers["x-run-id"]
    assert event["runId"] == run_id
    again = strict["editor"]("POST", START, strict.order(), Idempotency_Key="one")
    assert (again.headers["x-run-id"], events(again)) == (run_id, [event])
    assert strict["editor"]("GET", f"{RUN}/{run_id}").json["status"] == "awaiting_approval"
    done = strict["producer"]("POST", f"{RUN}/{run_id}/approve")
    assert (done.status, done.json["status"]) == (200, "queued")
    with strict.service.executing():
        told = events(strict["editor"]("GET", f"{RUN}/{run_id}/events?follow=true"))
    assert [told[0]["type"], told[1]["type"], told[-1]["type"]] == [
        "awaiting_approval",
        "start",
        "done",
    ]
    # The same key follows what has become of it.
    assert events(strict["editor"]("POST", START, strict.order(), Idempotency_Key="one")) == told


def test_a_rest_that_must_be_approved_says_so_too(house: House) -> None:
    desk = house.service.desk(house.people.actors["editor"])
    first = desk.start(desk.plan(house.people.mine, {"finale": 1}).plan)
    desk.cancel(first)
    house.service.operator().set_project(house.people.home, {"approve_above": 0})
    [event] = events(house["editor"]("POST", f"{RUN}/{first}/resume"))
    assert event["type"] == "awaiting_approval"


def test_credits_are_asked_for_before_the_threshold(strict: House, database_url: str) -> None:
    Database(database_url).execute(
        "UPDATE cascade_credit_accounts SET available = 1, deposited = 1 + held + captured"
    )
    reply = strict["editor"]("POST", START, strict.order())
    assert (reply.status, reply.json["code"]) == (402, "insufficient_credits")


def test_a_decision_is_refused_in_its_own_words(house: House) -> None:
    run_id = asked(house.people, "admin")
    path = f"{RUN}/{run_id}"
    for role, how, body, expected in (
        ("admin", "approve", None, (403, "own_request")),
        ("editor", "approve", None, (403, "not_allowed")),
        ("editor", "withdraw", None, (403, "not_asker")),
        ("producer", "decline", {"reason": " "}, (422, "reason_missing")),
        ("producer", "decline", {"reason": ""}, (422, "bad_field")),
        ("producer", "decline", {}, (422, "bad_field")),
        ("producer", "decline", {"reason": "x", "more": 1}, (422, "bad_field")),
        ("stranger", "approve", None, (404, "unknown_run")),
    ):
        reply = house[role]("POST", f"{path}/{how}", body)
        assert (reply.status, reply.json["code"]) == expected, (role, how, body)
    declined = house["producer"]("POST", f"{path}/decline", {"reason": "Not this month"})
    assert (declined.status, declined.json["status"]) == (200, "rejected")
    assert declined.json["error"] == "Declined by Sample Producer: Not this month"
    for how in ("approve", "withdraw"):
        role = "producer" if how == "approve" else "admin"
        reply = house[role]("POST", f"{path}/{how}")
        assert (reply.status, reply.json["code"]) == (409, "already_decided")
    direct = house.service.desk(house.people.actors["editor"])
    plain = direct.start(direct.plan(house.people.mine, {"finale": 2}).plan)
    reply = house["producer"]("POST", f"{RUN}/{plain}/approve")
    assert (reply.status, reply.json["code"]) == (409, "not_a_request")
