"""Who may do what by the command line: the table with `--user`, and without one the operator."""

from __future__ import annotations

import json
from itertools import product

import pytest

from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import near

from .people import EVERYBODY, ROLES, People, failed, start, stopped
from .people import asked as asked_for
from .table import EXITS, ON_REQUESTS, ORDERS, READS, STAFF

__all__ = ["near"]

# What executes a run where it is allowed.
STARTING = ("start", "resume", "accept")


def asked(people: People, command: str, run_id: str, role: str) -> tuple[str, ...]:
    """A command of the table as somebody gives it."""
    filled = command.format(story=people.mine, run=run_id)
    return (*filled.split(" "), "--user", role)


def test_reads(people: People, near: Near, database_url: str) -> None:
    run_id, request = stopped(people), asked_for(people)
    before = Database(database_url).everything()
    for case, row in READS.items():
        for command, role in product(row.commands, EVERYBODY):
            verdict = row.verdicts[role]
            done = near(*asked(people, command, run_id, role))
            assert done.returncode == EXITS[verdict], (case, role, done.stderr)
            if verdict == "unknown":
                assert done.stdout == ""
                assert "There is no " in done.stderr
            elif "--json" in command:
                listed = {one.get("id", one.get("runId")) for one in json.loads(done.stdout)}
                assert bool({people.mine, run_id, request} & listed) == (verdict == "yes")
                theirs = case == "stories" and role in ("stranger", "admin")
                assert (people.theirs in listed) == theirs
    for role in ROLES:
        assert near.json("credits", "--user", role)["user"] == role
    assert Database(database_url).everything() == before


def test_what_is_about_people(people: People, near: Near, database_url: str) -> None:
    people.service.operator().grant("editor", 1)
    before = Database(database_url).everything()
    for case, row in STAFF.items():
        for command, role in product(row.commands, EVERYBODY):
            done = near(*command.split(" "), "--user", role)
            assert done.returncode == EXITS[row.verdicts[role]], (case, role, done.stderr)
            if row.verdicts[role] == "yes":
                assert json.loads(done.stdout), (case, role)
            elif done.returncode == 0:
                assert json.loads(done.stdout) == []
    assert Database(database_url).everything() == before


@pytest.mark.parametrize("case", sorted(case for case, row in ORDERS.items() if row.commands))
def test_orders(people: People, near: Near, database_url: str, case: str) -> None:
    """Those who may not. What starts a run is done elsewhere; the rest is done here at last."""
    row, database = ORDERS[case], Database(database_url)
    run_id = start(people) if case == "cancel" else failed(people)
    if case in ON_REQUESTS:
        run_id = asked_for(people)
    before = database.everything()
    for command, role in product(row.commands, ROLES):
        if role in row.may():
            continue
        done = near(*asked(people, command, run_id, role))
        assert done.returncode == EXITS[row.verdicts[role]], (role, done.stderr)
        if done.returncode == EXITS["refused"] and case in STARTING:
            [event] = map(json.loads, done.stdout.splitlines())
            assert (event["type"], event["code"]) == ("error", "not_allowed")
    assert database.everything() == before
    if case not in STARTING:
        for command in row.commands:
            done = near(*asked(people, command, run_id, row.may()[0]))
            assert done.returncode == EXITS["yes"], done.stderr
        assert database.everything() != before


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
