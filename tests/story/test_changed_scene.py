"""What has become of the scene that a step writes: known by its id, else by its number."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cascade.story.plan import changed_scene, make_plan
from cascade.story.story import Part, Scene, Story
from tests.helpers.making import a_scene


def with_scenes(*scenes: Scene) -> Story:
    """A story with these scenes and a beat's own texts."""
    return Story(
        title="Tides",
        language="en",
        structure_type="harmon",
        texts={"beatContent": {"need": "content"}, "keyAction": {"need": "action"}},
        scenes=scenes,
    )


@pytest.mark.parametrize("id_", ["s1", ""], ids=["by id", "by number"])
def test_what_has_become_of_the_scene_that_a_step_writes(id_: str) -> None:
    scene = a_scene(1, "need", "a plot", "a script", id=id_)
    story = with_scenes(scene)
    own, *of_scene = make_plan(story, {"need": 5}).steps
    assert [step.scene_number for step in of_scene] == [None, 1, 1]
    for step in of_scene[1:]:
        moved = Part("scene_moved" if id_ else "scene_gone", step.key)
        assert changed_scene(step, story) is None
        assert changed_scene(step, with_scenes()) == Part("scene_gone", step.key)
        assert changed_scene(step, with_scenes(replace(scene, number=2))) == moved
        assert changed_scene(step, with_scenes(replace(scene, beat_key="go"))) == moved
        # Another's being there by its number is no matter of a step that knows its scene.
        other = a_scene(1, "need", "another plot", "another script", id="s2")
        found = changed_scene(step, with_scenes(other))
        assert found == (Part("scene_gone", step.key) if id_ else None)
    assert changed_scene(own, with_scenes()) is None, "a beat's own text hangs off no scene"


def test_a_scene_whose_number_is_another_s_too_is_not_written() -> None:
    scene = a_scene(1, "need", "a plot", "a script", id="s1")
    step = make_plan(with_scenes(scene), {"need": 5}).steps[-1]
    twice = with_scenes(scene, a_scene(1, "need", "another", "another", id="s2"))
    assert changed_scene(step, twice) == Part("scenes")
