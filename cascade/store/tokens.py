"""Tokens: what a program shows to act for a user. Kept as a hash; good until a day or a word."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.display import is_storable
from cascade.errors import UnknownToken
from cascade.store import audit
from cascade.store.accounts import Actor
from cascade.store.audit import Entry
from cascade.store.ids import new_id
from cascade.store.tables import Token, User, now

# So that one is known for what it is wherever it turns up.
BEGINNING = "cascade_"
# What is random of it, in bytes: a plain hash of so much chance needs no salt.
CHANCE = 32
# A use within so long of the last one that was kept is not kept.
USE_KEPT_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class TokenView:
    """A token in a list; what it is itself nobody knows any more but its owner."""

    id: str
    user: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def is_good(self) -> bool:
        """Whether it opens anything today."""
        return self.revoked_at is None and self.expires_at > now()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who shows a good token. `is_news` where its use is to be kept."""

    token_id: str
    actor: Actor
    is_news: bool


def create(session: Session, actor: Actor, days: int, by: str | None) -> str:
    """Makes a token of a user's, and tells the audit; the token itself, which is not kept.

    `by` is who made it, None for the operator.
    """
    token = f"{BEGINNING}{secrets.token_urlsafe(CHANCE)}"
    at = now()
    expires_at = at + timedelta(days=days)
    row = Token(
        id=new_id(),
        hash=_hash(token),
        user_id=actor.user_id,
        created_at=at,
        expires_at=expires_at,
    )
    session.add(row)
    session.flush()
    audit.write(session, Entry("token.create", row.id, by, after=_as_audited(row, actor.name)))
    return token


def holder(session: Session, token: str) -> Holder | None:
    """Who shows a token; None where it is not known, has expired or was revoked."""
    row = session.execute(
        sa.select(Token, User)
        .join(User, User.id == Token.user_id)
        .where(Token.hash == _hash(token), _is_good())
    ).one_or_none()
    if row is None:
        return None
    found, user = row
    last = found.last_used_at
    is_news = last is None or now() - last >= USE_KEPT_EVERY
    return Holder(found.id, Actor(user.id, user.name, user.display_name), is_news)


def still_good(session: Session, token_ids: Collection[str]) -> frozenset[str]:
    """Those of some tokens that are still good."""
    return frozenset(
        session.scalars(sa.select(Token.id).where(Token.id.in_(token_ids), _is_good()))
    )


def note_use(session: Session, token_id: str) -> None:
    """Keeps that a token has just been used."""
    session.execute(sa.update(Token).where(Token.id == token_id).values(last_used_at=now()))


def all_of_them(session: Session, user_names: Collection[str] | None = None) -> list[TokenView]:
    """Every token, or those of some users, the newest first."""
    wanted = _WITH_NAMES
    if user_names is not None:
        wanted = wanted.where(User.name.in_(list(user_names)))
    return [_view(token, name) for token, name in session.execute(wanted)]


def find(session: Session, token_id: str) -> TokenView | None:
    """A token by its id, if there is one."""
    if not is_storable(token_id):
        return None
    row = session.execute(_WITH_NAMES.where(Token.id == token_id)).one_or_none()
    return None if row is None else _view(*row)


def revoke(session: Session, token_id: str, by: str | None) -> TokenView:
    """Takes a token back, at once, and tells the audit; one that was taken back stays as it is.

    Raises UnknownToken.
    """
    wanted = _WITH_NAMES.where(Token.id == token_id).with_for_update(of=Token, key_share=True)
    row = session.execute(wanted).one_or_none() if is_storable(token_id) else None
    if row is None:
        raise UnknownToken(token_id)
    token, name = row
    if token.revoked_at is None:
        token.revoked_at = now()
        session.flush()
        audit.write(session, Entry("token.revoke", token.id, by, before=_as_audited(token, name)))
    return _view(token, name)


_WITH_NAMES = (
    sa.select(Token, User.name)
    .join(User, User.id == Token.user_id)
    .order_by(Token.created_at.desc(), Token.id.desc())
)


def _view(token: Token, name: str) -> TokenView:
    return TokenView(
        token.id, name, token.created_at, token.expires_at, token.last_used_at, token.revoked_at
    )


def _as_audited(token: Token, name: str) -> dict[str, str]:
    return {"user": name, "expiresAt": token.expires_at.isoformat()}


def _is_good() -> sa.ColumnElement[bool]:
    return sa.and_(Token.revoked_at.is_(None), Token.expires_at > now())


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
