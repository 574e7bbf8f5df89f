"""The page of what waits for a decision, by AppTest: one request, read and decided there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cascade.service import Service
from tests.service.people import People, gather

from .conftest import Page, story_of
from .tables import drawn, field, press, words

LEVELS = {"midpoint": 4, "allIsLost": 2}
# What is read before it is decided.
MOST_WORDS = 90


def approvals_page(name: str, language: str) -> None:
    import streamlit as st

    from cascade.ui import session
    from cascade.ui.approvals.page import draw_approvals

    st.session_state["language"] = language
    session.set_viewer(session.service().actor(name))
    with session.shielded():
        draw_approvals(session.desk())


@pytest.fixture
def people(service: Service) -> People:
    return gather(service)


def draw(name: str, language: str = "en") -> AppTest:
    return drawn(approvals_page, name, language)


def ask(people: People, note: str = "the fall is to come as a shock") -> str:
    desk = people.desk("editor")
    plan = desk.plan(people.mine, LEVELS).plan
    return desk.start(plan, ask=True, note=note)


def buttons(at: AppTest) -> list[str]:
    return [one.label for one in at.button]


def status(people: People, run_id: str) -> str:
    return people.service.operator().run(run_id).status


@pytest.mark.parametrize("language", ["en", "id"])
def test_what_decides_is_read_in_half_a_minute(people: People, language: str) -> None:
    ask(people)
    at = draw("producer", language)
    said = re.sub(r"<[^>]*>", " ", words(at).split("<details>")[0])
    assert "45 credits" in said
    assert "500" in said
    assert "455" in said
    assert "Midpoint (2→4), All Is Lost (4→2)" in said
    assert "the fall is to come as a shock" in said
    every = re.sub(r"<[^>]*>", " ", words(at))
    assert len(every.split()) + sum(len(one.split()) for one in buttons(at)) <= MOST_WORDS
    assert "data:image/svg+xml" in words(at)


def test_approving_is_one_click(people: People) -> None:
    run_id = ask(people)
    at = press(draw("producer"), "Approve")
    assert status(people, run_id) == "queued"
    assert people.desk("editor").credits().held == 45
    assert "Approved: 45 credits are held" in words(at)
    assert "Nothing waits for your decision." in words(at)


def test_changes_are_asked_for_and_it_goes_on_waiting(people: People) -> None:
    run_id = ask(people)
    at = draw("producer")
    field(at, "text_area", f"comment-{run_id}").input("leave <b>All Is Lost</b> as it is")
    press(at, "Send")
    assert status(people, run_id) == "awaiting_approval"
    assert "leave &lt;b&gt;All Is Lost&lt;/b&gt; as it is" in words(at)
    own = people.desk("editor").own_request(people.mine)
    assert own is not None
    assert [one.text for one in own.asked.comments] == ["leave <b>All Is Lost</b> as it is"]


def test_a_request_is_declined_for_a_reason_only(people: People) -> None:
    run_id = ask(people)
    at = press(draw("producer"), "Decline the request")
    assert status(people, run_id) == "awaiting_approval"
    [error] = at.error
    assert "reason" in error.value
    field(at, "text_area", f"reason-{run_id}").input("not this month")
    press(at, "Decline the request")
    assert status(people, run_id) == "rejected"
    failure = people.service.operator().run(run_id).failure
    assert failure is not None
    assert failure.fields["said"] == "not this month"


def test_two_who_decide_make_one_decision(people: People) -> None:
    run_id = ask(people)
    at = draw("producer")
    people.desk("admin").decline(run_id, "another had it first")
    press(at, "Approve")
    assert status(people, run_id) == "rejected"
    [error] = at.error
    assert people.actors["admin"].display_name in error.value.replace("\\", "")


def test_what_the_plan_no_longer_fits_says_so_and_cannot_be_approved(people: People) -> None:
    run_id = ask(people)
    editor = people.desk("editor")
    with people.service.executing():
        other = editor.start(editor.plan(people.mine, {"midpoint": 5}).plan)
        list(people.service.operator().follow(other))
    at = draw("producer")
    assert "so it is void" in words(at)
    assert "Approve" not in buttons(at)
    press(at, "Put it away")
    assert status(people, run_id) == "rejected"


def test_the_oldest_is_shown_first_and_every_other_is_a_way_to_it(people: People) -> None:
    first = ask(people, "first")
    admin = people.desk("admin")
    second = admin.start(admin.plan(people.mine, {"setup": 4}).plan, ask=True, note="second")
    at = draw("producer")
    assert "<blockquote>first</blockquote>" in words(at)
    assert f'href="./approvals?run={first}" aria-current="true"' in words(at)
    at.query_params["run"] = second
    del at.session_state["address"]
    at.run()
    assert "<blockquote>second</blockquote>" in words(at)
    # Nobody decides what they have asked for themselves.
    at = draw("admin")
    at.query_params["run"] = second
    del at.session_state["address"]
    at.run()
    assert "your own request" in at.caption[0].value
    assert "Approve" not in buttons(at)


def test_in_the_demo_all_three_sides_can_be_tried(service: Service) -> None:
    at = press(draw("producer"), "Make a sample request")
    assert "Approve" in buttons(at)
    assert "The middle drags" in words(at)
    page = Page(service)
    assert "Waiting for approval</b> · 45 credits" in page.said
    page.click("Withdraw")
    assert "Your request is withdrawn" in page.said
    assert "Approve" not in buttons(draw("producer"))


def test_an_editor_asks_in_the_dialog_and_sees_what_comes_of_it(
    page: Page, service: Service
) -> None:
    page.set(Midpoint=4).click("Save Tension Levels")
    assert not page.has_button("Ask for approval")
    box: Any = page.at.checkbox[0]
    box.check()
    page.look()
    page.at.text_input[-1].input("may I?")
    page.click("Ask for approval")
    assert "Waiting for approval</b> · 26 credits" in page.said
    assert "Midpoint (2→4)" in page.said, "what is pending stays so"
    producer = service.desk(service.actor("producer"))
    [one] = producer.waiting()
    assert one.asked.note == "may I?"
    producer.ask_for_changes(one.asked.run_id, "one level less")
    assert "Sample Producer asks for changes: one level less" in page.look().said
    producer.decline(one.asked.run_id, "not now")
    page.look()
    assert "not now" in page.said
    assert not page.has_button("Withdraw")


def test_what_is_above_the_projects_threshold_can_only_be_asked_for(
    page: Page, service: Service
) -> None:
    service.desk(service.actor("producer")).set_project(None, {"approve_above": 20})
    page.look().set(Midpoint=4)
    assert "needs approval" in page.said
    page.click("Save Tension Levels")
    assert not page.has_button("Regenerate & Save")
    assert "a producer decides" in page.said
    page.click("Ask for approval")
    assert "Waiting for approval</b> · 26 credits" in page.said


def test_what_a_budget_has_no_room_for_is_said_beside_the_button(
    page: Page, service: Service
) -> None:
    service.desk(service.actor("producer")).set_project(None, {"budget": 20})
    page.look().set(Midpoint=4).click("Save Tension Levels")
    assert page.button("Regenerate & Save").disabled
    assert any("has no room for 26" in one for one in page.errors)
    assert story_of(service).curve["midpoint"] == 2


def test_whoever_decides_sees_how_many_wait_on_every_page(service: Service) -> None:
    editor = service.desk(service.actor("editor"))
    story = story_of(service)
    editor.start(editor.plan(story.id, LEVELS).plan, ask=True)
    page = Page(service)
    assert "1 request waits" not in page.said
    page.at.selectbox(key="view-as").select("producer")
    page.look()
    assert "1 request waits" in page.said
