"""Behind a pooler in transaction mode: reading and enqueuing go on, executing takes an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.engine.seats import ServerSeat, seat_for
from cascade.errors import BadSetting, DatabasePooled
from cascade.service import Service
from cascade.settings import Settings
from cascade.store.database import Database
from tests.helpers.near import Near
from tests.helpers.observe import wait_for
from tests.helpers.pooler import pooled
from tests.helpers.serving import Server
from tests.products.hosts import HOSTS, STORY, differences, dump, make, stranger

HOSTED = next(host for host in HOSTS if host.name == "hosted")


@pytest.fixture
def pool(postgres_url: str) -> Iterator[str]:
    with stranger(postgres_url) as engine:
        make(engine, "hosted")
    with pooled(postgres_url) as url:
        yield url


def test_it_is_found_out(pool: str, postgres_url: str) -> None:
    with pooled(postgres_url, mode="session") as by_session:
        for url, is_pooled in ((pool, True), (postgres_url, False), (by_session, False)):
            with closing(Database(url)) as database:
                assert database.is_pooled is is_pooled


def test_it_is_found_out_with_one_session_only(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Here it is found out by waiting in vain.
    monkeypatch.setattr("cascade.store.pooler._PATIENCE_S", 0.5)
    with pooled(postgres_url, size=1) as url, closing(Database(url)) as database:
        assert database.is_pooled


def test_no_session_of_it_is_changed(pool: str) -> None:
    """Another program has that session in a moment, and would have our settings."""
    with closing(Service(_settings(pool))) as service:
        service.operator().stories()
    with stranger(pool) as engine, engine.connect() as connection:
        for _ in range(5):
            told = connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar()
            assert told == "0"
            connection.rollback()


def test_another_programs_search_path_is_in_nobodys_way(pool: str, postgres_url: str) -> None:
    """In a pool a session comes as whoever had it before has left it."""
    with stranger(postgres_url) as engine, engine.begin() as connection:
        connection.exec_driver_sql("CREATE SCHEMA nowhere")
    _spoil(pool)
    # Its own tables are made yet.
    with closing(Service(_settings(postgres_url))) as service:
        actor, _ = service.operator().grant("ana", 500, HOSTED.project)
    _spoil(pool)
    with closing(Service(_settings(pool))) as service:
        desk = service.desk(actor)
        assert [one.title for one in desk.stories()] == ["The Ferry"]
        run_id = desk.start(desk.plan(STORY, {"midpoint": 5}).plan)
        desk.cancel(run_id)
        assert service.operator().run(run_id).status == "cancelled"
    with stranger(postgres_url) as engine, engine.connect() as connection:
        left = "SELECT count(*) FROM pg_class WHERE relnamespace = 'nowhere'::regnamespace"
        assert connection.exec_driver_sql(left).scalar() == 0


def _spoil(pool: str) -> None:
    """Leaves a path of its own in every session of the pool."""
    with ExitStack() as stack:
        connections = [stack.enter_context(stranger(pool)).connect() for _ in range(5)]
        for connection in connections:
            connection.exec_driver_sql("SET search_path TO nowhere")
        for connection in connections:
            connection.commit()
            connection.close()


def test_everything_but_executing_goes_on(pool: str, postgres_url: str) -> None:
    before = _dump(postgres_url)
    with closing(Service(_settings(pool))) as service:
        actor, _ = service.operator().grant("ana", 500, HOSTED.project)
        desk = service.desk(actor)
        with pytest.raises(DatabasePooled, match="CASCADE_EXECUTOR_URL"), service.executing():
            pytest.fail("it executes")
        run_id = desk.start(desk.plan(STORY, {"midpoint": 5}).plan)
        assert service.operator().run(run_id).status == "queued"
        desk.cancel(run_id)
        assert service.operator().run(run_id).status == "cancelled"
        run_id = desk.start(desk.plan(STORY, {"midpoint": 5}).plan)
        # Somebody with an address of the database itself takes it up.
        with closing(Service(_settings(postgres_url))) as other, other.executing():
            assert list(service.operator().follow(run_id))[-1]["type"] == "done"
        desk.restore_run(run_id)
    assert differences(before, _dump(postgres_url)) == set()


def test_with_an_address_of_its_own_it_executes(pool: str, postgres_url: str) -> None:
    with closing(Service(_settings(pool, executor_url=postgres_url))) as service:
        actor, _ = service.operator().grant("ana", 500, HOSTED.project)
        desk = service.desk(actor)
        with service.executing():
            run_id = desk.start(desk.plan(STORY, {"midpoint": 5}).plan)
            assert list(service.operator().follow(run_id))[-1]["type"] == "done"
        assert service.operator().run(run_id).used_credits == HOSTED.credits


def test_the_command_line_says_so_before_anything_is_started(pool: str, postgres_url: str) -> None:
    cli = Near(pool)
    cli("credits", "grant", "--user", "ana", "--project", "The Ferry", "500")
    for command in (("run", STORY, "--set", "midpoint=5", "--user", "ana"), ("worker",)):
        done = cli(*command)
        assert (done.returncode, done.stdout) == (4, "")
        assert "CASCADE_EXECUTOR_URL" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert cli.json("runs") == []
    done = cli(
        "run", STORY, "--set", "midpoint=5", "--user", "ana", CASCADE_EXECUTOR_URL=postgres_url
    )
    assert done.returncode == 0, done.stderr


def test_the_page_is_served_and_says_who_does_not_execute(
    pool: str, postgres_url: str, tmp_path: Path
) -> None:
    for env, executes in (({}, False), ({"CASCADE_EXECUTOR_URL": postgres_url}, True)):
        log = tmp_path / f"{executes}.log"
        server = Server(pool, log, **env)
        server.start()
        try:
            # It answers, so it has started.
            with closing(Database(postgres_url)) as database:
                seat = seat_for(database)
                if executes:
                    wait_for(seat.somebody_sits, "an executor")
                else:
                    assert not seat.somebody_sits()
        finally:
            server.stop()
        said = [line for line in log.read_text().splitlines() if "CASCADE_EXECUTOR_URL" in line]
        assert len(said) == (0 if executes else 1)
        assert "Traceback" not in log.read_text()


def test_another_database_is_refused(pool: str, postgres_server: str, postgres_url: str) -> None:
    with (
        closing(Service(_settings(pool, executor_url=postgres_server))) as service,
        pytest.raises(BadSetting, match="leads to another database"),
        service.executing(),
    ):
        pytest.fail("it executes")


def test_a_seat_looks_for_its_own_lock(postgres_url: str) -> None:
    """A living session is not enough: behind a pooler it may be one without the lock."""
    with closing(Database(postgres_url)) as database:
        seat = seat_for(database)
        assert seat.take()
        assert seat.is_kept()
        assert isinstance(seat, ServerSeat)
        assert seat._connection is not None
        seat._connection.execute(sa.text("SELECT pg_advisory_unlock_all()"))
        assert not seat.is_kept()
        seat.leave()


def _settings(url: str, **more: Any) -> Settings:
    return Settings(database_url=url, provider="offline", offline_delay_ms=0, **more)


def _dump(url: str) -> dict[str, dict[str, dict[str, str | None]]]:
    with stranger(url) as engine:
        return dump(engine, HOSTED.keys)
