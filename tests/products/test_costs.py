"""On a product's tables a step and a page cost no more statements than on our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.runs.steps import Assignment
from cascade.service import Service
from cascade.settings import Settings
from cascade.story.plan import make_plan
from cascade.ui import session
from tests.engine.test_step_cost import counted
from tests.helpers.machines import write_for
from tests.helpers.unqueued import start_unqueued
from tests.pages.test_reads import MOST, drawn
from tests.products.hosts import HOSTS, Host, make, stranger


@pytest.fixture(params=HOSTS, ids=[host.name for host in HOSTS])
def host(request: pytest.FixtureRequest) -> Host:
    found: Host = request.param
    return found


@pytest.fixture
def service(host: Host, postgres_url: str) -> Iterator[Service]:
    with stranger(postgres_url) as engine:
        make(engine, host.name)
    names = host.env.get("CASCADE_PRODUCT")
    settings = Settings(
        database_url=postgres_url,
        provider="offline",
        offline_delay_ms=0,
        user="ana",
        product=Path(names) if names else None,
    )
    with closing(Service(settings)) as service:
        service.operator().grant("ana", 500, host.project)
        session.provide(service)
        yield service
        session.provide(None)


def test_a_step(host: Host, service: Service) -> None:
    actor, story = service.actor("ana"), service.operator().story(host.story)
    plan = make_plan(story, host.levels)
    run_id = start_unqueued(service, actor, plan)
    service.database.transact(runs.begin, run_id)
    for n, step in enumerate(plan.steps):
        with counted(service.database) as asked:
            announced = service.database.transact(steps.announce, run_id, step.key)
            assert isinstance(announced, Assignment)
            written = write_for(announced.brief, f"new {step.key}")
            assert service.database.transact(steps.save, run_id, step.key, written) == "saved"
        # A script that had no row yet: none is changed, none is there, and one is added.
        is_new = "INSERT INTO public.scene_scripts" in str(asked)
        assert len(asked) <= (20 if n else 24) + 2 * is_new
        written_to = [
            one for one in asked if "cascade_" not in one and not one.startswith("SELECT")
        ]
        assert len(written_to) <= 2, written_to
        assert all(
            one.startswith(("UPDATE", "INSERT INTO public.scene_scripts")) for one in written_to
        )


@pytest.mark.parametrize("host", [HOSTS[3]], ids=["plain"])
def test_versions_of_one_title_are_told_apart(service: Service) -> None:
    page, _ = drawn(service, story="s1")
    [picker] = [one for one in page.at.selectbox if str(one.key).startswith("story")]
    titles = [option.split(" · ")[0] for option in picker.options]
    assert titles == ["Air Pasang", "Air Pasang (2)"]
    assert picker.value == "s1"
    assert page.at.number_input
    other, _ = drawn(service, story="s2")
    assert "its structure is “hero”" in other.said


def test_a_page(host: Host, service: Service) -> None:
    story = service.operator().story(host.story)
    page, asked = drawn(service, story=story.id)
    assert len(page.at.number_input) == len(story.structure.keys), page.said[:3000]
    assert len(asked) <= MOST, "\n".join(asked)
