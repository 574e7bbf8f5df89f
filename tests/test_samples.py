"""The sample stories are as many and as whole as an editor would believe."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fountain import ElementType, FountainParser

from cascade.formats.json import read_document
from cascade.service import Service
from cascade.settings import Settings
from cascade.story.plan import make_plan
from cascade.story.story import Story

FOLDER = Path(__file__).parent.parent / "cascade" / "samples"
FILES = sorted(path.name for path in FOLDER.glob("*.json"))
# Structure: language, beats, scenes at least.
WANTED = {"cat": ("id", 15, 30), "hero": ("en", 12, 24), "harmon": ("en", 8, 8)}
STORIES = [pytest.param(read_document(FOLDER / name), id=name) for name in FILES]


def test_there_are_three_of_three_kinds() -> None:
    found = sorted(read_document(FOLDER / name).structure_type for name in FILES)
    assert found == sorted(WANTED)


@pytest.mark.parametrize("story", STORIES)
def test_language_beats_and_scenes(story: Story) -> None:
    language, beats, scenes = WANTED[story.structure_type]
    assert story.language == language
    assert len(story.structure.beats) == beats
    assert set(story.levels) == set(story.structure.keys)
    assert len(story.scenes) >= scenes
    numbers = [scene.number for scene in story.scenes]
    assert numbers == list(range(1, len(numbers) + 1))
    # Scenes come in the order of their beats, and every beat has one.
    places = [story.structure.keys.index(scene.beat_key or "") for scene in story.scenes]
    assert places == sorted(places)
    assert set(places) == set(range(beats))
    assert all(text.strip() for text in (story.title, story.synopsis, story.genre, story.tone))


@pytest.mark.parametrize("story", STORIES)
def test_every_beat_has_two_paragraphs_and_a_short_key_action(story: Story) -> None:
    for key in story.structure.keys:
        paragraphs = re.split(r"\n\s*\n", story.contents[key].strip())
        assert len(paragraphs) == 2, key
        assert all(len(one.split()) >= 20 for one in paragraphs), key
        sentences = re.findall(r"[.!?…]+[\"”’)]*(?=\s|$)", story.key_actions[key])
        assert 1 <= len(sentences) <= 2, (key, story.key_actions[key])
        assert "\n" not in story.key_actions[key].strip()


@pytest.mark.parametrize("story", STORIES)
def test_every_scene_has_a_plot_and_a_script_in_fountain(story: Story) -> None:
    for scene in story.scenes:
        assert len(scene.plot.split()) >= 10, scene.number
        assert len(scene.script.split()) >= 120, scene.number
        elements = FountainParser().parse(scene.script).elements
        assert FountainParser().validate(scene.script) == [], scene.number
        types = [element.type for element in elements]
        assert types[0] == ElementType.SCENE_HEADING, scene.number
        assert ElementType.ACTION in types, scene.number
        for place, type_ in enumerate(types):
            if type_ == ElementType.CHARACTER:
                after = types[place + 1]
                assert after in (ElementType.DIALOGUE, ElementType.PARENTHETICAL), scene.number
        assert all(element.text.strip() for element in elements), scene.number


@pytest.mark.parametrize("story", STORIES)
def test_some_scenes_have_shots_and_some_have_none(story: Story) -> None:
    with_shots = [scene for scene in story.scenes if scene.shots]
    assert 2 <= len(with_shots) < len(story.scenes)


@pytest.mark.parametrize("story", STORIES)
def test_no_text_is_there_twice(story: Story) -> None:
    texts = [*story.contents.values(), *story.key_actions.values()]
    texts += [text for scene in story.scenes for text in (scene.plot, scene.script)]
    assert len(texts) == len(set(texts))


def test_the_change_of_the_design_costs_45() -> None:
    story = next(
        read_document(FOLDER / name) for name in FILES if "tinggi" in name or "cat" in name
    )
    assert story.structure_type == "cat"
    assert (story.levels["midpoint"], story.levels["allIsLost"]) == (2, 4)
    assert len(story.scenes_of("midpoint")) == 3
    assert len(story.scenes_of("allIsLost")) == 2
    assert make_plan(story, {"midpoint": 4, "allIsLost": 2}).estimated_credits == 45


def test_a_new_database_has_them_all_and_opens_on_the_first(sqlite_url: str) -> None:
    service = Service(Settings(database_url=sqlite_url, provider="offline", offline_delay_ms=0))
    try:
        summaries = service.operator().stories()
        assert [one.structure_type for one in summaries] == ["cat", "hero", "harmon"]
        by_title = {json.loads((FOLDER / name).read_text())["title"]: name for name in FILES}
        for one in summaries:
            assert service.operator().story(one.id).contents == (
                read_document(FOLDER / by_title[one.title]).contents
            )
        credits = service.desk(service.actor()).credits()
        assert (credits.user, credits.deposited, credits.available) == ("editor", 500, 500)
        for name in ("producer", "viewer"):
            assert service.actor(name).name == name
    finally:
        service.close()


def test_samples_can_be_left_out(sqlite_url: str) -> None:
    service = Service(Settings(database_url=sqlite_url, provider="offline", samples="off"))
    try:
        assert service.operator().stories() == []
    finally:
        service.close()
