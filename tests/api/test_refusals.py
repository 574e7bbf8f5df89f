"""Every refusal over HTTP: its status, its one shape, their order, and that nothing changed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cascade import errors
from cascade.api.statuses import STATUS
from cascade.errors import CascadeError, SchemaGap
from cascade.settings import Settings
from tests.helpers.endpoint import START, Reply
from tests.helpers.observe import Database

from .conftest import House, settings_of

# Those that name a story or a run.
ADDRESSES = (
    ("GET", "/api/stories/{}"),
    ("GET", "/api/ai/runs/{}"),
    ("GET", "/api/ai/runs/{}/events"),
    ("GET", "/api/ai/runs/{}/events?follow=true"),
    ("POST", "/api/ai/runs/{}/cancel"),
    ("POST", "/api/ai/runs/{}/resume"),
    ("POST", "/api/ai/runs/{}/restore"),
)


def test_every_error_has_its_status() -> None:
    tree = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {one.code for one in tree if issubclass(one, CascadeError)}
    assert codes | {SchemaGap.code} == STATUS.keys()


def check(reply: Reply, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    assert reply.status == status, reply.body
    assert reply.headers["content-type"] == "application/json"
    body: dict[str, Any] = reply.json
    assert body["code"] == code
    assert body.get("field") == field, body
    assert body["error"].endswith(".")
    assert body.keys() <= {"error", "code", "field", "runId"}
    return body


def changed(order: dict[str, Any], **change: Any) -> dict[str, Any]:
    return {**order, "changes": [{**order["changes"][0], **change}]}


def test_who_asks_comes_first(house: House) -> None:
    for role in ("none", "bad"):
        for method, path in (
            ("POST", START),
            ("POST", "/api/ai/plan"),
            ("GET", "/api/stories"),
            ("GET", "/api/stories/nothing"),
            ("GET", "/api/ai/runs/nothing"),
            ("POST", "/api/ai/runs/nothing/cancel"),
        ):
            reply = house[role](method, path, raw=b"{" * 9 if method == "POST" else None)
            check(reply, 401, "not_authenticated")
            assert reply.headers["www-authenticate"].startswith("Bearer")
    for header in ("Bearer", "Basic eDp4", "Bearer " + "x" * 999, "bearer  ", "Token x"):
        check(house["none"]("GET", "/api/stories", Authorization=header), 401, "not_authenticated")


def test_a_body_that_cannot_be_taken(house: House) -> None:
    editor, good = house["editor"], json.dumps(house.order()).encode()
    check(editor("POST", START, raw=b" " * 1_000_001, Content_Type="x/y"), 413, "body_too_large")
    check(editor("POST", START, raw=b"x" * 5_000_000), 413, "body_too_large")
    form = "application/x-www-form-urlencoded"
    for kind in (form, "text/plain", "multipart/form-data; boundary=x", "application/xml"):
        check(editor("POST", START, raw=good, Content_Type=kind), 415, "wrong_media_type")
    latin = "application/json; charset=latin-1"
    check(editor("POST", START, raw=good, Content_Type=latin), 415, "wrong_media_type")
    deep = b"[" * 200_000
    for raw in (b"", b"  ", b"{", b"\xff\xfe", good.decode().encode("utf-16"), b"{'a':1}", deep):
        check(editor("POST", START, raw=raw), 400, "unreadable_body")
    twice = good.replace(b'"newTension"', b'"newTension": 2, "newTension"')
    for raw in (b"1" * 9_000, b'{"changes": NaN}', b"-Infinity", twice):
        check(editor("POST", START, raw=raw), 400, "unreadable_body")
    utf8 = "application/json; charset=UTF-8"
    wrong = json.dumps(changed(house.order(), previousTension=4)).encode()
    check(editor("POST", START, raw=wrong, Content_Type=utf8), 409, "stale_plan")


@pytest.mark.parametrize("level", [True, "4", 4.0, None, [4], 1e300])
def test_what_is_no_level(house: House, level: Any) -> None:
    for name in ("previousTension", "newTension"):
        reply = house["editor"]("POST", START, changed(house.order(), **{name: level}))
        check(reply, 422, "bad_field", f"changes.0.{name}")


def test_a_field_that_is_wrong(house: House) -> None:
    order = house.order()
    rest = {name: value for name, value in order.items() if name != "structureType"}
    for body, field in (
        ([], "body"),
        ("x", "body"),
        (rest, "structureType"),
        ({**order, "changes": []}, "changes"),
        ({**order, "changes": {}}, "changes"),
        ({**order, "structureType": "saga"}, "structureType"),
        ({**order, "planhash": "x"}, "planhash"),
        ({**order, "storyVersionId": 7}, "storyVersionId"),
        ({**order, "storyVersionId": "a\x00b"}, "storyVersionId"),
        ({**order, "userId": "a\x00b"}, "userId"),
        ({**order, "projectId": "\ud800"}, "projectId"),
        ({**order, "planHash": "\x00"}, "planHash"),
        (changed(order, beatKey="\ud800"), "changes.0.beatKey"),
        (changed(order, direction="\udfff"), "changes.0.direction"),
        (changed(order, direction="x" * 301), "changes.0.direction"),
        (changed(order, nextBeatTension=6), "changes.0.nextBeatTension"),
    ):
        check(house["editor"]("POST", START, body), 422, "bad_field", field)
        check(house["editor"]("POST", "/api/ai/plan", body), 422, "bad_field", field)
    editor = house["editor"]
    for name in ("", "ä", "a b", "x" * 256):
        reply = editor("POST", START, order, Idempotency_Key=name)
        check(reply, 422, "bad_field", "Idempotency-Key")
    run = "/api/ai/runs/nothing/events"
    for after in ("-1", str(2**63), "x", "1.5", "", "1.0", "%2b1", "%201", "1_0", "%D9%A3"):
        check(editor("GET", f"{run}?after={after}"), 422, "bad_field", "after")
    check(editor("GET", f"{run}?follow=maybe"), 422, "bad_field", "follow")
    for last in ("-1", "x", "9" * 20):
        reply = editor("GET", run, Last_Event_ID=last)
        check(reply, 422, "bad_field", "Last-Event-ID")
    check(editor("GET", f"{run}?after={2**63 - 1}"), 404, "unknown_run")
    long = check(
        editor("POST", START, changed(order, direction="x" * 301)),
        422,
        "bad_field",
        "changes.0.direction",
    )
    assert "at most 300 characters" in long["error"]
    for method, path in ADDRESSES:
        check(editor(method, path.format("a%00b")), 422, "bad_field", "id")
        check(
            editor(method, path.format("%ff")),
            404,
            f"unknown_{'run' if 'run' in path else 'story'}",
        )


def test_the_order_of_what_is_looked_at(house: House, database_url: str) -> None:
    """Each body has every later fault as well."""
    before = Database(database_url).everything()
    bad = changed(house.order(), newTension=9, previousTension=4)
    twice = {**bad, "changes": bad["changes"] * 2, "planHash": "x"}
    editor, viewer, stranger = (house[role] for role in ("editor", "viewer", "stranger"))
    check(stranger("POST", START, twice), 404, "unknown_story")
    check(viewer("POST", START, {**twice, "projectId": "other"}), 404, "unknown_story")
    check(viewer("POST", START, twice), 403, "not_allowed")
    hero = {**twice, "structureType": "hero"}
    check(editor("POST", START, hero), 422, "wrong_structure")
    check(editor("POST", START, twice), 422, "bad_level", "changes.0.newTension")
    repeated = {**twice, "changes": [{**twice["changes"][0], "newTension": 2}] * 2}
    check(editor("POST", START, repeated), 422, "bad_field", "changes.1.beatKey")
    unknown = changed(twice, beatKey="ordeal", newTension=2)
    check(editor("POST", START, unknown), 422, "unknown_beat", "changes.0.beatKey")
    check(editor("POST", START, changed(twice, newTension=2)), 409, "stale_plan")
    hashed = {**house.order(), "planHash": "x"}
    check(editor("POST", START, hashed), 409, "stale_plan")
    check(viewer("POST", "/api/ai/plan", hashed), 409, "stale_plan")
    check(editor("POST", START, house.order("finale", 5, 5)), 409, "nothing_changed")
    assert Database(database_url).everything() == before


def test_too_few_credits_and_a_run_at_work(house: House, database_url: str) -> None:
    editor = house["editor"]
    Database(database_url).execute(
        "UPDATE cascade_credit_accounts SET available = 1, deposited = 1 + held + captured"
    )
    before = Database(database_url).everything()
    check(editor("POST", START, house.order()), 402, "insufficient_credits")
    assert Database(database_url).everything() == before
    operator = house.service.operator()
    home = operator.projects()[0].id
    # Where both are short the budget is what is told.
    operator.set_project(home, {"budget": 1})
    body = check(editor("POST", START, house.order()), 402, "budget_exceeded")
    assert "The project's budget is 1 credits a month: 0 are used" in body["error"]
    operator.set_project(home, {"budget": None})
    Database(database_url).execute(
        "UPDATE cascade_credit_accounts SET available = 90, deposited = 90 + held + captured"
    )
    opened = editor.open("POST", START, house.order())
    assert b"200 OK" in opened.recv(4_000)
    opened.close()
    (run,) = house.service.operator().runs()
    body = check(editor("POST", START, house.order("setup", 2, 3)), 409, "run_active")
    assert body["runId"] == run.id


def test_addresses_and_methods_that_are_not(house: House) -> None:
    for path in ("/api", "/x/api", "/api/", "/api/nothing", "/api/stories/", "/api/ai/runs"):
        check(house["editor"]("GET", path), 404, "not_found")
    reply = house["editor"]("PUT", "/api/stories")
    check(reply, 405, "method_not_allowed")
    assert reply.headers["allow"] == "GET"
    check(house["editor"]("GET", START), 405, "method_not_allowed")
    for path in ("/healthz", "/readyz", "/metrics"):
        reply = house["none"]("POST", path)
        check(reply, 405, "method_not_allowed")
        assert reply.headers["allow"] == "GET, HEAD"
        assert house["none"]("HEAD", path).body == b""


class TestLimits:
    @pytest.fixture
    def settings(self, database_url: str) -> Settings:
        return settings_of(database_url, starts_per_minute=1, watchers=2, most_body_bytes=1_000)

    def test_each_is_told_with_when_to_try_again(self, house: House) -> None:
        editor = house["editor"]
        check(editor("POST", START, raw=b" " * 1_001), 413, "body_too_large")
        first = editor.open("POST", START, house.order())
        assert b"200 OK" in first.recv(4_000)
        (run,) = house.service.operator().runs()
        path = f"/api/ai/runs/{run.id}/events?follow=true"
        second = editor.open("GET", path)
        assert b"200 OK" in second.recv(4_000)
        reply = editor("GET", path)
        check(reply, 429, "too_many")
        assert int(reply.headers["retry-after"]) >= 1
        with house["viewer"].open("GET", path) as other:
            assert b"200 OK" in other.recv(4_000), "each token has its own"
        # What was refused counts for nothing; what is wrong otherwise is told first.
        first.close()
        second.close()
        editor("POST", f"/api/ai/runs/{run.id}/cancel")
        check(editor("POST", START, house.order("finale", 4, 1)), 409, "stale_plan")
        before = Database(house.service.settings.database_url).everything()
        reply = editor("POST", START, house.order())
        check(reply, 429, "too_many")
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert Database(house.service.settings.database_url).everything() == before
