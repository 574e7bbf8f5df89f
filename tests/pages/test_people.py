"""The pages of people and of the audit, by AppTest: who sees what, and what an admin changes."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest

from cascade.errors import NotAllowed
from cascade.service import AuditEntry, AuditFilter, Service
from cascade.store.tables import now
from cascade.ui.audit.file import as_csv
from cascade.ui.audit.words import on_what

from .tables import drawn, field, press, words


def people_page(name: str) -> None:
    from cascade.ui import session
    from cascade.ui.people.page import draw_people

    session.set_viewer(session.service().actor(name))
    with session.shielded():
        draw_people(session.desk())


def audit_page(name: str) -> None:
    from cascade.ui import session
    from cascade.ui.audit.page import draw_audit

    session.set_viewer(session.service().actor(name))
    with session.shielded():
        draw_audit(session.desk())


@pytest.fixture
def service(open_service: Callable[..., Service]) -> Service:
    service = open_service()
    service.operator().user_add("boss", "admin", None, "The Boss")
    return service


def role_of(service: Service, name: str) -> list[str | None]:
    projects = service.operator().people().projects
    return [one.role for project in projects for one in project.members if one.name == name]


@pytest.mark.parametrize("page", [people_page, audit_page])
@pytest.mark.parametrize("name", ["viewer", "editor"])
def test_whoever_may_not_see_a_page_is_told_and_sees_nothing(
    service: Service, page: Callable[[str], None], name: str
) -> None:
    at = drawn(page, name)
    [error] = at.error
    assert "may not" in error.value
    assert at.html.values == []
    assert not at.button


def test_a_producer_sees_their_project_and_gives_no_roles(service: Service) -> None:
    at = drawn(people_page, "producer")
    assert "Sample Viewer" in words(at)
    assert "The Boss" not in words(at)
    assert [one.label for one in at.button] == ["Make this token"]
    assert field(at, "selectbox", "token-user").options == ["producer"]


def test_an_admin_gives_a_role_and_takes_it(service: Service) -> None:
    at = drawn(people_page, "boss")
    field(at, "selectbox", "give-person").select("viewer")
    field(at, "selectbox", "give-role").select("producer")
    press(at, "Give this role")
    assert role_of(service, "viewer") == ["producer"]
    assert "Sample Viewer (viewer) is producer in Sample Project now." in words(at).replace(
        "\\", ""
    )
    field(at, "selectbox", "give-role").select("none")
    press(at, "Give this role")
    assert role_of(service, "viewer") == []
    found = service.operator().audit(AuditFilter(action="user.role")).entries
    by_boss = [(one.object, one.before, one.after) for one in found if one.user == "boss"]
    assert by_boss == [("viewer", "producer", None), ("viewer", "viewer", "producer")]


def test_a_page_that_is_open_gives_nothing_once_its_reader_may_not(service: Service) -> None:
    at = drawn(people_page, "boss")
    field(at, "selectbox", "give-person").select("viewer")
    field(at, "selectbox", "give-role").select("admin")
    service.operator().user_add("other", "admin", None)
    service.operator().user_role("boss", "producer", None)
    service.operator().user_role("boss", None, None)
    before = service.operator().people()
    press(at, "Give this role")
    assert any("may not" in error.value for error in at.error)
    assert service.operator().people() == before
    assert not at.selectbox


def test_the_last_admin_stays_one_and_is_told_why(service: Service) -> None:
    at = drawn(people_page, "boss")
    field(at, "selectbox", "give-person").select("boss")
    field(at, "selectbox", "give-role").select("no_admin")
    press(at, "Give this role")
    [error] = at.error
    assert "only admin" in error.value
    assert [one.name for one in service.operator().people().admins] == ["boss"]


def test_somebody_is_added_before_they_sign_in(service: Service) -> None:
    at = drawn(people_page, "boss")
    field(at, "text_input", "add-name").input("new@example.org")
    field(at, "text_input", "add-shown").input("New Comer")
    field(at, "selectbox", "add-role").select("editor")
    press(at, "Add this person")
    assert role_of(service, "new@example.org") == ["editor"]
    assert "New Comer" in words(at)
    assert field(at, "text_input", "add-name").value == ""
    # Nobody twice, and what was typed is not lost.
    field(at, "text_input", "add-name").input("new@example.org")
    press(at, "Add this person")
    [error] = at.error
    assert "already" in error.value
    assert field(at, "text_input", "add-name").value == "new@example.org"


def test_a_token_is_shown_once_opens_the_door_and_is_taken_back(service: Service) -> None:
    at = drawn(people_page, "producer")
    press(at, "Make this token")
    [shown] = at.code
    assert service.holder(shown.value).actor.name == "producer"
    press(at, "I have copied it")
    assert not at.code
    assert "good" in words(at)
    press(at, "Take it back")
    assert "revoked" in words(at)
    assert not [one for one in at.button if one.label == "Take it back"]


def test_the_audit_is_narrowed_and_turned_over(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cascade.ui.audit.page.PAGE", 3)
    for credits in range(1, 6):
        service.operator().grant("editor", credits)
    at = drawn(audit_page, "producer")
    assert words(at).count("<tr>") == 1 + 3
    assert "Credits granted" in words(at)
    press(at, "Older")
    assert words(at).count("<tr>") == 1 + 2
    press(at, "Newer")
    assert words(at).count("<tr>") == 1 + 3
    field(at, "text_input", "audit-text").input("nobody at all").run()
    assert "Nothing is like that" in at.caption[0].value
    # An admin's own making is of no project, and no producer's.
    field(at, "text_input", "audit-text").input("boss").run()
    assert "Nothing is like that" in at.caption[0].value
    at = drawn(audit_page, "boss")
    field(at, "text_input", "audit-text").input("boss").run()
    assert words(at).count("<tr>") == 1 + 1


@pytest.mark.parametrize(
    ("object_", "shown"),
    [
        ("s/allIsLost", "Low Water: All Is Lost"),
        ("s/allIsLost/level", "Low Water: the tension level of All Is Lost"),
        ("s/midpoint/script/18", "Low Water: the script of scene 18"),
        # What no program of today knows stands as it is kept.
        ("s/midpoint/shots/18", "Low Water: midpoint/shots/18"),
        ("s/coda/dance", "Low Water: coda/dance"),
        ("s/coda", "Low Water: coda"),
        ("gone/midpoint", "gone/midpoint"),
        ("editor", "editor"),
    ],
)
def test_the_audit_names_what_was_done_something_to(object_: str, shown: str) -> None:
    deed = AuditEntry(1, now(), None, None, None, "fits", object_, None, None, None)
    assert on_what(deed, {"s": "Low Water"}) == shown


def test_the_file_holds_all_of_it_and_no_formula(service: Service) -> None:
    service.operator().user_add("=HYPERLINK(1)", "viewer", None)
    desk = service.desk(service.actor("producer"))
    lines = list(csv.reader(io.StringIO(as_csv(desk, AuditFilter()).decode("utf-8-sig"))))
    assert lines[0][:3] == ["id", "at", "user"]
    [one] = [line for line in lines[1:] if "HYPERLINK" in line[5]]
    assert one[4:8] == ["user.role", "'=HYPERLINK(1)", "", '"viewer"']
    with pytest.raises(NotAllowed):
        as_csv(service.desk(service.actor("editor")), AuditFilter())
