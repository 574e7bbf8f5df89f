"""The samples are there already, on either kind of database."""

from __future__ import annotations

from tests.helpers.seeded_fixtures import database_url, near, server

__all__ = ["database_url", "near", "server"]
