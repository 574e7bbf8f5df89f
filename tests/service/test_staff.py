"""People and their roles: who sees whom, who gives what, and what is refused with a sentence."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from cascade.errors import (
    BadField,
    BadName,
    CascadeError,
    GrantIncomplete,
    LastAdmin,
    NameTaken,
    NotAllowed,
    NotAuthenticated,
    UnknownProject,
    UnknownToken,
    UnknownUser,
)
from cascade.service import Desk, Member
from cascade.store import people as rows
from cascade.store.database import Session
from cascade.store.tables import User, now
from tests.engine.test_step_cost import counted
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import near

from .people import People

__all__ = ["near"]


def names(members: tuple[Member, ...]) -> list[str]:
    return [one.name for one in members]


def test_a_producer_sees_their_own_and_an_admin_everybody(people: People, admin: Desk) -> None:
    for role in ("producer", "stranger", "editor"):
        people.service.operator().create_token(role, 1)
    seen = people.desk("producer").people()
    [home] = seen.projects
    assert (home.name, names(home.members)) == ("Sample Project", ["editor", "producer", "viewer"])
    assert [one.role for one in home.members] == ["editor", "producer", "viewer"]
    assert (seen.admins, seen.without, seen.may_give) == ((), (), False)
    assert {one.user for one in seen.tokens} == {"producer", "editor"}
    all_ = admin.people()
    assert [names(one.members) for one in all_.projects] == [
        ["editor", "producer", "viewer"],
        ["stranger"],
    ]
    assert (names(all_.admins), names(all_.without)) == (["admin"], ["nobody"])
    assert all_.admins[0].role is None
    assert all_.may_give
    assert {one.user for one in all_.tokens} == {"producer", "editor", "stranger"}
    assert all_ == people.service.operator().people()


def test_of_two_projects_neither_is_there_for_the_other(people: People, admin: Desk) -> None:
    """Producers of either: nothing of the other's is named or counted, whatever is asked for."""
    operator = people.service.operator()
    home, other = (one.id for one in operator.projects())
    admin.set_role("stranger", "producer", other)
    for name, project in (("editor", home), ("stranger", other)):
        admin.grant(name, 7, project, "Asked for")
        admin.create_token(name, 1)
    theirs = {one.user: one.id for one in operator.tokens()}
    sides = (
        (
            "producer",
            home,
            {"Another project", other, "stranger", "A Stranger", theirs["stranger"]},
        ),
        ("stranger", other, {"Sample Project", home, "viewer", "Sample Editor", theirs["editor"]}),
    )
    for role, own, foreign in sides:
        desk = people.desk(role)
        page = desk.audit()
        entries = [*page.entries, *desk.audit_rows(), *desk.audit_after()]
        read = repr((desk.people(), desk.projects(), page, entries))
        assert not [word for word in foreign if word in read.replace("'editor'", "")]
        assert [one.id for one in desk.projects()] == [own]
        assert set(page.projects) == {own}
        elsewhere = other if own == home else home
        token = theirs["stranger" if own == home else "editor"]
        unknown: list[Callable[[], Any]] = [
            partial(desk.grant, "editor", 1, elsewhere, "Asked for"),
            partial(desk.set_role, "editor", "viewer", elsewhere),
            partial(desk.add_person, "x", "", "viewer", elsewhere),
            partial(desk.revoke_token, token),
        ]
        for ask in unknown:
            with pytest.raises((UnknownProject, UnknownToken)) as refused:
                ask()
            said = refused.value.message
            assert not [word for word in foreign - {elsewhere, *theirs.values()} if word in said]


@pytest.mark.parametrize("count", [3, 60])
def test_the_statements_of_a_page_are_as_many_for_many(
    people: People, admin: Desk, count: int
) -> None:
    home = people.home
    with people.service.database.write() as session:
        session.add_all(User(id=f"u{n}", name=f"u{n}", display_name="U") for n in range(count))
    for n in range(0, count, 2):
        admin.set_role(f"u{n}", "viewer", home)
        admin.create_token(f"u{n}", 1)
    desk = people.desk("producer")
    asked: list[tuple[Callable[[], Any], int]] = [
        (desk.may_see, 1),
        (desk.people, 4),
        (admin.people, 4),
        (desk.audit, 5),
        (admin.audit, 5),
        (desk.projects, 5),
    ]
    for ask, most in asked:
        with counted(people.service.database) as statements:
            ask()
        assert len(statements) <= most, (ask, statements)


