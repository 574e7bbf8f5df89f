"""One run in full, by AppTest: its plan, request, steps, attempts and receipt, and for whom."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from cascade.errors import Reason
from cascade.runs import lifecycle, steps
from cascade.service import Cost, Service
from cascade.settings import Settings
from cascade.store.calls import Call
from cascade.store.tables import ModelCall, RunStep
from cascade.ui.run.receipt import used_words
from tests.helpers.statements import statements
from tests.service.people import REJECTED, People, asked, gather, save_next, start, stopped

from .tables import PATIENCE_S, words
from .test_runs import runs_page

# Statements, that of the beginning and that of the reader's roles among them.
MOST = 16


@pytest.fixture
def people(service: Service) -> People:
    return gather(service)


def in_full(name: str, run_id: str, language: str = "en") -> AppTest:
    """The page at the address of a run."""
    at = AppTest.from_function(runs_page, args=(name, language), default_timeout=PATIENCE_S)
    at.query_params["run"] = run_id
    at.run()
    assert not at.exception, at.exception
    return at


def plain(at: AppTest) -> str:
    """What a page says, without its elements."""
    said = [*(one.body for one in at.html), *(one.value for one in (*at.header, *at.caption))]
    return " ".join(re.sub(r"<[^>]*>", " ", "\n".join(said)).replace("\\", "").split())


def rows(at: AppTest, table: str) -> list[list[str]]:
    """The cells of each row of a table, by a class of its."""
    [body] = [one.body for one in at.html if f"cascade-{table}" in one.body]
    return [
        [" ".join(re.sub(r"<[^>]*>", " ", cell).split()) for cell in row.split("<td")]
        for row in body.split("<tbody>")[1].split("<tr")[1:]
    ]


def retried(people: People) -> str:
    """A run of a model's: a server that was busy, a text that was rejected twice."""
    run_id = start(people)
    service = people.service
    key = save_next(service, run_id)
    assert key == "midpoint/beatContent"
    busy = Call(1, "failed", "openai", "gpt", 700, code="rate_limit")
    bad = Call(
        attempt=2,
        outcome="rejected",
        provider="openai",
        model="gpt",
        latency_ms=800,
        code="bad_output",
        prompt_tokens=1200,
        completion_tokens=300,
        rejected_text="No.",
        reason="it is odd",
    )
    last = replace(bad, attempt=3)
    with service.database.write() as session:
        steps.announce(session, run_id, REJECTED)
        steps.report_retry(session, run_id, REJECTED, 1, 2.0, "Too many requests.", busy)
        steps.announce(session, run_id, REJECTED)
        steps.report_retry(session, run_id, REJECTED, 2, 0.0, "It cannot be saved.", bad)
        steps.announce(session, run_id, REJECTED)
        why = Reason("bad_output", "It cannot be saved: odd.", {"cause": "empty"})
        steps.fail(session, run_id, REJECTED, why, last)
        lifecycle.finish(session, run_id)
    return run_id


def test_a_run_in_full_says_what_came_of_every_attempt(people: People) -> None:
    run_id = retried(people)
    at = in_full("viewer", run_id)
    said = plain(at)
    for part in (
        "Tinggi Muka Air",
        "Sample Editor",
        run_id,
        "Midpoint (2→4)",
        "All Is Lost (4→2)",
        "14 texts in 5 scenes, 45 credits",
        "Held 0 credits",
        "Used 3 credits",
        "Released 42 credits",
        "gpt: 2,400 prompt tokens (0 cached), 600 written, unknown for 1",
    ):
        assert part in said, part
    assert "Cost" not in said, "nobody has said a price"
    made = rows(at, "attempts")
    [first] = [one for one in made if "Beat content" in one[0]]
    assert "saved" in first[2]
    assert first[5].endswith("–")
    busy, bad, last = sorted((one for one in made if one != first), key=lambda one: one[1])
    assert "failed: Too many requests." in busy[2]
    assert "0.7 s" in busy[4]
    assert "rejected by a check: it is odd" in bad[2]
    assert "1,200 + 300" in bad[5]
    # Of the last one all is kept that says it in either language.
    assert "rejected by a check: the text is empty" in last[2]
    assert "ditolak pemeriksaan: teksnya kosong" in plain(in_full("viewer", run_id, "id"))
    done, refused, left, *_ = rows(at, "time")
    assert "done" in done[1]
    assert "failed" in refused[1]
    assert refused[5].endswith("3")
    assert "not reached" in left[1]
    to = f"./?story={people.mine}&amp;run={run_id}&amp;mode=review"
    assert f'href="{to}&amp;text=midpoint%2FbeatContent"' in words(at)
    assert f'href="{to}"' in words(at)


