"""The soak starts from a copy of a database that is ready, as the engine's tests do."""

from tests.helpers.seeded_fixtures import database_url

__all__ = ["database_url"]
