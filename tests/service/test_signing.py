"""Signing in: who somebody is, what they are called, and what claims and people make of them."""

from __future__ import annotations

import logging
import threading
import unicodedata
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade.display import is_storable
from cascade.errors import BadIdentity, DatabaseError
from cascade.service import Actor, AuditFilter, Identity, Service
from cascade.service.signing import Door, claimed_values
from cascade.settings import ClaimedRole, Settings
from cascade.store import accounts, people
from cascade.store.tables import User
from tests.engine.test_step_cost import counted
from tests.helpers.seeded_fixtures import copy, database_url

__all__ = ["database_url"]

ISSUER = "https://id.example.org"
FIRST, SECOND = "Sample Project", "Second"
ROLES = (
    ClaimedRole("producers", "producer", FIRST),
    ClaimedRole("writers", "editor", FIRST),
    ClaimedRole("readers", "viewer", SECOND),
    ClaimedRole("writers", "editor", SECOND),
    ClaimedRole("owners", "admin"),
)
VALUES = ("producers", "writers", "readers", "owners", "of no use")


def settings_of(url: str, **more: Any) -> Settings:
    return Settings(database_url=url, provider="offline", roles=ROLES, **more)


@pytest.fixture
def service(database_url: str) -> Iterator[Service]:
    service = Service(settings_of(database_url))
    with service.database.write() as session:
        accounts.add_project(session, SECOND)
    yield service
    service.close()


def door(service: Service, **more: Any) -> Door:
    """The way in by other settings."""
    return Door(settings_of(service.settings.database_url, **more), service.database)


def who(subject: str, *values: str, **more: Any) -> Identity:
    return Identity(ISSUER, subject, claims={"roles": list(values)}, **more)


def roles_of(service: Service, actor: Actor) -> Mapping[str, str]:
    """What somebody is, by the names of projects; an admin as `*`."""
    with service.database.read() as session:
        named = accounts.named_projects(session)
        has = people.what_has(session, actor.user_id)
    roles = {named[project_id]: role for project_id, (role, _) in has.roles.items()}
    return {**roles, **({"*": "admin"} if has.is_admin else {})}


def user_names(service: Service) -> list[str]:
    found = service.operator().people()
    members = [one for project in found.projects for one in project.members]
    return sorted({one.name for one in (*members, *found.admins, *found.without)})


# Who that is


def test_a_person_is_known_again_by_issuer_and_subject_alone(service: Service) -> None:
    ana = service.sign_in(who("1", name="Ana", email="ana@example.org", email_verified=True))
    assert (ana.name, ana.display_name) == ("ana@example.org", "Ana")
    # Whatever they are called by then.
    assert service.sign_in(who("1", name="Bo", email="bo@example.org")) == ana
    assert service.sign_in(who("01")) != ana
    assert service.sign_in(Identity("https://other.example.org", "1")) != ana


def test_one_who_was_added_by_e_mail_is_adopted_once(service: Service) -> None:
    operator = service.operator()
    operator.user_add("Ana@example.org", "producer", FIRST)
    for stranger in (
        who("a", email="ana@example.org"),
        who("b", name="Ana@example.org", email="", email_verified=True),
        who("c", email="ana@example.org", email_verified="true"),
        who("d", email="aña@example.org", email_verified=True),
        who("e", email="ana@example.org\x00", email_verified=True),
    ):
        assert roles_of(service, service.sign_in(stranger)) == {}
    ana = service.sign_in(who("1", email="ana@example.org", email_verified=True))
    assert (ana.name, roles_of(service, ana)) == ("Ana@example.org", {FIRST: "producer"})
    assert service.sign_in(who("1")) == ana
    other = service.sign_in(
        Identity("https://other.example.org", "1", email="ana@example.org", email_verified=True)
    )
    assert (other.name, roles_of(service, other)) == ("ana@example.org", {})


def test_of_two_that_differ_in_capitals_the_exact_one_is_meant(service: Service) -> None:
    for name in ("kai@example.org", "Kai@example.org"):
        service.operator().user_add(name, "viewer", FIRST)
    for name in ("Kai@example.org", "kai@example.org"):
        assert service.sign_in(who(name, email=name, email_verified=True)).name == name
    nobody = service.sign_in(who("3", email="KAI@example.org", email_verified=True))
    assert roles_of(service, nobody) == {}


def test_nobody_who_comes_is_whom_the_command_line_acts_as(service: Service) -> None:
    found = door(service, user="Owner").sign_in(who("1", name="Owner"))
    assert found.name == "Owner-2"
    assert service.sign_in(who("2", name="editor")).name == "editor-2"
    assert service.sign_in(who("3", name="editor")).name == "editor-3"


