"""The command line about requests: exits, events, and what a list says of each."""

from __future__ import annotations

import json

import pytest

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import database_url, near
from tests.service.people import REJECTED, failed, gather

__all__ = ["database_url", "near"]

STORY = "A Hundred Diameters"
CHANGE = ("--set", "ordeal=3")


@pytest.fixture
def run_id(near: Near) -> str:
    done = near("run", STORY, *CHANGE, "--ask", "--note", "For the festival")
    assert done.returncode == 6, done.stderr
    [event] = map(json.loads, done.stdout.splitlines())
    assert event["type"] == "awaiting_approval"
    return str(event["runId"])


def test_a_list_says_of_each_what_it_is(near: Near, run_id: str) -> None:
    [story] = [one for one in near.json("stories") if one["title"] == STORY]
    [one] = near.json("approvals")
    assert one == {
        "runId": run_id,
        "storyId": story["id"],
        "user": "editor",
        "estimatedCredits": near.json("runs")[0]["estimatedCredits"],
        "planHash": near.json("runs")[0]["planHash"],
        "note": "For the festival",
        "askedAt": one["askedAt"],
        "valid": True,
    }
    told = near("approvals").stdout
    assert "For the festival" in told
    assert "paid by Sample Editor: 500 available" in told
    assert near("ask", run_id[:-2], "--reason", "Shorter", "--user", "producer").returncode == 0
    assert "Sample Producer: Shorter" in near("approvals").stdout


def test_decisions_exit_as_they_end(near: Near, run_id: str, database_url: str) -> None:
    before = Database(database_url).everything()
    for command, code, words in (
        (("approve", run_id), 5, "may not decide"),
        (("approve", "no such run", "--user", "producer"), 2, "no such run"),
        (("decline", run_id, "--user", "producer"), 2, "--reason"),
        (("decline", run_id, "--reason", " ", "--user", "producer"), 2, "takes a reason"),
        (("withdraw", run_id, "--user", "producer"), 5, "may not withdraw"),
    ):
        done = near(*command)
        assert (done.returncode, done.stdout) == (code, ""), command
        assert words in done.stderr, command
    assert Database(database_url).everything() == before
    assert near("approve", run_id, "--user", "producer").returncode == 0
    late = near("decline", run_id, "--reason", "No", "--user", "producer")
    assert (late.returncode, "approved by Sample Producer already" in late.stderr) == (5, True)
    assert near.json("runs")[0]["status"] == "queued", "approved, and executed by nobody yet"
    assert near.json("approvals") == []


def test_a_void_one_is_listed_until_somebody_decides_it(
    near: Near, run_id: str, database_url: str
) -> None:
    Database(database_url).execute(
        "UPDATE story_versions SET synopsis = 'Another' WHERE title = :t", t=STORY
    )
    for _ in range(2):
        assert [one["valid"] for one in near.json("approvals")] == [False]
    done = near("approve", run_id, "--user", "producer")
    assert done.returncode == 5
    assert "title, synopsis" in done.stderr
    assert near.json("approvals") == []
    end = json.loads(near("events", run_id).stdout.splitlines()[-1])
    assert (end["type"], "title, synopsis" in end["reason"]) == ("rejected", True)
    assert near.json("runs")[0]["status"] == "rejected"


def test_a_withdrawn_one_ends_cancelled(near: Near, run_id: str) -> None:
    assert near("withdraw", run_id).returncode == 0
    assert json.loads(near("events", run_id).stdout.splitlines()[-1])["type"] == "cancelled"
    assert near("withdraw", run_id).returncode == 5


def test_a_note_is_kept_with_a_run_that_nobody_has_to_decide(near: Near) -> None:
    done = near("run", STORY, *CHANGE, "--note", "As agreed")
    assert done.returncode == 0, done.stderr
    assert near.json("runs")[0]["note"] == "As agreed"
    assert near.json("approvals") == []


def test_the_rest_of_a_run_is_asked_for_as_the_whole_was(near: Near, run_id: str) -> None:
    assert near("approve", run_id, "--user", "producer").returncode == 0
    assert near("cancel", run_id).returncode == 0
    done = near("resume", run_id, "--ask", "--note", "Only the rest")
    assert done.returncode == 6, done.stderr
    [event] = map(json.loads, done.stdout.splitlines())
    assert event["type"] == "awaiting_approval"
    [one] = near.json("approvals")
    assert (one["runId"], one["note"]) == (event["runId"], "Only the rest")
    assert near("approve", event["runId"], "--user", "producer").returncode == 0
    resumed = near.json("runs")[0]
    assert (resumed["status"], resumed["resumedFrom"]) == ("queued", run_id)
    assert resumed["note"] == "Only the rest"


def test_an_accepted_text_is_asked_for_too(near: Near, database_url: str) -> None:
    service = Service(Settings(database_url=database_url, provider="offline"))
    bad = failed(gather(service))
    service.close()
    done = near("resume", bad, "--accept", REJECTED, "--ask")
    assert done.returncode == 6, done.stderr
    [one] = near.json("approvals")
    accepted = "SELECT count(*) FROM cascade_run_steps WHERE accepted_call_id IS NOT NULL"
    of = f"{accepted} AND run_id = :run AND key = :key"
    assert Database(database_url).value(of, run=one["runId"], key=REJECTED) == 1


def test_credits_for_a_project_are_nobodys(near: Near) -> None:
    assert near("credits", "grant", "5").returncode == 2
    granted = near("credits", "grant", "--project", "Sample Project", "--reason", "Pilot", "700")
    assert granted.stdout == "Sample Project: 700 credits available\n"
    assert near.json("credits")["available"] == 500
    found = near.json("statement")
    assert found["opening"] + found["grants"] - found["captures"] == found["closing"] == 1200
    [grant] = [one for one in found["entries"] if one["credits"] == 700]
    assert (grant["user"], grant["reason"]) == (None, "Pilot")
