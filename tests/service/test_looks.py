"""However many pages look at a run, it is read once for all of them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from cascade.errors import UnknownRun
from cascade.service import Service
from cascade.service import looks as module
from cascade.service.looks import Looks
from tests.helpers.seeded_fixtures import database_url
from tests.helpers.statements import statements

from .people import gather, start

__all__ = ["database_url"]


def test_fifty_pages_read_a_run_once(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    people = gather(service)
    run_id = start(people)
    # As long as the test takes, whatever the machine does beside it.
    monkeypatch.setattr(service._house, "looks", Looks(keep_s=60))
    desks = [service.desk(people.actors[name]) for name in ("editor", "viewer", "producer")]
    with statements(service) as asked, ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: desks[n % 3].progress(run_id), range(51)))
    assert len({id(one) for one in found}) == 1
    assert sum("scene_plots.plot" in one for one in asked) == 1
    # What each may see is asked for each.
    assert sum("cascade_project_members" in one for one in asked) >= 51
    with pytest.raises(UnknownRun):
        service.desk(people.actors["stranger"]).progress(run_id)


def test_a_look_is_as_new_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    at = 0.0
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: at))
    looks: Looks[int] = Looks(keep_s=0.05)
    numbers = iter(range(100))
    assert looks.get("a", lambda: next(numbers)) == 0
    assert looks.get("a", lambda: next(numbers)) == 0
    assert looks.get("b", lambda: next(numbers)) == 1
    at = 0.06
    assert looks.get("a", lambda: next(numbers)) == 2


def test_one_that_fails_is_nobody_elses() -> None:
    looks: Looks[int] = Looks(keep_s=60)
    with pytest.raises(ZeroDivisionError):
        looks.get("a", lambda: 1 // 0)
    assert looks.get("a", lambda: 7) == 7


def test_who_comes_while_one_is_taken_waits_for_it() -> None:
    looks: Looks[int] = Looks(keep_s=60)
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> int:
        begun.set()
        assert go_on.wait(60)
        return 1

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(looks.get, "a", slow)
        assert begun.wait(60)
        second = pool.submit(looks.get, "a", lambda: 2)
        go_on.set()
        assert (first.result(), second.result()) == (1, 1)
