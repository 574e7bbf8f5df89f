"""Tokens: shown once, kept as a hash, good until a day or a word."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from cascade.errors import NotAuthenticated, UnknownUser
from cascade.service import Service
from cascade.settings import Settings
from cascade.store.tables import now
from tests.helpers.near import Near
from tests.helpers.observe import Database
from tests.helpers.seeded_fixtures import database_url, near

__all__ = ["database_url", "near"]


@pytest.fixture
def service(database_url: str) -> Service:
    return Service(Settings(database_url=database_url, provider="offline"))


def everything(url: str) -> str:
    """The tokens' table as it is stored."""
    return str(Database(url).rows("cascade_tokens"))


def test_one_is_shown_once(near: Near, database_url: str) -> None:
    made = near("token", "create", "--user", "editor")
    assert made.returncode == 0, made.stderr
    assert re.fullmatch(r"cascade_[\w-]{43}\n", made.stdout)
    assert made.stderr == ""
    token = made.stdout.strip()
    assert token not in everything(database_url)
    assert token.removeprefix("cascade_") not in everything(database_url)
    listed = near("token", "list")
    (one,) = near.json("token", "list")
    assert token not in listed.stdout + str(one)
    assert one.keys() == {"id", "user", "createdAt", "expiresAt", "lastUsedAt", "revokedAt"}
    assert (one["user"], one["lastUsedAt"], one["revokedAt"]) == ("editor", None, None)
    assert f"{one['id']}  good: editor, until " in listed.stdout


def test_one_that_is_revoked_opens_nothing(near: Near, service: Service) -> None:
    token = near("token", "create", "--user", "viewer", "--days", "1").stdout.strip()
    holder = service.holder(token)
    assert holder.actor == service.actor("viewer")
    (one,) = near.json("token", "list")
    assert one["lastUsedAt"]
    for _ in range(2):
        done = near("token", "revoke", one["id"])
        assert done.returncode == 0, done.stderr
    with pytest.raises(NotAuthenticated):
        service.holder(token)
    assert "revoked: viewer" in near("token", "list").stdout


@pytest.mark.parametrize("days", ["0", "-1", "3651", "x", "1.5"])
def test_a_number_of_days_that_cannot_be(near: Near, days: str) -> None:
    assert near("token", "create", "--user", "editor", "--days", days).returncode == 2
    assert near.json("token", "list") == []


def test_unknown_ones(near: Near, service: Service) -> None:
    done = near("token", "create", "--user", "nobody")
    assert done.returncode == 2
    assert done.stdout == ""
    assert 'There is no user "nobody"' in done.stderr
    done = near("token", "revoke", "nothing")
    assert done.returncode == 2
    assert "`cascade token list`" in done.stderr
    for token in ("", "x", "cascade_", "\x00", "\udc80", "ä" * 99):
        with pytest.raises(NotAuthenticated):
            service.holder(token)
    with pytest.raises(UnknownUser):
        service.operator().create_token("nobody", 1)


def test_one_that_has_expired(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    token = service.operator().create_token("editor", 2)
    later = now() + timedelta(days=1, hours=23)
    monkeypatch.setattr("cascade.store.tokens.now", lambda: later)
    assert service.holder(token).actor.name == "editor"
    later += timedelta(hours=2)
    with pytest.raises(NotAuthenticated):
        service.holder(token)
    assert not service.operator().tokens()[0].is_good


def test_a_use_is_kept_by_the_minute(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    token = service.operator().create_token("editor", 2)
    assert service.holder(token).is_news
    first = service.operator().tokens()[0].last_used_at
    assert not service.holder(token).is_news
    assert service.operator().tokens()[0].last_used_at == first
    later = now() + timedelta(minutes=2)
    monkeypatch.setattr("cascade.store.tokens.now", lambda: later)
    assert service.holder(token).is_news
    assert service.operator().tokens()[0].last_used_at == later


def test_a_reset_of_the_demo_takes_them(service: Service, near: Near) -> None:
    token = service.operator().create_token("editor", 2)
    done = near("db", "reset-demo", "--yes")
    assert done.returncode == 0, done.stderr
    with pytest.raises(NotAuthenticated):
        service.holder(token)
