"""Roles from two hands: what claims give and take at a sign-in, and what people give."""

from __future__ import annotations

import logging
import uuid
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade.errors import DatabaseError
from cascade.service import Actor, AuditFilter, Service
from cascade.service.signing import Door, claimed_values
from cascade.settings import ClaimedRole, Settings
from cascade.store import accounts
from cascade.store.tables import User
from tests.engine.test_step_cost import counted

from .identities import (
    FIRST,
    ROLES,
    SECOND,
    database_url,
    door,
    roles_of,
    service,
    shared,
    who,
)

__all__ = ["database_url", "service", "shared"]

VALUES = ("producers", "writers", "readers", "owners", "of no use")


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
