"""The page while its database is away, as when Postgres is restarted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from tests.helpers.model_server import ModelServer
from tests.helpers.seeded import end_sessions
from tests.helpers.serving import Server

from .conftest import tab, written_by
from .studio import Studio
from .tabs import Tabs


@pytest.fixture
def away(postgres_admin: sa.Engine, postgres_url: str) -> Iterator[Callable[[bool], None]]:
    """Takes the database away from everybody, and gives it back."""
    name = str(sa.make_url(postgres_url).database)

    def change(is_away: bool) -> None:
        with postgres_admin.connect() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {not is_away}")
            end_sessions(connection, name)

    yield change
    change(False)


def test_the_page_says_that_its_database_is_away_and_comes_back_by_itself(
    tabs: Tabs,
    writer: ModelServer,
    postgres_url: str,
    tmp_path: Path,
    away: Callable[[bool], None],
) -> None:
    writer.hold()
    server = Server(postgres_url, tmp_path / "log", **written_by(writer))
    server.start()
    try:
        with tab(tabs, server.page, "id") as studio:
            comes_back(studio, writer, away)
    finally:
        server.stop()


def comes_back(studio: Studio, writer: ModelServer, away: Callable[[bool], None]) -> None:
    studio.slider("Midpoint").press("4")
    studio.is_pending(1, "Midpoint (2→4)")

    away(True)
    studio.sees(studio.say("problem.database_away"))
    assert studio.page.get_by_test_id("stException").count() == 0

    away(False)
    studio.in_step("Midpoint", 4)
    studio.is_pending(1, "Midpoint (2→4)")
    expect(studio.page.get_by_text(studio.say("problem.database_away"))).to_have_count(0)

    # A run is not lost either.
    studio.press("banner.save")
    studio.press("confirm.start")
    studio.sees(studio.say("state.generating"))
    away(True)
    studio.sees(studio.say("problem.database_away"))
    away(False)
    writer.release()
    expect(studio.state).to_contain_text(studio.say("run.title.done"))
