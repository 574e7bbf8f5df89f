"""What a project allows: who sets it, what can be set, and that the audit tells of it."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from cascade.errors import BadField, NotAllowed, UnknownProject
from cascade.service import AuditFilter, Desk, RuleChange, Rules
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import near

from .people import People

__all__ = ["near"]


def told(people: People) -> list[tuple[str, Any, Any, str | None]]:
    """The entries about rules, the oldest first."""
    found = people.service.operator().audit_after()
    return [
        (one.action, one.before, one.after, one.user)
        for one in found
        if one.action.startswith("project.")
    ]


def test_what_is_set_is_told_and_seen(people: People) -> None:
    home, producer = people.home, people.desk("producer")
    assert producer.set_project(home, {"budget": 100, "approve_above": 0}) == Rules(0, 100)
    assert producer.set_project("Sample Project", {"time_zone": "Asia/Jakarta"}).budget == 100
    producer.set_project(None, {"writers": (" API.openai.com ", "offline", "offline")})
    [seen] = producer.projects()
    assert seen.rules == Rules(0, 100, "Asia/Jakarta", ("api.openai.com", "offline"))
    people.service.operator().set_project(home, {"budget": None, "writers": None})
    assert told(people) == [
        ("project.threshold", None, 0, "producer"),
        ("project.budget", None, 100, "producer"),
        ("project.zone", "UTC", "Asia/Jakarta", "producer"),
        ("project.writers", None, ["api.openai.com", "offline"], "producer"),
        ("project.budget", 100, None, None),
        ("project.writers", ["api.openai.com", "offline"], None, None),
    ]
    entries = producer.audit(AuditFilter(action="project.budget")).entries
    assert {(one.object, one.project) for one in entries} == {(home, "Sample Project")}
    # Nothing of it is another project's.
    other = people.service.operator().projects()[1]
    assert other.rules == Rules(None, None, "UTC", None)


def test_what_is_set_so_already_is_no_deed(people: People, database_url: str) -> None:
    producer = people.desk("producer")
    producer.set_project(people.home, {"budget": 5, "writers": ("offline",)})
    before = Database(database_url).everything()
    producer.set_project(people.home, {"budget": 5, "writers": ("Offline",), "time_zone": "UTC"})
    assert Database(database_url).everything() == before


def test_what_cannot_be_set(people: People, admin: Desk, database_url: str) -> None:
    before = Database(database_url).everything()
    refused: list[RuleChange] = [
        {"budget": -1},
        {"budget": 1_000_000_001},
        {"approve_above": -1},
        {"time_zone": ""},
        {"time_zone": "Mars/Olympus"},
        {"time_zone": "America"},
        {"time_zone": "../UTC"},
        {"time_zone": "UTC\x00"},
        {"writers": ()},
        {"writers": ("",)},
        {"writers": ("a b",)},
        {"writers": ("a\x00",)},
        {"writers": ("\ud800",)},
        {"writers": ("a" * 201,)},
        {"writers": tuple(f"w{n}" for n in range(21))},
    ]
    for change in refused:
        with pytest.raises(BadField):
            admin.set_project(people.home, change)
    with pytest.raises(UnknownProject):
        people.desk("stranger").set_project(people.home, {"budget": 1})
    with pytest.raises(NotAllowed):
        people.desk("editor").set_project(people.home, {"budget": 1})
    with pytest.raises(UnknownProject):
        admin.set_project(None, {"budget": 1})
    assert Database(database_url).everything() == before


def test_two_who_set_at_once_both_count(people: People) -> None:
    """Each sets something else, for the first time, and neither is lost."""
    changes: tuple[RuleChange, ...] = ({"budget": 7}, {"approve_above": 8}, {"writers": ("x",)})
    both = threading.Barrier(len(changes))

    def set_(change: RuleChange) -> None:
        both.wait(timeout=60)
        people.desk("producer").set_project(people.home, change)

    threads = [threading.Thread(target=set_, args=(one,)) for one in changes]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    [seen] = people.desk("producer").projects()
    assert (seen.rules.budget, seen.rules.approve_above, seen.rules.writers) == (7, 8, ("x",))
    assert len(told(people)) == 3


def test_by_the_command_line(people: People, near: Near) -> None:
    home = people.home

    def rules() -> tuple[Any, Any]:
        one = near.json("project", "list")[0]
        return one["approveAbove"], one["budget"]

    for arguments, code, after in (
        (("--budget", "10"), 2, (None, None)),  # Of two projects one is to be said.
        ((home,), 2, (None, None)),
        ((home, "--budget", "-1"), 2, (None, None)),
        ((home, "--budget", "many"), 2, (None, None)),
        ((home, "--time-zone", "Mars/Olympus"), 2, (None, None)),
        ((home, "--budget", "100", "--approve-above", "45"), 0, (45, 100)),
        (("Sample Project", "--budget", "none", "--time-zone", "Asia/Jakarta"), 0, (45, None)),
        ((home, "--approve-above", "none"), 0, (None, None)),
        ((home, "--writer", "offline", "--writer", "localhost:8000"), 0, (None, None)),
    ):
        done = near("project", "set", *arguments)
        assert (done.returncode, rules()) == (code, after), (arguments, done.stderr)
        assert bool(done.stdout) == (code == 0)
    said = "approve above: none; budget: none; Asia/Jakarta; writers: offline, localhost:8000\n"
    assert done.stdout == said
    assert said in near("project", "list").stdout
    assert near("project", "set", home, "--writer", "none").stdout.endswith("writers: any\n")