def test_roles_by_hand(people: People, admin: Desk) -> None:
    home = people.home
    viewer = people.desk("viewer")
    assert viewer.may_see() == {"read"}
    admin.set_role("viewer", "producer", home)
    assert viewer.may_see() == {"read", "approve", "people", "audit"}
    written = len(admin.audit().entries)
    admin.set_role("viewer", "producer", home)
    admin.set_role("nobody", None, home)
    admin.set_admin("admin", is_admin=True)
    assert len(admin.audit().entries) == written, "what is so already is no deed"
    admin.set_role("viewer", None, home)
    assert viewer.stories() == []
    assert viewer.may_see() == frozenset()
    added = admin.add_person("ana@example.org", "Ana", "editor", home)
    assert (added.name, added.display_name) == ("ana@example.org", "Ana")
    assert people.service.desk(added).stories()
    deeds = [(one.object, one.before, one.after) for one in admin.audit().entries[:2]]
    assert deeds == [("ana@example.org", None, "editor"), ("viewer", "producer", None)]


def test_what_is_refused(people: People, admin: Desk) -> None:
    home = people.home
    # What comes from outside may be anything.
    no_role: Any = "owner"
    refused: list[tuple[Callable[[], Any], type[CascadeError]]] = [
        (lambda: admin.set_admin("admin", is_admin=False), LastAdmin),
        (lambda: admin.set_role("no such user", "viewer", home), UnknownUser),
        (lambda: admin.set_role("no\x00user", "viewer", home), UnknownUser),
        (lambda: admin.set_role("viewer", "viewer", "no such project"), UnknownProject),
        (lambda: admin.set_role("viewer", no_role, home), BadField),
        (lambda: admin.add_person("editor", "", "viewer", home), NameTaken),
        (lambda: admin.add_person("  ", "", "viewer", home), BadName),
        (lambda: admin.add_person("a" * 201, "", "viewer", home), BadName),
        (lambda: admin.add_person("a\x00b", "", "viewer", home), BadName),
        (lambda: admin.add_person("a\u202eb", "", "viewer", home), BadName),
        (lambda: admin.add_person("a", "\ud800", "viewer", home), BadName),
        (lambda: admin.add_person("a", "", "viewer", None), UnknownProject),
        (lambda: admin.create_token("editor", 0), BadField),
        (lambda: admin.create_token("no such user", 1), UnknownUser),
        (lambda: admin.revoke_token("no such token"), UnknownToken),
        (lambda: admin.revoke_token("no\x00token"), UnknownToken),
        (lambda: admin.grant("stranger", 5, home, "Asked for"), UnknownUser),
        (lambda: admin.grant("editor", 0, home, "Asked for"), GrantIncomplete),
    ]
    written = admin.audit().entries
    for ask, error in refused:
        with pytest.raises(error) as raised:
            ask()
        assert "\n" not in raised.value.message
        assert raised.value.message.endswith(".")
    assert admin.audit().entries == written


def test_the_last_admin_stays_one_until_there_is_another(people: People, admin: Desk) -> None:
    admin.set_admin("producer", is_admin=True)
    admin.set_admin("admin", is_admin=False)
    with pytest.raises(NotAllowed):
        admin.set_admin("admin", is_admin=True)
    # Who owns the machine may do without one.
    people.service.operator().user_role("producer", None)
    assert people.service.operator().people().admins == ()


