"""Five products, each unlike the others: check, plan, run, cancel, resume, restore."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa

from cascade.errors import NothingToRestore
from cascade.llm.provider import Provider
from cascade.service import Actor, Service
from cascade.settings import Settings
from tests.helpers.holding import HeldWriter
from tests.helpers.near import Near
from tests.products.hosts import HOSTS, Host, differences, dump, make, shape, stranger

CASES = [(host, kind) for host in HOSTS for kind in host.kinds]


@pytest.fixture(params=CASES, ids=[f"{host.name}-{kind}" for host, kind in CASES])
def case(request: pytest.FixtureRequest) -> Iterator[tuple[Host, str, sa.Engine]]:
    host, kind = request.param
    url = str(request.getfixturevalue(f"{kind}_url"))
    with stranger(url) as engine:
        make(engine, host.name)
        yield host, url, engine


def opened(host: Host, url: str, writer: Provider | None = None) -> Service:
    names = host.env.get("CASCADE_PRODUCT")
    return Service(
        Settings(
            database_url=url,
            provider="offline",
            offline_delay_ms=0,
            product=Path(names) if names else None,
        ),
        writer,
    )


def run(service: Service, actor: Actor, host: Host) -> str:
    desk = service.desk(actor)
    with service.executing():
        run_id = desk.start(desk.plan(host.story, host.levels).plan)
        last = list(service.operator().follow(run_id))[-1]
    assert last["type"] == "done", last
    assert last["totalCreditsUsed"] == host.credits
    return run_id


def test_its_whole_life(case: tuple[Host, str, sa.Engine]) -> None:
    host, url, engine = case
    before, tables = dump(engine, host.keys), shape(engine)
    cli = Near(url)
    checked = cli("db", "check", **host.env)
    assert checked.returncode == 0, checked.stdout
    assert dump(engine, host.keys) == before
    with closing(opened(host, url)) as service:
        assert cli("db", "check", **host.env).returncode == 0
        actor, _ = service.operator().grant("ana", 500, host.project)
        first = run(service, actor, host)
        after = dump(engine, host.keys)
        changed = differences(before, after)
        assert changed <= host.written
        assert {(key, column) for _, key, column in changed if column != "words"} == {
            (key, column) for _, key, column in host.written if column != "words"
        }
        service.desk(actor).restore_run(first)
        assert differences(before, dump(engine, host.keys)) == set()
    writer = HeldWriter()
    writer.hold("keyAction")
    with closing(opened(host, url, writer)) as service:
        desk = service.desk(actor)
        with service.executing():
            run_id = desk.start(desk.plan(host.story, host.levels).plan)
            # One step is saved, and the next is being written.
            writer.wait()
            desk.cancel(run_id)
            assert list(service.operator().follow(run_id))[-1]["type"] == "cancelled"
            assert service.operator().run(run_id).status == "cancelled"
            writer.release()
            used = service.operator().run(run_id).used_credits
            assert 0 < used < host.credits
            assert differences(before, dump(engine, host.keys)) <= host.written
            resumed = desk.resume(run_id)
            assert list(service.operator().follow(resumed))[-1]["type"] == "done"
        assert used + service.operator().run(resumed).used_credits == host.credits
        for one in (resumed, run_id):
            with suppress(NothingToRestore):
                desk.restore_run(one)
        assert differences(before, dump(engine, host.keys)) == set()
        credits = desk.credits()
        assert (credits.captured, credits.held) == (2 * host.credits, 0)
    assert shape(engine) == tables


def test_the_check_prints_no_text(case: tuple[Host, str, sa.Engine]) -> None:
    host, url, engine = case
    cli = Near(url)
    said = cli("db", "check", **host.env).stdout + cli("db", "check", "--json", **host.env).stdout
    for table in dump(engine, host.keys).values():
        for row in table.values():
            for value in row.values():
                assert value is None or len(value) < 25 or value not in said or "-" in value
