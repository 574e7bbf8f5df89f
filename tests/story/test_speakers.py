"""Who speaks in a story; what a brief says of it."""

from __future__ import annotations

import pytest

from cascade.formats.json import read_document
from cascade.story.brief import brief_for
from cascade.story.plan import make_plan
from cascade.story.speakers import speakers
from cascade.story.story import Story
from tests.helpers.making import a_scene
from tests.helpers.pacing_texts import SAMPLES


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_the_samples_speakers_are_people_of_theirs(path: object) -> None:
    story = read_document(path)  # type: ignore[arg-type]
    names = speakers(story)
    assert 10 <= len(names) <= 20
    told = " ".join([scene.plot + scene.script for scene in story.scenes])
    for name in names:
        assert name in told


def test_a_brief_names_all_who_speak_in_the_story() -> None:
    story = Story(
        title="T",
        language="en",
        structure_type="cat",
        scenes=(
            a_scene(1, None, "p", "INT. A - DAY\n\nMIRA\nGo."),
            a_scene(2, "midpoint", "p", "INT. A - DAY\n\nTAN (V.O.)\nNo.\n\nMIRA\nYes."),
            a_scene(3, "finale", "p", "INT. A - DAY\n\nBORIS\nWell."),
        ),
    )
    plan = make_plan(story, {"midpoint": 5})
    for step in plan.steps:
        assert brief_for(plan, step, story, "s").speakers == ("MIRA", "TAN", "BORIS")
