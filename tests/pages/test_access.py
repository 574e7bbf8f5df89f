"""Who may do what by the page: what each role is offered, and what is not there for a stranger."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cascade.service import Service
from tests.service.people import ROLES, People, gather, start, stopped

from .conftest import Page

MEMBERS = ("viewer", "editor", "producer")
# What of the page is enabled for whom.
OFFERED = {
    "numbers": ("editor", "producer"),
    "Save Tension Levels": ("editor",),
    "Resume": ("editor",),
    "Restore": ("editor",),
    "Cancel Process": ("editor", "producer"),
    "Import a story": ("editor",),
}


@pytest.fixture
def people(service: Service) -> People:
    return gather(service)


@pytest.mark.parametrize("role", MEMBERS)
def test_what_a_role_is_offered(
    people: People, open_service: Callable[..., Service], role: str
) -> None:
    ended = stopped(people)
    theirs = open_service(user=role)
    page = Page(theirs, run=ended)
    assert not page.errors
    assert bool(page.at.file_uploader) == (role in OFFERED["Import a story"])
    assert page.has_button("Restore") == (role in OFFERED["Restore"])
    assert all(one.disabled != (role in OFFERED["numbers"]) for one in page.at.number_input)
    if role in OFFERED["numbers"]:
        page.set(Finale=3)
    assert page.button("Save Tension Levels").disabled == (
        role not in OFFERED["Save Tension Levels"]
    )
    assert page.button("Resume").disabled == (role not in OFFERED["Resume"])
    page = Page(theirs, run=start(people, {"setup": 5}))
    assert page.button("Cancel Process").disabled == (role not in OFFERED["Cancel Process"])


@pytest.mark.parametrize("role", [one for one in ROLES if one not in MEMBERS])
def test_what_is_not_ones_own_is_not_there(
    people: People, open_service: Callable[..., Service], role: str
) -> None:
    run_id = stopped(people)
    title = people.service.operator().story(people.mine).title
    service = open_service(user=role)
    for query in ({}, {"story": people.mine}, {"story": title}, {"run": run_id}):
        page = Page(service, **(query or {"nothing": "asked"}))
        assert title not in page.said.replace(f"“{title}”", "")
        if role == "nobody":
            # In no project there is nothing at all, whatever is asked for.
            assert "in no project yet" in page.said
            assert not page.at.number_input
            continue
        assert page.at.selectbox[0].value == people.theirs
        assert len(page.at.selectbox[0].options) == 1
        name = next(iter(query), None)
        assert [error.startswith(f"There is no {name}") for error in page.errors] == (
            [True] if name else []
        )
        assert "run" not in page.at.query_params or query
