"""Signing in by OpenID Connect: whether this server asks for it, and who somebody is by it.

Streamlit does it all (`[auth]` in its secrets file): the way to the provider and back, and a signed
cookie. What is asked here, with every draw and before every action, is whom that cookie names.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

import streamlit as st

from cascade.errors import BadSetting
from cascade.service import Identity

# The provider that stands in `[auth]` itself.
DEFAULT = ""
_WANTED = "cascade-wanted"
_CALLBACK = "/oauth2callback"
# What `[auth]` may hold a section of that is none.
_NO_PROVIDER = "client_kwargs"
_OF_A_PROVIDER = ("client_id", "client_secret", "server_metadata_url")
# Whoever knows it can be anybody.
LEAST_OF_A_SECRET = 32
# Streamlit looks for a secrets file anew each time that there is none, and each part of a page that
# is drawn asks: so long that answer holds.
NONE_FOR_S = 1.0
_none_until = [0.0]


def check_setting(address: str | None) -> None:
    """Raises BadSetting where people could not sign in, or anybody could come in without it.

    `address` is what the server listens on.
    """
    for file in map(Path, st.config.get_option("secrets.files")):
        if file.is_file() and not st.secrets.load_if_toml_exists():
            raise BadSetting(f"The secrets file ({file.name}) cannot be read. Correct it.")
    found = _section()
    if found is not None:
        _check_section(found)
    elif address is None or not is_loopback(address):
        raise BadSetting(
            f"The page would be open to everybody who reaches {address or 'any address'} of this "
            "machine: nobody signs in. Set up [auth] in .streamlit/secrets.toml (the README shows "
            "how), or serve it to this machine alone: --server.address 127.0.0.1."
        )


def providers() -> tuple[str, ...]:
    """The providers that one can sign in with, DEFAULT among them; none where nobody signs in."""
    if time.monotonic() < _none_until[0]:
        return ()
    found = _section()
    if found is None:
        _none_until[0] = time.monotonic() + NONE_FOR_S
        return ()
    return tuple(_providers(found))


def identity() -> Identity | None:
    """Who has signed in by the cookie of this page; None where nobody has."""
    if not st.user.is_logged_in:
        return None
    claims = st.user.to_dict()
    email = _text(claims, "email")
    return Identity(
        issuer=_text(claims, "iss"),
        subject=_text(claims, "sub"),
        name=_text(claims, "preferred_username") or email,
        display_name=_text(claims, "name"),
        email=email,
        email_verified=claims.get("email_verified") is True,
        claims=claims,
    )


def wanted() -> dict[str, str]:
    """What was asked for before somebody came in, by parts of the address; `shell.js` keeps it."""
    return dict(parse_qsl(unquote(st.context.cookies.get(_WANTED, "")).removeprefix("?")))


def sign_in(provider: str) -> None:
    """Leads the browser to a provider; it comes back signed in."""
    st.login(provider or None)


def is_local_request() -> bool:
    """Whether a request comes from this machine: by no proxy, and to a name of its own.

    Whoever comes from elsewhere can write any name there; Streamlit knows no address of its own.
    """
    headers, sender = st.context.headers, st.context.ip_address
    if isinstance(sender, str) and not is_loopback(sender):
        return False
    if any(name.lower().startswith(("forwarded", "x-forwarded")) for name in headers):
        return False
    host = headers.get("Host", "localhost").strip()
    return is_loopback(
        host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    )


def is_loopback(name: str) -> bool:
    """Whether an address or name is this machine's alone."""
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False


def _section() -> Mapping[str, Any] | None:
    if not st.secrets.load_if_toml_exists() or "auth" not in st.secrets:
        return None
    found = st.secrets["auth"]
    return found if isinstance(found, Mapping) else {}


def _providers(found: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """What is said of each provider: in `[auth]` itself, or in a section of its own."""
    own = {DEFAULT: found} if any(key in found for key in _OF_A_PROVIDER) else {}
    return own | {
        name: inner
        for name, inner in found.items()
        if isinstance(inner, Mapping) and name != _NO_PROVIDER
    }


def _check_section(found: Mapping[str, Any]) -> None:
    asked = _providers(found)
    missing = [key for key in ("redirect_uri", "cookie_secret") if not _text(found, key)]
    missing += [
        f"{key}{f' of [auth.{name}]' if name else ''}"
        for name, inner in asked.items()
        for key in _OF_A_PROVIDER
        if not _text(inner, key)
    ]
    if not asked:
        missing += _OF_A_PROVIDER
    if missing:
        raise BadSetting(
            f"Nobody can sign in: [auth] in the secrets file lacks {', '.join(missing)}. Add it."
        )
    if not _text(found, "redirect_uri").endswith(_CALLBACK):
        raise BadSetting(
            f"redirect_uri of [auth] must end with {_CALLBACK}, after this page's own address."
        )
    if len(_text(found, "cookie_secret")) < LEAST_OF_A_SECRET:
        raise BadSetting(
            f"cookie_secret of [auth] must have {LEAST_OF_A_SECRET} characters or more: whoever "
            "guesses it can be anybody. `python3 -c 'import secrets; "
            "print(secrets.token_hex(32))'` makes one."
        )
    if bad := next((name for name in asked if "_" in name), None):
        raise BadSetting(f"The name of [auth.{bad}] may have no underscore. Call it otherwise.")


def _text(of: Mapping[str, Any], key: str) -> str:
    value = of.get(key)
    return value if isinstance(value, str) else ""
