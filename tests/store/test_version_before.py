"""A database of the version before, with runs in every state, is carried over row by row."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest

from cascade.store import check, migrate
from cascade.store.database import Database
from cascade.store.tables import PREFIX
from tests.helpers.checking import check_credits
from tests.helpers.earlier import (
    OWN,
    content_of,
    make_earlier,
    open_service,
    rows_of,
    shape_of,
    tables_of,
)
from tests.helpers.product_tables import execute

from .test_own_names import (
    OF_REQUESTS,
    busy,
    check_append_only,
    end_what_is_under_way,
    fresh,
)

__all__ = ["busy"]

BEFORE = "0011"
# What it did not have yet.
NEW = {"cascade_outbox", "cascade_requests"}


def test_every_row_is_kept_and_what_was_under_way_goes_on(
    busy: tuple[str, dict[str, str]], request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    url, ids = busy
    with closing(open_service(url)) as service:
        runs = service.operator().runs()
        stories = {
            one.id: service.operator().document(one.id) for one in service.operator().stories()
        }
    make_earlier(url, BEFORE)
    with closing(Database(url)) as database:
        execute(
            database,
            [
                "INSERT INTO cascade_pieces SELECT story_version_id, key, true FROM"
                " cascade_revisions WHERE origin = 'restored'"
            ],
        )
        with database.engine.connect() as connection:
            there = tables_of(connection)
        assert set(OWN) - NEW == set(there)
        plain = [name.removeprefix(PREFIX) for name in there]
        before, content = rows_of(database, PREFIX, plain=plain), content_of(database)
        assert all(len(rows) > 1 for rows in before.values()), "each table has rows"
        assert not check.report(database).complete
        migrate.ensure(database)
        assert rows_of(database, PREFIX, OF_REQUESTS, plain=plain) == before
        assert content_of(database) == content
        assert check.report(database).complete
        check_append_only(database)
        with closing(fresh(request, url, tmp_path)) as new:
            migrate.ensure(new)
            assert shape_of(database) == shape_of(new)
    with closing(open_service(url)) as service:
        operator, desk = service.operator(), service.desk(service.actor("editor"))
        assert operator.runs() == runs
        assert {one.id: one.status for one in runs} == {v: k for k, v in ids.items()}
        assert {one: operator.document(one) for one in stories} == stories
        end_what_is_under_way(service, ids)
        check_credits(asdict(desk.credits()))
        assert desk.credits().held == 0
        # What is new is there to be used.
        assert operator.set_project(None, {"approve_above": 4}).approve_above == 4
        story_id = next(iter(stories))
        finale = operator.story(story_id).structure.keys[-1]
        level = operator.story(story_id).curve[finale] % 5 + 1
        run_id = desk.start(desk.plan(story_id, {finale: level}).plan, note="At last")
        service.desk(service.actor("producer")).approve(run_id)
        assert [one.note for one in operator.runs()][:1] == ["At last"]
        assert desk.credits().held == operator.run(run_id).estimated_credits