def test_every_reason_is_told_in_the_readers_language(people: People) -> None:
    run_id = retried(people)
    with people.service.database.write() as session:
        for attempt, fields in ((1, {"status": 429}), (2, {"cause": "empty"})):
            session.execute(
                sa.update(ModelCall)
                .where(ModelCall.step_key == REJECTED, ModelCall.attempt == attempt)
                .values(error_fields=fields)
            )
    said = plain(in_full("viewer", run_id, "id"))
    assert said.count("ditolak pemeriksaan: teksnya kosong") == 2
    assert "terlalu sering diminta (429)" in said
    assert "it is odd" not in said


def test_its_line_of_time_lies_within_the_run(people: People) -> None:
    at = in_full("viewer", retried(people))
    bars = re.findall(r'style="left: ([\d.]+)%; width: ([\d.]+)%"', words(at))
    assert len(bars) == 4
    assert all(float(left) >= 0 and float(left) + float(width) <= 100.1 for left, width in bars)


def test_a_price_shows_what_it_cost(people: People) -> None:
    run_id, service = retried(people), people.service
    priced = Settings(
        database_url=service.settings.database_url,
        provider="offline",
        price_prompt=1.0,
        price_completion=2.0,
    )
    other = Service(priced)
    found = other.desk(people.actors["viewer"]).run_in_full(run_id)
    other.close()
    assert found.cost == Cost(0.0036, "USD", complete=False)
    assert used_words(found.record.tokens, found.cost).endswith("Cost: at least $0.0036")


def test_the_parts_of_a_chain_lead_to_each_other(people: People) -> None:
    first = stopped(people)
    desk = people.desk("editor")
    second = desk.resume(first)
    at = in_full("viewer", second)
    assert f'href="./runs?run={first}"' in words(at)
    assert f'href="./runs?run={second}" target="_self" aria-current="true"' in words(at)
    said = plain(at)
    assert "14 texts in 5 scenes, 45 credits" in said
    assert "Of it this part: 13 texts in 5 scenes, 42 credits." in said
    assert "Held 42 credits" in said
    assert "Of part 2 of 2" in said
    assert len(rows(at, "time")) == 13
    assert "No writer has been asked" in said
    assert f'href="./runs?run={second}"' in words(in_full("viewer", first))


def test_a_request_is_told_with_all_that_was_said_to_it(people: People) -> None:
    run_id, producer = asked(people), people.desk("producer")
    assert "Nobody has decided yet." in plain(in_full("viewer", run_id))
    producer.ask_for_changes(run_id, "Less <b>of it</b>")
    producer.approve(run_id)
    said = plain(in_full("viewer", run_id))
    for part in ("Sample Editor asked", "For the festival", "&lt;b&gt;of it", "Approved by"):
        assert part in said, part


def test_a_declined_request_says_why(people: People) -> None:
    run_id = asked(people)
    people.desk("producer").decline(run_id, "Not this month")
    said = plain(in_full("viewer", run_id))
    assert "Declined by Sample Producer" in said
    assert "“Not this month”" in said


def test_a_run_of_others_is_as_one_that_is_not_there(people: People) -> None:
    run_id = start(people)
    for role in ("stranger", "nobody"):
        [error] = in_full(role, run_id).error
        [unknown] = in_full(role, "nowhere").error
        said = error.value.replace("\\", "")
        assert said.replace(run_id, "…") == unknown.value.replace("\\", "").replace("nowhere", "…")
        assert "Tinggi" not in words(in_full(role, run_id))
    assert "Tinggi" in plain(in_full("admin", run_id))


def test_a_run_of_a_story_that_is_gone_is_shown(people: People) -> None:
    run_id = stopped(people)
    scenes = "(SELECT id FROM scene_plots WHERE story_version_id = :id)"
    with people.service.database.write() as session:
        for gone in (
            f"scene_shots WHERE scene_plot_id IN {scenes}",
            "scene_plots WHERE story_version_id = :id",
            "story_versions WHERE id = :id",
        ):
            session.execute(sa.text(f"DELETE FROM {gone}"), {"id": people.mine})
    at = in_full("viewer", run_id)
    assert "A story that is no more" in at.header[0].value
    assert "mode=review" not in words(at)
    assert len(rows(at, "time")) == 14
    assert "./?story=" not in words(at)


def test_it_reads_as_much_however_much_there_is(people: People) -> None:
    def reads(run_id: str) -> int:
        with statements(people.service) as found:
            people.desk("viewer").run_in_full(run_id)
        return len(found)

    desk = people.desk("editor")
    small = desk.start(desk.plan(people.mine, {"finalImage": 3}).plan)
    desk.cancel(small)
    few = reads(small)
    run_id = retried(people)
    assert reads(run_id) == few + 1, "one more asks for what was rejected"
    with people.service.database.write() as session:
        session.execute(
            sa.update(RunStep)
            .where(RunStep.run_id == run_id, RunStep.status == "pending")
            .values(status="failed")
        )
    assert len([one for one in desk.run(run_id).steps if one.status == "failed"]) > 10
    assert reads(run_id) == few + 1
    assert few <= MOST