def test_two_admins_cannot_take_it_from_each_other_at_once(
    people: People, admin: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.set_admin("producer", is_admin=True)
    both, lock, refused = threading.Barrier(2), rows.lock_admins, []

    def lock_when_both_are_there(session: Session) -> frozenset[str]:
        both.wait(timeout=60)
        return lock(session)

    def take(desk: Desk, name: str) -> None:
        try:
            desk.set_admin(name, is_admin=False)
        except NotAllowed as error:
            refused.append(error)

    if not people.service.database.is_sqlite:
        # There each has looked at what they are by then; SQLite lets one write after the other.
        monkeypatch.setattr(rows, "lock_admins", lock_when_both_are_there)
    orders = ((admin, "producer"), (people.desk("producer"), "admin"))
    threads = [threading.Thread(target=take, args=one) for one in orders]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(refused) == 1
    assert len(people.service.operator().people().admins) == 1


def test_ones_own_tokens_are_ones_own(people: People, database_url: str) -> None:
    for role in ("viewer", "nobody"):
        desk = people.desk(role)
        token = desk.create_token(role, 1)
        assert people.service.holder(token).actor == desk.actor
        [made] = [one for one in people.service.operator().tokens() if one.user == role]
        assert desk.revoke_token(made.id).revoked_at is not None
        desk.revoke_token(made.id)
        with pytest.raises(NotAuthenticated):
            people.service.holder(token)
    deeds = Database(database_url).query(
        "SELECT action FROM cascade_audit WHERE action LIKE 'token%' ORDER BY id"
    )
    assert [one["action"] for one in deeds] == ["token.create", "token.revoke"] * 2


def test_who_was_here_is_kept_to_the_minute(people: People, database_url: str) -> None:
    service, actor = people.service, people.actors["editor"]

    def seen() -> Any:
        found = service.operator().people().projects[0].members
        return next(one.last_seen_at for one in found if one.name == "editor")

    assert seen() is None
    before = now()
    service.seen(actor)
    first = seen()
    assert before <= first <= now()
    with counted(service.database) as statements:
        service.seen(actor)
    assert not [one for one in statements if one.startswith("UPDATE")]
    assert seen() == first
    long_ago = now() - timedelta(minutes=2)
    with service.database.write() as session:
        session.get_one(User, actor.user_id).last_seen_at = long_ago
    service.seen(actor)
    assert seen() > first - timedelta(seconds=1)


def test_by_the_command_line(people: People, near: Near) -> None:
    several = near("user", "add", "ana@example.org", "--role", "editor")
    assert (several.returncode, "several projects" in several.stderr) == (2, True)
    added = near(
        "user", "add", "ana@example.org", "--role", "editor", "--project", "Sample Project",
        "--display-name", "Ana",
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    again = near(
        "user", "add", "ana@example.org", "--role", "viewer", "--project", "Sample Project"
    )
    assert again.returncode == 5
    assert near("user", "add", "kai", "--role", "admin").returncode == 0
    home = people.home

    def roles() -> dict[str, dict[str, str]]:
        return {one["name"]: one["roles"] for one in near.json("user", "list")}

    assert roles()["ana@example.org"] == {home: "editor"}
    assert (roles()["kai"], roles()["nobody"]) == ({"*": "admin"}, {})
    for arguments, left in (
        (("ana@example.org", "producer"), {home: "producer"}),
        (("ana@example.org", "viewer", "--project", home), {home: "viewer"}),
        (("ana@example.org", "admin"), {home: "viewer", "*": "admin"}),
        (("ana@example.org", "none", "--project", home), {"*": "admin"}),
        (("ana@example.org", "none"), {}),
        (("ana@example.org", "none"), {}),
    ):
        done = near("user", "role", *arguments)
        assert done.returncode == 0, done.stderr
        assert roles()["ana@example.org"] == left
    assert near("user", "role", "no such user", "viewer").returncode == 2
    assert near("user", "role", "kai", "viewer").returncode == 2
    listed = near("user", "list").stdout
    assert "kai  kai: admin\n" in listed
    assert "editor  Sample Editor: editor in Sample Project\n" in listed
    [project, _] = near.json("project", "list")
    assert project == {
        "id": home, "name": "Sample Project", "approveAbove": None, "budget": None, "spent": 0,
        "held": 0,
    }  # fmt: skip
    entries = near.json("audit")
    assert [one["id"] for one in entries] == sorted(one["id"] for one in entries)
    assert {*entries[0]} == {"id", "at", "user", "action", "object", "before", "after", "reason"}
    last = entries[-1]
    assert (last["user"], last["action"], last["object"]) == (None, "user.role", "ana@example.org")
    assert (last["before"], last["after"]) == ("admin", None)
    assert near.json("audit", "--after", str(entries[-2]["id"])) == [last]
    text = near("audit", "--after", str(entries[-3]["id"])).stdout
    assert f"{last['id']}  {last['at'][:10]}" in text
    assert 'operator  user.role ana@example.org: "viewer" → null in Sample Project\n' in text
