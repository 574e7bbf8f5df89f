"""Who may do what by the command line: `--user` in every role, and without one the operator."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import database_url, near

from .people import REJECTED, ROLES, People, failed, gather, start, stopped

__all__ = ["database_url", "near"]

MEMBERS = ("viewer", "editor", "producer")


@pytest.fixture
def people(database_url: str) -> Iterator[People]:
    service = Service(Settings(database_url=database_url, provider="offline"))
    yield gather(service)
    service.close()


def code(role: str, *may: str) -> int:
    """The exit code for a role: done, refused, or there is no such thing."""
    return 0 if role in may else 5 if role in MEMBERS else 2


def test_reads(people: People, near: Near, database_url: str) -> None:
    run_id, story = stopped(people), people.mine
    before = Database(database_url).everything()
    for role in ROLES:
        may = code(role, *MEMBERS)
        for arguments in (
            ("show", story),
            ("export", story),
            ("plan", story, "--set", "finale=1"),
            ("events", run_id),
            ("events", run_id, "--follow"),
        ):
            done = near(*arguments, "--user", role)
            assert done.returncode == may, (role, arguments, done.stderr)
            if may:
                assert done.stdout == ""
                assert "There is no " in done.stderr
        listed = [one["id"] for one in near.json("stories", "--user", role)]
        assert (story in listed, people.theirs in listed) == (role in MEMBERS, role == "stranger")
        runs = [one["id"] for one in near.json("runs", "--user", role)]
        assert runs == ([run_id] if role in MEMBERS else [])
        assert near.json("credits", "--user", role)["user"] == role
    assert Database(database_url).everything() == before


def test_orders(people: People, near: Near, database_url: str) -> None:
    """Those who may not; what may be done is for `test_access`, and costs a run."""
    database = Database(database_url)
    run_id, story = failed(people), people.mine
    for role in ROLES:
        before = database.everything()
        for arguments in (
            ("run", story, "--set", "finale=1"),
            ("resume", run_id),
            ("resume", run_id, "--accept", REJECTED),
            ("restore", run_id),
            ("restore", run_id, "--piece", "midpoint/beatContent"),
        ):
            if role != "editor":
                done = near(*arguments, "--user", role)
                assert done.returncode == code(role), (role, arguments, done.stderr)
                if done.returncode == 5 and arguments[0] != "restore":
                    [event] = map(json.loads, done.stdout.splitlines())
                    assert (event["type"], event["code"]) == ("error", "not_allowed")
        if role not in ("editor", "producer"):
            active = start(people, {"finale": 1})
            before = database.everything()
            assert near("cancel", active, "--user", role).returncode == code(role)
            assert database.everything() == before
            assert near("cancel", active, "--user", "producer").returncode == 0
        else:
            assert database.everything() == before
    assert near("restore", run_id, "--user", "editor").returncode == 0


def test_who_gives_an_order_is_cascade_user_unless_said(people: People, near: Near) -> None:
    run_id = stopped(people)
    assert near("restore", run_id, CASCADE_USER="stranger").returncode == 2
    assert near("restore", run_id, CASCADE_USER="viewer").returncode == 5
    assert near("restore", run_id, CASCADE_USER="viewer", CASCADE_SAMPLES="off").returncode == 5
    done = near("restore", run_id, CASCADE_USER="no such user")
    assert done.returncode == 2
    assert 'There is no user "no such user"' in done.stderr
    assert near("restore", run_id, "--user", "editor", CASCADE_USER="viewer").returncode == 0


def test_the_operator_needs_neither_a_role_nor_a_user(people: People, near: Near) -> None:
    run_id = stopped(people)
    for user in ("no such user", "stranger", "editor"):
        for arguments in (
            ("stories",),
            ("show", people.mine),
            ("show", people.theirs),
            ("export", people.mine),
            ("plan", people.mine, "--set", "finale=1"),
            ("runs",),
            ("events", run_id),
            ("credits",),
        ):
            done = near(*arguments, CASCADE_USER=user)
            assert done.returncode == 0, (user, arguments, done.stderr)
    plan = ("plan", people.mine, "--set", "finale=1", "--json")
    available = {
        user: json.loads(near(*plan, CASCADE_USER=user).stdout)["availableCredits"]
        for user in ("no such user", "stranger", "editor")
    }
    # Nobody's; none in that project; the editor's own.
    assert available == {"no such user": 0, "stranger": 0, "editor": 497}
    nobody = json.loads(near("credits", "--json", CASCADE_USER="no such user").stdout)
    assert nobody == {
        "user": "no such user", "deposited": 0, "available": 0, "held": 0, "captured": 0,
        "entries": [],
    }  # fmt: skip
    # One who is named must be there.
    assert near("stories", "--user", "no such user").returncode == 2
