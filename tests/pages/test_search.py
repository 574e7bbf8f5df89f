"""What the search shows, and what it makes of an address that somebody has written."""

from __future__ import annotations

import pytest

from cascade.service import Service

from .conftest import CAT, Page, bend


def field(page: Page) -> str:
    [value] = [one.value for one in page.at.text_input if one.label == "Search the story"]
    return str(value)


def test_forty_texts_are_listed_and_the_rest_is_counted(service: Service) -> None:
    page = Page(service, story=CAT, mode="find", find="e")
    assert page.said.count('<li><a class="cascade-go" href="?story=') >= 40
    assert page.said.count("<mark>") == 40
    assert " more are not listed. Type more words to find less." in page.said


def test_what_is_found_stays_while_the_curve_is_bent(service: Service) -> None:
    page = bend(Page(service, story=CAT, mode="find", find="sluice"))
    assert "“sluice”" in page.said
    assert field(page) == "sluice"


@pytest.mark.parametrize("query", [{"mode": "find"}, {"mode": "find", "find": ""}])
def test_without_words_the_beat_is_shown(service: Service, query: dict[str, str]) -> None:
    page = Page(service, story=CAT, beat="midpoint", **query)
    assert [one.value for one in page.at.header] == ["Midpoint"]


def test_more_words_than_one_types_are_cut(service: Service) -> None:
    page = Page(service, story=CAT, mode="find", find="x" * 5000)
    assert field(page) == "x" * 100
    assert "No text of this story has “" in page.said


def test_the_modes_and_beats_lead_out_of_it(service: Service) -> None:
    page = Page(service, story=CAT, mode="find", find="e", beat="midpoint")
    for place in ("mode=read", "beat=midpoint&amp;scene=18"):
        [link] = [one for one in page.said.split('href="') if place in one.split('"')[0]][:1]
        assert "find" not in link.split('"')[0]