HOSTILE = {
    "a megabyte": "A" * 1_000_000,
    "zero bytes": "\x00\x00",
    "a zero byte": "A\x00na",
    "half a character": "\ud800",
    "a turn of direction": "\u202eana",
    "a terminal's order": "\x1b[2J",
    "lines": "Ana\nis\r\nan admin",
    "another's e-mail": "boss@example.org",
    "nothing that shows": "\u200b\u2060\ufeff",
    "dashes": "--user",
    "a number": 7,
    "a list": ["Ana"],
    "nothing": None,
    "an object": {"a": 1},
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_names_come_to_harmless_ones(service: Service, what: str) -> None:
    said: Any = HOSTILE[what]
    actors = []
    for subject in ("1", "2"):
        identity = who(subject, name=said, display_name=said, email=said, email_verified=True)
        actors.append(service.sign_in(identity))
        assert service.sign_in(identity) == actors[-1]
    assert actors[0].name != actors[1].name
    for name in (one for actor in actors for one in (actor.name, actor.display_name)):
        assert_harmless(name)
    if what == "a megabyte":
        assert len(actors[0].name) <= 200


def assert_harmless(name: str) -> None:
    assert 0 < len(name) <= 200
    assert name == name.strip()
    assert is_storable(name)
    assert not {unicodedata.category(sign) for sign in name} & {"Cc", "Cf", "Cs", "Zl", "Zp"}


def test_an_e_mail_that_nobody_vouches_for_names_nobody(service: Service) -> None:
    for n, identity in enumerate(
        (
            who("1", email="boss@example.org"),
            who("2", name="boss@example.org"),
            who("3", display_name="boss@example.org"),
        )
    ):
        assert "@" not in service.sign_in(identity).name, n
    # So that who comes later with the right to it is called so.
    boss = service.sign_in(who("4", email="boss@example.org", email_verified=True))
    assert boss.name == "boss@example.org"


@pytest.mark.parametrize("field", ["issuer", "subject"])
@pytest.mark.parametrize("said", ["", "  ", "x" * 501, "a\x00b", "\ud800", None, 7, ["a"]])
def test_who_cannot_be_known_again_is_refused(service: Service, field: str, said: Any) -> None:
    before = user_names(service)
    with pytest.raises(BadIdentity) as refused:
        service.sign_in(Identity(**{"issuer": ISSUER, "subject": "1", field: said}))
    assert refused.value.message.count(". ") == 1
    assert "\n" not in refused.value.message
    assert user_names(service) == before


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service that examples share, each with people of its own."""
    for url in copy(request, tmp_path_factory.mktemp("shared")):
        service = Service(settings_of(url, sign_in_project=FIRST))
        with service.database.write() as session:
            accounts.add_project(session, SECOND)
        yield service
        service.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(name=anything, display=anything, email=anything, verified=anything, claims=anything)
def test_whatever_a_provider_says(
    shared: Service, name: Any, display: Any, email: Any, verified: Any, claims: Any
) -> None:
    identity = Identity(ISSUER, str(uuid.uuid4()), name, display, email, verified, claims)
    actor = shared.sign_in(identity)
    assert_harmless(actor.name)
    assert_harmless(actor.display_name)
    assert shared.sign_in(identity) == actor
    assert roles_of(shared, actor) == {FIRST: "viewer"}


# What they are


@pytest.mark.parametrize(
    ("claims", "path", "values"),
    [
        ({"roles": "a"}, "roles", {"a"}),
        ({"roles": "a b"}, "roles", {"a b"}),
        ({"roles": ["a", "b", 7, None, ["c"]]}, "roles", {"a", "b"}),
        ({"roles": {"a": 1}}, "roles", set()),
        ({"roles": 7}, "roles", set()),
        ({"realm_access": {"roles": ["a"]}}, "realm_access.roles", {"a"}),
        ({"a": {"b": {"c": "d"}}}, "a.b.c", {"d"}),
        ({"https://example.org/roles": ["a"]}, "https://example.org/roles", {"a"}),
        ({"https://example.org": {"roles": ["a"]}}, "https://example.org.roles", {"a"}),
        ({"a": "b"}, "a.b", set()),
        ({"a": {"b": "c"}}, "a", set()),
        ({}, "roles", set()),
        (None, "roles", set()),
        (["roles"], "roles", set()),
    ],
)
def test_a_claim_is_found_by_its_path(claims: Any, path: str, values: set[str]) -> None:
    assert claimed_values(claims, path) == values


def test_claims_give_and_take_and_people_win(service: Service) -> None:
    operator = service.operator()
    second = next(one.id for one in operator.projects() if one.name == SECOND)
    ana = service.sign_in(who("1", "writers", "owners", name="Ana"))
    assert roles_of(service, ana) == {FIRST: "editor", SECOND: "editor", "*": "admin"}
    operator.set_role("Ana", "producer", second)
    service.sign_in(who("1", "readers", name="Ana"))
    assert roles_of(service, ana) == {SECOND: "producer"}
    service.sign_in(who("1", "producers", "writers", name="Ana"))
    assert roles_of(service, ana) == {FIRST: "producer", SECOND: "producer"}, "the first one counts"
    operator.set_admin("Ana", is_admin=True)
    service.sign_in(who("1", name="Ana"))
    assert roles_of(service, ana) == {SECOND: "producer", "*": "admin"}
    told = [
        (one.project, one.before, one.after, one.reason)
        for one in reversed(operator.audit(AuditFilter(text="Ana")).entries)
    ]
    claimed, no_longer = "claimed at sign-in", "no longer claimed at sign-in"
    assert sorted(told[:3], key=str) == sorted(
        [
            (FIRST, None, "editor", claimed),
            (SECOND, None, "editor", claimed),
            (None, None, "admin", claimed),
        ],
        key=str,
    )
    assert told[3] == (SECOND, "editor", "producer", None)
    assert sorted(told[4:6], key=str) == sorted(
        [(FIRST, "editor", None, no_longer), (None, "admin", None, no_longer)], key=str
    )
    assert told[6:] == [
        (FIRST, None, "producer", claimed),
        (None, None, "admin", None),
        (FIRST, "producer", None, no_longer),
    ]


def test_a_first_sign_in_makes_a_viewer_where_the_settings_say(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    by_name = door(service, sign_in_project=SECOND)
    ana = by_name.sign_in(who("1", name="Ana"))
    assert roles_of(service, ana) == {SECOND: "viewer"}
    second = next(one.id for one in service.operator().projects() if one.name == SECOND)
    bo = door(service, sign_in_project=second).sign_in(who("2", "producers"))
    assert roles_of(service, bo) == {FIRST: "producer", SECOND: "viewer"}
    # It is the first only: what people take away stays away.
    service.operator().set_role("Ana", None, second)
    by_name.sign_in(who("1"))
    assert roles_of(service, ana) == {}
    # Who was added before is what they were added as.
    service.operator().user_add("kai@example.org", "viewer", FIRST)
    kai = by_name.sign_in(who("3", email="kai@example.org", email_verified=True))
    assert roles_of(service, kai) == {FIRST: "viewer"}
    assert not caplog.records


def test_a_project_that_is_not_there_is_said_and_locks_nobody_out(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    with service.database.write() as session:
        accounts.add_project(session, SECOND)
    roles = (ClaimedRole("a", "editor", "Gone"), ClaimedRole("a", "viewer", FIRST))
    wrong = Door(
        Settings(
            database_url=service.settings.database_url,
            roles=(*roles, ClaimedRole("a", "viewer", SECOND)),
            sign_in_project="No such project",
        ),
        service.database,
    )
    with caplog.at_level(logging.WARNING, "cascade.service"):
        ana = wrong.sign_in(who("1", "a"))
    assert roles_of(service, ana) == {FIRST: "viewer"}
    said = [one.getMessage() for one in caplog.records]
    assert len(set(said)) == 3
    assert any("CASCADE_ROLES" in one and "Gone" in one for one in said)
    assert any("CASCADE_ROLES" in one and "several" in one for one in said)
    assert any("CASCADE_SIGN_IN_PROJECT" in one for one in said)


def test_a_sign_in_that_changes_nothing_writes_nothing(service: Service) -> None:
    identity = who("1", "writers", "owners")
    service.sign_in(identity)
    with counted(service.database) as statements:
        service.sign_in(identity)
    assert len(statements) <= 4
    assert all(one.startswith("SELECT") for one in statements)
    seen = service.operator().people().admins[0].last_seen_at
    assert seen is not None


def test_somebody_known_comes_in_while_nothing_can_be_written(service: Service) -> None:
    ana = service.sign_in(who("1", "writers", name="Ana"))
    with service.database.write() as session:
        session.get_one(User, ana.user_id).last_seen_at = None
    make_read_only(service)
    assert service.sign_in(who("1", "writers")) == ana
    service.seen(ana)
    for stranger in (who("2", name="Bo"), who("1", "owners")):
        with pytest.raises(DatabaseError):
            service.sign_in(stranger)


def make_read_only(service: Service) -> None:
    engine = service.database.engine
    order = "PRAGMA query_only = ON"
    if not service.database.is_sqlite:
        order = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"

    def close_it(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(order)
        cursor.close()
        connection.commit()

    engine.dispose()
    sa.event.listen(engine, "connect", close_it)


projects = st.sampled_from([FIRST, SECOND])
claims = st.sets(st.sampled_from(VALUES)).map(tuple)
orders = st.one_of(
    st.tuples(st.just("sign in"), claims),
    st.tuples(st.just("give"), projects, st.sampled_from(["viewer", "editor", "producer", None])),
    st.tuples(st.just("admin"), st.booleans()),
)
# A role, or being an admin, and whether a person gave it.
Held = dict[str, tuple[str, bool]]


def signed_in(held: Held, values: tuple[str, ...], *, is_new: bool) -> Held:
    """The rule: by hand stays; else what is claimed first; else who came in is a viewer again."""
    after: Held = {}
    for place in (FIRST, SECOND, "*"):
        claimed = [
            one.role for one in ROLES if one.value in values and (one.project or "*") == place
        ]
        role, by_hand = held.get(place, ("", False))
        if by_hand:
            after[place] = role, True
        elif claimed:
            after[place] = claimed[0], False
        elif place == FIRST and (is_new or role):
            after[place] = "viewer", False
    return after


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(claims, claims), st.lists(st.tuples(st.integers(0, 1), orders), max_size=10))
def test_who_is_what_follows_the_rule(
    shared: Service, first: tuple[tuple[str, ...], ...], given_orders: list[Any]
) -> None:
    operator, mark = shared.operator(), uuid.uuid4().hex
    ids = {one.name: one.id for one in operator.projects()}
    actors: list[Actor] = []
    held: list[Held] = []
    for person, values in enumerate(first):
        actors.append(shared.sign_in(who(f"{mark}-{person}", *values, name=mark)))
        held.append(signed_in({}, values, is_new=True))
    for person, (order, *what) in given_orders:
        actor, own = actors[person], held[person]
        if order == "sign in":
            assert shared.sign_in(who(f"{mark}-{person}", *what[0], name=mark)) == actor
            held[person] = signed_in(own, what[0], is_new=False)
        elif order == "give":
            place, role = what
            operator.set_role(actor.name, role, ids[place])
            by_hand(own, place, role)
        else:
            operator.set_admin(actor.name, is_admin=what[0])
            by_hand(own, "*", "admin" if what[0] else None)
        for one, its in zip(actors, held, strict=True):
            assert roles_of(shared, one) == {place: role for place, (role, _) in its.items()}
    assert actors[0].name != actors[1].name
    check_chain(shared, {one.name for one in actors})


def by_hand(held: Held, place: str, role: str | None) -> None:
    if role is None:
        held.pop(place, None)
    elif held.get(place, ("", False))[0] != role:
        held[place] = role, True


def check_chain(service: Service, names: set[str]) -> None:
    """What is told of each person in each place goes on from what was told before."""
    latest: dict[tuple[str, str | None], Any] = {}
    for one in service.operator().audit_after():
        if one.object in names:
            assert one.before == latest.get((one.object, one.project))
            assert one.before != one.after
            latest[one.object, one.project] = one.after


# At once


def at_once(count: int, work: Callable[[int], Actor]) -> list[Actor]:
    found: list[Actor] = []
    together = threading.Barrier(count)

    def run(n: int) -> None:
        together.wait()
        found.append(work(n))

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == count
    return found


@pytest.mark.parametrize("added", [False, True])
def test_two_first_sign_ins_at_once_make_one_user(service: Service, added: bool) -> None:
    if added:
        service.operator().user_add("ana@example.org", "editor", FIRST)
    before = len(user_names(service))
    door_ = door(service, sign_in_project=SECOND)
    ana = who("1", "producers", name="Ana", email="ana@example.org", email_verified=True)
    found = at_once(6, lambda _: door_.sign_in(ana))
    assert len({one.user_id for one in found}) == 1
    assert len(user_names(service)) == before + (not added)
    told = service.operator().audit(AuditFilter(text="ana@example.org")).entries
    assert len(told) == (1 if added else 2)
    expected = {FIRST: "editor"} if added else {FIRST: "producer", SECOND: "viewer"}
    assert roles_of(service, found[0]) == expected


def test_many_of_one_name_at_once_are_many(service: Service) -> None:
    found = at_once(6, lambda n: service.sign_in(who(str(n), name="Ana")))
    assert {one.name for one in found} == {"Ana", *(f"Ana-{n}" for n in range(2, 7))}
