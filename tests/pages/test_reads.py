"""One read a page: the full draw reads what it shows once, however long the story is."""

from __future__ import annotations

import pytest

from cascade.service import Service
from cascade.store import stories
from cascade.store.inserting import insert_story
from cascade.story.story import Scene, Story
from tests.helpers.statements import statements
from tests.service.people import People, failed, gather, start, stopped

from .conftest import Page, bend

MOST = 40


def drawn(service: Service, **query: str) -> tuple[Page, list[str]]:
    """A page, and what a full draw of it asked."""
    page = Page(service, **query)
    with statements(service) as asked:
        page.look()
    assert page.at.title
    assert not any("went wrong" in error for error in page.errors)
    return page, asked


def transactions(asked: list[str]) -> int:
    return sum(one.startswith("BEGIN") for one in asked)


def long_story(service: Service, scenes: int) -> str:
    """A story of so many scenes; its id."""
    keys = ("setup", "midpoint", "finale")
    story = Story(
        title="Long",
        language="en",
        structure_type="cat",
        scenes=tuple(
            Scene(
                number,
                keys[number % 3],
                {"scenePlot": f"Plot {number}.", "script": f"INT. ROOM {number} - DAY"},
            )
            for number in range(1, scenes + 1)
        ),
    )
    with service.database.write() as session:
        project_id = stories.project_of(session, service.operator().stories()[0].id)
        return insert_story(session, project_id, story)


def test_a_page_reads_what_it_shows_once(service: Service) -> None:
    page, asked = drawn(service)
    assert len(page.at.number_input) == 15
    assert len(asked) <= MOST, (len(asked), "\n".join(asked))
    # Whose page it is, and what is on it.
    assert transactions(asked) == 2
    texts = [one for one in asked if "FROM scene_plots" in one and "scene_plots.plot" in one]
    assert len(texts) == 1


def test_a_page_with_changes_pending_reads_once(service: Service) -> None:
    bend(Page(service))
    page, asked = drawn(service)
    assert not page.button("Save Tension Levels").disabled
    assert len(asked) <= MOST, (len(asked), "\n".join(asked))
    assert transactions(asked) == 2


@pytest.mark.parametrize("budget", [None, 500])
@pytest.mark.parametrize("make", [start, stopped, failed])
def test_a_page_with_a_run_reads_once(service: Service, make: object, budget: int | None) -> None:
    people: People = gather(service)
    people.desk("producer").set_project(people.home, {"budget": budget})
    run_id = make(people)  # type: ignore[operator]
    page, asked = drawn(service, run=run_id)
    assert page.run_id == run_id
    assert len(asked) <= MOST, (len(asked), "\n".join(asked))
    assert transactions(asked) == 2


def test_it_reads_no_more_with_a_thousand_scenes(service: Service) -> None:
    _, few = drawn(service, story=long_story(service, 3))
    page, many = drawn(service, story=long_story(service, 1000))
    assert len(page.at.number_input) == 15
    assert len(many) == len(few) <= MOST


def test_what_a_run_wrote_is_read_in_as_many_statements_however_much_it_is(
    service: Service,
) -> None:
    counts = []
    for levels in ({"Final_Image": 3}, {"Midpoint": 4, "All_Is_Lost": 2, "Finale": 3}):
        run = Page(service).set(**levels).run_through()
        _, asked = drawn(service, run=run.id)
        counts.append((len(run.steps), len(asked)))
    (few, first), (many, second) = counts
    assert many > 3 * few
    assert first == second <= MOST
