"""The page of all runs, by AppTest: what is listed for whom, how it is narrowed, where it leads."""

from __future__ import annotations

import re

import pytest
from streamlit.testing.v1 import AppTest

from cascade.service import Service
from tests.service.people import People, asked, failed, gather, save_next, start, stopped

from .tables import PATIENCE_S, drawn, field, words

# Where a run is shown in full, from the list.
LINK = re.compile(r'<th scope="row"><a [^>]*href="\./runs\?run=([^"]+)"')


def runs_page(name: str, language: str) -> None:
    import streamlit as st

    from cascade.ui import session
    from cascade.ui.runs.page import draw_all_runs

    st.session_state["language"] = language
    session.set_viewer(session.service().actor(name))
    with session.shielded():
        draw_all_runs(session.desk())


@pytest.fixture
def people(service: Service) -> People:
    return gather(service)


def draw(name: str, language: str = "en") -> AppTest:
    return drawn(runs_page, name, language)


def links(at: AppTest) -> list[str]:
    return LINK.findall(words(at))


def test_every_run_is_a_line_that_leads_to_it(people: People) -> None:
    bad, good = failed(people), stopped(people)
    at = draw("viewer")
    assert links(at) == [good, bad]
    said = words(at)
    assert "Sample Editor" in said
    assert ">failed</span>" in said
    assert "Theirs" not in said
    assert "A Stranger" not in said
    assert links(draw("stranger")) == []
    assert "no run yet" in draw("stranger").caption[0].value
    [error] = draw("nobody").error
    assert "may not" in error.value


def test_runs_are_narrowed_by_what_the_reader_asks_for(people: People) -> None:
    bad, good = failed(people), stopped(people)
    at = draw("viewer")
    field(at, "selectbox", "runs-status").select("failed").run()
    assert links(at) == [bad]
    waits = asked(people)
    field(at, "selectbox", "runs-status").select("awaiting_approval").run()
    assert links(at) == [waits]
    people.desk("producer").decline(waits, "Not now.")
    field(at, "selectbox", "runs-status").select("rejected").run()
    assert links(at) == [waits]
    field(at, "selectbox", "runs-status").set_value(None).run()
    field(at, "text_input", "runs-text").input("nothing like it").run()
    assert "No run is like that" in at.caption[0].value
    field(at, "text_input", "runs-text").input("all is lost").run()
    assert links(at)[0] == good
    assert field(at, "selectbox", "runs-user").options == ["An Admin", *SAMPLES]


SAMPLES = ["Sample Editor", "Sample Producer", "Sample Viewer"]


def test_runs_are_turned_over(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cascade.ui.runs.page.PAGE", 1)
    bad, good = failed(people), stopped(people)
    at = draw("viewer")
    assert links(at) == [good]
    for key, shown in (("runs-older", bad), ("runs-newer", good), ("runs-older", bad)):
        field(at, "button", key).click().run()
        assert links(at) == [shown]
    # Whoever asks for something else begins at its beginning.
    field(at, "selectbox", "runs-user").select("editor").run()
    assert links(at) == [good]


def test_what_only_retries_is_marked_in_the_readers_language(people: People) -> None:
    from cascade.runs import steps

    run_id = start(people)
    save_next(people.service, run_id)
    assert "only retrying" not in words(draw("viewer"))
    with people.service.database.write() as session:
        steps.report_retry(session, run_id, "midpoint/keyAction", 1, 60.0, "Busy.")
    assert "only retrying" in words(draw("viewer"))
    assert "hanya mencoba ulang" in words(draw("viewer", "id"))


def test_what_the_list_is_narrowed_to_stands_in_the_address(people: People) -> None:
    bad, _ = failed(people), stopped(people)
    at = draw("viewer")
    field(at, "selectbox", "runs-status").select("failed").run()
    assert dict(at.query_params) == {"status": "failed"}
    field(at, "text_input", "runs-text").input("midpoint").run()
    assert dict(at.query_params) == {"status": "failed", "words": "midpoint"}
    # As a browser comes back to it.
    again = AppTest.from_function(runs_page, args=("viewer", "en"), default_timeout=PATIENCE_S)
    again.query_params["status"] = "failed"
    again.query_params["by"] = "editor"
    assert links(again.run()) == [bad]
    assert field(again, "selectbox", "runs-status").value == "failed"
    field(again, "selectbox", "runs-status").set_value(None).run()
    assert dict(again.query_params) == {"by": "editor"}
