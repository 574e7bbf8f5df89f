"""Signing in: who somebody is, and what they are called, whatever a provider says of them."""

from __future__ import annotations

import unicodedata
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cascade.display import is_storable
from cascade.errors import BadIdentity
from cascade.service import AuditFilter, Identity, Service

from .identities import (
    FIRST,
    ISSUER,
    SECOND,
    at_once,
    database_url,
    door,
    roles_of,
    service,
    shared,
    user_names,
    who,
)

__all__ = ["database_url", "service", "shared"]


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


# At once


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
