"""A database's address as it may be shown: in sentences, in a log, on a screen."""

from __future__ import annotations

import sqlalchemy as sa

# Of what stands behind the question mark these say where and how, and nothing secret. Whatever
# else does (password, sslpassword, passfile, options and all that a driver may think of) is hidden.
_HARMLESS = frozenset(
    {"host", "hostaddr", "port", "user", "dbname", "sslmode", "connect_timeout", "keepalives"}
    | {"application_name", "client_encoding", "target_session_attrs"}
    | {"cache", "mode", "timeout", "uri"}
)
HIDDEN = "***"


def with_password_in_place(url: sa.URL) -> sa.URL:
    """The same address with a password from behind the question mark where passwords belong.

    There everything that writes an address into a log knows to hide it.
    """
    given = url.query.get("password")
    if not isinstance(given, str):
        return url
    return url.difference_update_query(["password"]).set(password=given)


def shown(url: sa.URL) -> str:
    """The address without its password, wherever in it that stands."""
    query = {
        name: value if name.lower() in _HARMLESS else HIDDEN for name, value in url.query.items()
    }
    # Not percent-encoded, and without the driver's name: it is to be read.
    url = url.set(drivername=url.get_backend_name(), query=query)
    return url.render_as_string(hide_password=True).replace("%2A%2A%2A", HIDDEN)
