"""The audit: what is written with which deed, what its entries say, and how they are read."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from cascade.errors import NotAllowed, NothingToRestore
from cascade.runs import lifecycle as runs
from cascade.service import Actor, AuditEntry, AuditFilter, Desk
from cascade.service import auditing as portions
from cascade.store import people as rows
from cascade.store.database import Session
from cascade.story.story import digest
from tests.engine.test_step_cost import counted
from tests.helpers.earlier import save_steps

from .identities import at_once
from .people import LEVELS, People, start, stopped


def done(people: People) -> str:
    """A run that has saved all its steps."""
    run_id = start(people)
    save_steps(people.service, run_id, 999)
    people.service.database.transact(runs.finish, run_id)
    return run_id


def deeds(desk: Desk, action: str) -> list[AuditEntry]:
    """Of an action, the oldest first."""
    return list(desk.audit(AuditFilter(action=action), most=999).entries)[::-1]


def test_a_run_tells_of_its_levels_and_a_restore_of_all_it_brings_back(
    people: People, admin: Desk
) -> None:
    before = people.service.operator().story(people.mine)
    run_id = done(people)
    written = people.service.operator().story(people.mine)
    editor = people.desk("editor")
    set_ = {f"{people.mine}/{beat}": (before.curve[beat], level) for beat, level in LEVELS.items()}
    found = deeds(admin, "level.set")
    assert {one.object: (one.before, one.after) for one in found} == set_
    assert {one.user for one in found} == {"editor"}
    assert {one.project for one in found} == {"Sample Project"}
    with counted(people.service.database) as statements:
        restored = editor.restore_run(run_id)
    assert len(restored.keys) > 10
    assert len([one for one in statements if "cascade_audit" in one]) == 1
    texts = deeds(admin, "text.restore")
    assert {one.object: (one.before, one.after) for one in texts} == {
        f"{people.mine}/{key}": (digest(written.text(key)), digest(before.text(key)))
        for key in restored.keys
    }
    back = {one.object: (one.before, one.after) for one in deeds(admin, "level.set")[len(set_) :]}
    assert back == {key: levels[::-1] for key, levels in set_.items()}
    # What is refused is no deed.
    with pytest.raises(NothingToRestore):
        editor.restore_run(run_id)
    assert deeds(admin, "text.restore") == texts


def test_what_was_said_to_fit_is_told_with_the_reason(people: People, admin: Desk) -> None:
    stopped(people)
    editor = people.desk("editor")
    noted = editor.fits(people.mine, "midpoint/keyAction", "Looked at it.")
    [entry] = deeds(admin, "fits")
    assert noted == ["midpoint/keyAction"]
    assert (entry.user, entry.display_name) == ("editor", "Sample Editor")
    assert (entry.object, entry.reason) == (f"{people.mine}/midpoint/keyAction", "Looked at it.")
    assert (entry.before, entry.after) == (None, None)
    assert editor.fits(people.mine, "midpoint/keyAction", "Again.") == []
    assert deeds(admin, "fits") == [entry]


def test_before_and_after_chain_up(people: People, admin: Desk) -> None:
    """Of each object the after of an entry is the before of the next."""
    operator = people.service.operator()
    home = operator.projects()[0].id
    for role in ("editor", "producer", None, "viewer"):
        admin.set_role("nobody", role, home)
    for is_admin in (True, False, True):
        operator.set_admin("nobody", is_admin=is_admin)
    for n in (5, 7):
        operator.grant("editor", n)
        admin.grant("viewer", n, home, "Asked for")
    operator.create_token("editor", 1)
    operator.revoke_token(operator.tokens()[0].id)
    editor = people.desk("editor")
    for _ in range(2):
        editor.restore_run(done(people))
    latest: dict[tuple[str, str, str | None], object] = {}
    found = list(admin.audit_after())
    for one in found:
        place = (one.action.split(".")[0], one.object, one.project)
        # A run's own texts are kept as revisions, and are no deeds of anybody's.
        if place in latest and one.action != "text.restore":
            assert json.dumps(one.before) == json.dumps(latest[place]), one
        latest[place] = one.after
    assert {one.action for one in found} == {
        "user.role", "credits.grant", "token.create", "token.revoke", "level.set", "text.restore",
    }  # fmt: skip
    grants = [(one.before, one.after) for one in found if one.object == "viewer"]
    assert grants == [(500, 505), (505, 512)]


def test_a_deed_that_does_not_come_about_leaves_no_entry(people: People, admin: Desk) -> None:
    before = list(admin.audit_after())

    def give_and_fail(session: Session) -> None:
        rows.give(session, people.actors["nobody"], "p", "viewer", by=None)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        people.service.database.transact(give_and_fail)
    assert list(admin.audit_after()) == before


def test_it_is_narrowed_and_turned_over(people: People, admin: Desk) -> None:
    operator = people.service.operator()
    home, other = (one.id for one in operator.projects())
    for n in range(1, 8):
        admin.grant("editor", n, home, "Asked for")
    admin.grant("stranger", 1, other, "Asked for")
    stopped(people)
    page = admin.audit(most=3)
    assert page.is_more
    assert [one.action for one in page.entries] == ["level.set", "credits.grant", "credits.grant"]
    rest = admin.audit(before=page.entries[-1].id, most=99)
    assert not rest.is_more
    both = [*page.entries, *rest.entries]
    assert both == list(admin.audit_rows())
    assert both == sorted(both, key=lambda one: -one.id)
    assert both == list(admin.audit_after())[::-1]
    assert page.users == ("", "admin", "editor")
    assert page.actions == ("credits.grant", "level.set", "user.role")
    assert page.projects == {home: "Sample Project", other: "Another project"}

    def found(**asked: Any) -> set[str]:
        return {one.object for one in admin.audit(AuditFilter(**asked)).entries}

    level = {f"{people.mine}/midpoint"}
    assert found(project=other) == {"stranger"}
    assert found(user="editor") == level
    assert found(user="") == {"admin"}
    assert found(action="level.set") == level
    assert found(text="MIDPOINT") == level
    assert found(text="%") == found(text="_") == found(text="no such\x00word") == set()
    assert found(text="x" * 10_000) == found(project="no such project") == set()
    at = both[0].at
    assert found(since=at) == level
    assert both[0].object not in found(until=at)
    assert found(since=at + timedelta(seconds=1)) == set()


def test_what_is_of_no_project_is_an_admins(people: People, admin: Desk) -> None:
    people.service.operator().create_token("editor", 1)
    producer = people.desk("producer")
    assert {one.action for one in admin.audit().entries} == {"token.create", "user.role"}
    assert producer.audit().entries == ()
    assert producer.audit().users == producer.audit().actions == ()


def test_a_role_that_is_taken_away_ends_the_reading(
    people: People, admin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(portions, "PORTION", 2)
    home = people.service.operator().projects()[0].id
    for n in range(1, 6):
        admin.grant("editor", n, home, "Asked for")
    producer = people.desk("producer")
    assert [one.after for one in producer.audit_rows()] == [515, 510, 506, 503, 501]
    assert [one.after for one in producer.audit_after()] == [501, 503, 506, 510, 515]
    rows = producer.audit_rows()
    assert next(rows).after == 515
    # What comes meanwhile is not among them.
    admin.grant("editor", 1, home, "Asked for")
    assert [next(rows).after, next(rows).after] == [510, 506]
    admin.set_role("producer", "editor", home)
    assert next(rows).after == 503
    with pytest.raises(NotAllowed):
        next(rows)


def test_roles_that_are_given_at_once_go_on_from_one_another(people: People, admin: Desk) -> None:
    home = people.service.operator().projects()[0].id
    actor = people.actors["nobody"]

    def give(n: int) -> Actor:
        admin.set_role(actor.name, ("viewer", "editor", "producer", None)[n % 4], home)
        return actor

    at_once(8, give)
    told = deeds(admin, "user.role")[1:]
    assert told
    assert told[0].before is None
    assert [one.before for one in told[1:]] == [one.after for one in told[:-1]]
    found = {one.name: one.role for one in admin.people().projects[0].members}
    assert found.get(actor.name) == told[-1].after


def test_a_beat_is_found_by_the_name_it_is_shown_with(people: People, admin: Desk) -> None:
    done(people)
    found = admin.audit(AuditFilter(text="all is lo")).entries
    assert {one.object for one in found} == {f"{people.mine}/allIsLost"}
