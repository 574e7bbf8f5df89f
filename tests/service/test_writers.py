"""Which writers a project allows: where a run is started, and where it is executed."""

from __future__ import annotations

import json

import pytest

from cascade import shapes
from cascade.errors import WriterNotAllowed
from cascade.llm.openai import OpenAIWriter
from cascade.runs import writers
from tests.helpers.near import Near
from tests.helpers.observe import Database, wait_for
from tests.helpers.seeded_fixtures import near

from .people import LEVELS, REJECTED, People, failed, start, stopped

__all__ = ["near"]

MODEL = OpenAIWriter(
    model="m", api_key="k", base_url="https://user:pw@Models.example.org:8443/v1?x", timeout_s=1
)


def allow(people: People, *writers: str) -> None:
    people.desk("producer").set_project(people.home, {"writers": writers or None})


@pytest.mark.parametrize("way", ["start", "resume", "accept"])
def test_another_writer_starts_nothing(people: People, way: str, database_url: str) -> None:
    editor = people.desk("editor")
    run_id = {"start": lambda _: "", "resume": stopped, "accept": failed}[way](people)
    plan = None if run_id else editor.plan(people.mine, LEVELS).plan

    def ask() -> str:
        if plan is not None:
            return editor.start(plan)
        return editor.resume(run_id) if way == "resume" else editor.accept(run_id, REJECTED)

    allow(people, "models.example.org")
    before = Database(database_url).everything()
    with pytest.raises(WriterNotAllowed) as refused:
        ask()
    assert refused.value.fields == {"writer": "offline", "allowed": ["models.example.org"]}
    assert Database(database_url).everything() == before
    allow(people, "models.example.org", "Offline")
    assert editor.run(ask()).server is None


def test_an_offer_names_the_server_and_says_whether_it_may(
    people: People, near: Near, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = people.desk("editor")
    offer = editor.plan(people.mine, LEVELS)
    assert (offer.server, offer.writer_refused) == (None, False)
    monkeypatch.setattr(people.service._house, "provider", MODEL)
    server = MODEL.server
    assert server is not None
    assert "user" not in server
    for allowed, refused in (
        ((), False),
        (("offline",), True),
        (("openai",), False),
        (("models.example.org:8443",), False),
        (("models.example.org",), True),
    ):
        allow(people, *allowed)
        offer = editor.plan(people.mine, LEVELS)
        assert (offer.server, offer.writer_refused) == (server, refused), allowed
    allow(people, "elsewhere")
    command = (people.mine, "--set", "midpoint=4")
    assert "the project does not allow that writer" in near("plan", *command).stdout
    done = near("run", *command)
    [event] = map(json.loads, done.stdout.splitlines())
    assert (done.returncode, event["code"]) == (5, "writer_not_allowed")


def test_who_executes_is_asked_too(people: People) -> None:
    """What is allowed may have changed, and the executor's settings may be others."""
    service, run_id = people.service, start(people)
    allow(people, "models.example.org")
    with service.executing():
        wait_for(lambda: not service.operator().run(run_id).is_active, "the run to end", 60)
    view = service.operator().run(run_id)
    assert (view.status, view.error_code, view.used_credits) == ("failed", "writer_not_allowed", 0)
    assert "does not allow offline" in (view.error or "")
    allow(people)
    again = people.desk("editor").resume(run_id)
    with service.database.write() as session:
        writers.take_up(session, again, MODEL)
    view = service.operator().run(again)
    assert shapes.run_document(view)["server"] == MODEL.server == view.server
