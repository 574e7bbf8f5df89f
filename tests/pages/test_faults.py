"""What goes wrong on the page is said on it, in its place, and takes nothing else along."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from cascade.errors import CascadeError
from cascade.service import Desk, RunView, Service
from cascade.settings import Settings
from cascade.store.tables import Run, StoryVersion
from cascade.ui import session
from cascade.ui.run import details, receipt
from cascade.ui.studio import beat, curve, head, outline, state, words
from cascade.ui.studio import page as studio
from tests.helpers.limited import Limited, empty, seeded
from tests.helpers.seeded import first_start, sqlite_copy

from .conftest import CAT, Page, bend, story_of

__all__ = ["empty", "seeded"]

UNEXPECTED = "Something unexpected went wrong in the program (ZeroDivisionError)"


def after_a_run(url: str) -> None:
    """What a first start makes, and a run of two beats that is done."""
    first_start(url)
    service = Service(Settings(database_url=url, provider="offline", offline_delay_ms=0))
    desk = service.desk(service.actor())
    plan = desk.plan(story_of(service).id, {"midpoint": 4, "allIsLost": 2}).plan
    with service.executing():
        events = list(service.operator().follow(desk.start(plan)))
    service.close()
    assert events[-1]["type"] == "done"


@pytest.fixture
def ran(
    open_service: Callable[..., Service], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Service, RunView]:
    """The service after that run, which is made once: what is tested is what comes later."""
    url = sqlite_copy(tmp_path_factory.mktemp("ran"), after_a_run)
    service = open_service(database_url=url)
    [run] = service.operator().runs()
    return service, run


def fails(*_: Any, **__: Any) -> Any:
    return 1 // 0


def change(service: Service, place: int = 0, **columns: Any) -> str:
    story_id = service.operator().stories()[place].id
    with service.database.write() as session:
        session.execute(
            sa.update(StoryVersion).where(StoryVersion.id == story_id).values(**columns)
        )
    return story_id


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (studio, "draw_head"),
        (studio, "draw_modes"),
        (studio, "draw_outline"),
        (studio, "draw_beat"),
        (studio, "draw_runs"),
        (studio, "curve"),
        (studio, "seen_of"),
        (head, "paragraphs"),
        (words, "_scene"),
        (beat, "_draw_direction"),
        (outline, "scene_name"),
        (state, "count"),
        (curve, "_texts"),
        (receipt, "_changed"),
        (details, "step_name"),
    ],
)
def test_an_unexpected_error_is_a_message_in_its_place(
    ran: tuple[Service, RunView],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    module: Any,
    name: str,
) -> None:
    service, run = ran
    page = Page(service, story=CAT, run=run.id)
    assert not page.errors
    page.set(Finale=3)
    monkeypatch.setattr(module, name, fails)
    page.open_beat("finale")
    assert any(error.startswith(UNEXPECTED) for error in page.errors)
    # The other parts are there.
    assert len(page.at.title) == 1
    parts = [page.at.selectbox, page.at.number_input, page.at.header]
    assert sum(bool(part) for part in parts) >= 2
    [first, *_] = [record for record in caplog.records if record.name == "cascade.ui"]
    assert first.levelno == logging.ERROR
    assert first.exc_info is not None


@pytest.mark.parametrize(("owner", "method"), [(Desk, "studio"), (Service, "viewers")])
def test_an_unexpected_error_of_a_use_case(
    service: Service, monkeypatch: pytest.MonkeyPatch, owner: type, method: str
) -> None:
    monkeypatch.setattr(owner, method, fails)
    page = Page(service)
    assert any(error.startswith(UNEXPECTED) for error in page.errors)


@pytest.mark.parametrize(
    ("part", "is_there"),
    [
        ("funds_of", ("number_input", "header")),
        ("stories.read_story", ("selectbox",)),
        ("drafts.read", ("selectbox",)),
        ("made.out_of_date", ("selectbox", "number_input", "header")),
        ("revisions.writers", ("selectbox", "number_input", "header")),
        ("reading.latest", ("selectbox", "number_input", "header")),
        ("restore.replaced", ("selectbox", "number_input", "header")),
        ("events.read", ("selectbox", "number_input", "header")),
    ],
)
def test_a_part_that_cannot_be_read_takes_no_other_along(
    ran: tuple[Service, RunView],
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    is_there: tuple[str, ...],
) -> None:
    service, run = ran
    monkeypatch.setattr(f"cascade.service.studio.{part}", fails)
    page = Page(service, run=run.id)
    assert any(error.startswith(UNEXPECTED) for error in page.errors)
    assert len(page.at.title) == 1
    for kind in is_there:
        assert list(getattr(page.at, kind)), kind


@pytest.mark.parametrize(
    ("label", "method"),
    [
        ("Reset", "save_draft"),
        ("Regenerate & Save", "start"),
        ("Reset the demo", "reset_demo"),
    ],
)
def test_an_unexpected_error_of_a_button(
    service: Service, monkeypatch: pytest.MonkeyPatch, label: str, method: str
) -> None:
    page = bend(Page(service))
    if label.startswith("Regenerate"):
        page.click("Save Tension Levels")
    monkeypatch.setattr(Desk, method, fails)
    page.click(label)
    if label == "Reset the demo":
        page.click("Yes, reset the demo")
    assert any(error.startswith(UNEXPECTED) for error in page.errors)
    monkeypatch.undo()
    page.set(Finale=3)
    assert not page.errors


@pytest.mark.parametrize(
    "part", ["stories.summaries", "stories.read_story", "reading.latest", "drafts.read"]
)
def test_an_expected_error_anywhere_is_told(
    service: Service, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    class Odd(CascadeError):
        code = "odd"

    def refuse(*_: Any, **__: Any) -> Any:
        raise Odd("It is odd.")

    monkeypatch.setattr(f"cascade.service.studio.{part}", refuse)
    assert "It is odd." in Page(service).errors


# Addresses


@pytest.mark.parametrize("name", ["story", "run"])
@pytest.mark.parametrize(
    "asked", ["\0", "a\0b", "%00", "x" * 60_000, "%" * 60_000, "\\" * 60_000, "_" * 300, "\u202ex"]
)
def test_odd_addresses(service: Service, name: str, asked: str) -> None:
    page = Page(service, **{name: asked})
    [error] = page.errors
    assert error.startswith(f"There is no {name}")
    assert len(error) < 300
    # What an English reader gets who asks for nothing.
    assert page.at.selectbox[0].value == service.operator().stories()[1].id


def test_an_address_that_several_stories_answer_to(service: Service) -> None:
    for place in range(2):
        change(service, place, title="Twins")
    page = Page(service, story="twins")
    assert page.errors == [
        "2 stories are called “twins”. Choose the one that is meant from the list."
    ]


# Rows


def test_half_a_character_in_the_products_json(service: Service) -> None:
    half = json.dumps({"midpoint": "Half \ud83d of one", "ordeal": "Half \ud83d of one"})
    change(service, cat_beats=half, cat_key_actions=half)
    page = Page(service).open_beat("midpoint")
    assert (
        page.said.count("Not readable here: it holds half a character, or one that is none.") == 2
    )
    assert not page.errors
    change(service, place=1, hero_beats=half)
    assert not Page(service, story=service.operator().stories()[1].id).open_beat("ordeal").errors


def test_a_run_of_a_story_whose_structure_changed(service: Service) -> None:
    page = bend(Page(service))
    run = page.run_through()
    page.set(Finale=3).review()
    story_id = change(service, structure_type="harmon")
    page.look()
    assert not page.errors
    assert any(one.label == "Take" for one in page.at.number_input)
    for name in ("story", "run"):
        fresh = Page(service, **{name: story_id if name == "story" else run.id})
        assert not fresh.errors
    assert service.desk(service.actor()).draft(story_id).levels == {}


def test_an_unknown_structure_takes_no_other_story_along(service: Service) -> None:
    broken = change(service, structure_type="kishotenketsu")
    page = Page(service)
    assert page.errors == [
        "“Tinggi Muka Air” cannot be shown: its structure is “kishotenketsu”, and not one of hero, "
        "cat, and harmon. It was left as it is; choose another story."
    ]
    other = service.operator().stories()[1].id
    page.at.selectbox[0].set_value(other)
    page.look()
    assert not page.errors
    assert page.at.number_input
    page.at.selectbox[0].set_value(broken)
    page.look()
    assert len(page.errors) == 1


def test_a_run_that_cannot_be_read(service: Service) -> None:
    page = bend(Page(service))
    page.run_through()
    with service.database.write() as session:
        session.execute(sa.update(Run).values(plan={"odd": True}))
    found = Page(service, story=story_of(service).id)
    assert len(found.errors) == 1
    assert found.at.number_input
    assert not Page(service, story=service.operator().stories()[1].id).errors


def test_names_of_any_kind(open_service: Callable[..., Service]) -> None:
    # As long as the settings take one.
    service = open_service(user="A [B](http://c.d) :material/home: " + "x" * 160)
    actor, _ = service.operator().grant("editor", 1)
    assert actor.name == "editor"
    [error] = Page(service).errors
    assert error.startswith("There is no user “A [B](http:")
    assert len(error) < 400


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "Cascade may not do this in its database: its role lacks GRANT"),
        ("id", "Cascade tidak boleh melakukan ini di database-nya: role-nya belum punya GRANT"),
    ],
)
def test_a_role_that_may_only_read(seeded: Limited, language: str, said: str) -> None:
    seeded.execute(
        f'GRANT SELECT ON ALL TABLES IN SCHEMA public TO "{seeded.role}"',
        f'GRANT USAGE ON SCHEMA cascade_dbos TO "{seeded.role}"',
    )
    service = seeded.open()
    session.provide(service)
    try:
        page = Page(service, language=language)
        assert not page.errors
        page.set(Midpoint=4)
        [error] = page.errors
        assert error.startswith(said)
        assert "drafts" in error
    finally:
        session.provide(None)
        service.close()
