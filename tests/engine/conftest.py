"""The samples are there already, on either kind of database."""

from __future__ import annotations

from seeded_fixtures import (
    database_url,
    modelled,
    near,
    server,
)

__all__ = ["database_url", "modelled", "near", "server"]
