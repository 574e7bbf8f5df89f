"""What is drawn by itself stands last where it stands: `session.alone` says what would be lost."""

from __future__ import annotations

from typing import Any

import pytest
from streamlit.testing.v1 import element_tree, local_script_runner

from cascade.service import Service
from tests.service.people import asked, gather, save_next, start

from .conftest import Page, bend
from .tables import drawn

Path = tuple[int, ...]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The messages of the last draw of the whole page."""
    messages: list[Any] = []
    parse = element_tree.parse_tree_from_messages

    def read(found: list[Any]) -> Any:
        messages[:] = found
        return parse(found)

    monkeypatch.setattr(local_script_runner, "parse_tree_from_messages", read)
    return messages


def parts(messages: list[Any]) -> tuple[set[Path], set[Path]]:
    """Where something stands, and where a part stands that is drawn by itself."""
    whose: dict[Path, str] = {}
    for message in messages:
        if message.HasField("delta") or message.HasField("ref_hash"):
            whose[tuple(message.metadata.delta_path)] = message.delta.fragment_id
    own = {path for path, part in whose.items() if part and whose.get(path[:-1], "") != part}
    return set(whose), own


def overwritten(messages: list[Any]) -> list[tuple[Path, Path]]:
    """The parts after which something comes in the same place, and what."""
    there, own = parts(messages)
    return [
        (part, path)
        for part in sorted(own)
        for path in sorted(there)
        if path[:-1] == part[:-1] and path[-1] > part[-1]
    ]


@pytest.mark.parametrize("mode", ["arc", "read", "review", "history", "find"])
def test_nothing_comes_after_a_part_that_is_drawn_by_itself(
    service: Service, sent: list[Any], mode: str
) -> None:
    people = gather(service)
    run_id = start(people)
    save_next(service, run_id)
    query = {"story": people.mine, "mode": mode, "beat": "midpoint", "find": "a"}
    page = Page(service, **query)
    assert overwritten(sent) == []
    # The curve, the outline and an editor a beat, the bar of state, what the page follows.
    assert len(parts(sent)[1]) > len(page.at.number_input) + 4
    people.desk("editor").cancel(run_id)
    page = bend(Page(service, run=run_id, **query))
    assert overwritten(sent) == []


def test_nor_on_the_page_that_follows_what_waits(service: Service, sent: list[Any]) -> None:
    asked(gather(service))
    drawn(approvals)
    assert overwritten(sent) == []
    assert parts(sent)[1]


def approvals() -> None:
    from cascade.ui import session
    from cascade.ui.approvals.page import draw_approvals

    session.set_viewer(session.service().actor("producer"))
    draw_approvals(session.desk())
