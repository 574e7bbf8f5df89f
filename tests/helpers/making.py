"""Stories for property tests, and what a plan may depend on, said a second time and plainly."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from cascade.story.kinds import BEAT_KINDS, Kind
from cascade.story.plan import Plan
from cascade.story.story import Scene, Story, digest
from cascade.story.structures import STRUCTURES

LEVELS = st.integers(1, 5)
# Short, so that two texts are often the same, and sometimes empty.
TEXTS = st.text("ab é\n", max_size=4)
SHOTS = st.sampled_from(["close on the gauge", {"size": "wide", "seconds": 4}])


def a_scene(
    number: int | None,
    beat_key: str | None,
    plot: str,
    script: str,
    shots: tuple[Any, ...] = (),
    id: str = "",
) -> Scene:
    """A scene with both its texts."""
    return Scene(number, beat_key, {"scenePlot": plot, "script": script}, shots, id)


@st.composite
def stories(
    draw: st.DrawFn,
    max_scenes: int = 8,
    texts: st.SearchStrategy[str] = TEXTS,
    shots: st.SearchStrategy[Any] = SHOTS,
) -> Story:
    """Any story: of any structure, with holes, and with scenes of some beats and of none."""
    structure = STRUCTURES[draw(st.sampled_from(sorted(STRUCTURES)))]
    keys = structure.keys
    # Few beats have scenes, so that some have several and neighbours often share a plan.
    first = draw(st.integers(0, len(keys) - 3))
    places = [*keys[first : first + 3], draw(st.sampled_from(keys)), None]
    numbers = draw(st.lists(st.integers(1, 40), unique=True, max_size=max_scenes))
    scenes = tuple(
        Scene(
            number=number,
            beat_key=draw(st.sampled_from(places)),
            texts={"scenePlot": draw(texts), "script": draw(texts)},
            shots=tuple(draw(st.lists(shots, max_size=2))),
            id=f"scene-{number}",
        )
        for number in sorted(numbers)
    )
    return Story(
        title=draw(texts.filter(str.strip)),
        language=draw(st.sampled_from(["en", "id"])),
        structure_type=structure.type,
        synopsis=draw(texts),
        genre=draw(texts),
        tone=draw(texts),
        levels=draw(st.dictionaries(st.sampled_from(keys), LEVELS)),
        texts={kind: draw(st.dictionaries(st.sampled_from(keys), texts)) for kind in BEAT_KINDS},
        scenes=scenes,
        id="story-1",
        project_id="project-1",
    )


def curves(story: Story) -> st.SearchStrategy[dict[str, int]]:
    """Levels for some beats of a story, near each other and near its scenes more often than not."""
    keys = story.structure.keys
    near = [scene.beat_key for scene in story.scenes if scene.beat_key] or list(keys)
    return st.dictionaries(st.sampled_from(near) | st.sampled_from(keys), LEVELS, max_size=5)


@st.composite
def stories_with_changes(draw: st.DrawFn) -> tuple[Story, dict[str, int]]:
    """A story and levels of which at least one differs from the saved one."""
    story = draw(stories())
    levels = draw(curves(story))
    beat = draw(st.sampled_from(story.structure.keys))
    if all(story.levels.get(key, 3) == level for key, level in levels.items()):
        levels[beat] = draw(LEVELS.filter(lambda level: level != story.levels.get(beat, 3)))
    return story, levels


def with_text(story: Story, key: str, text: str) -> Story:
    """The story with one piece's text replaced."""
    return story.with_text(key, text)


def with_level(story: Story, beat_key: str, level: int) -> Story:
    """The story with one beat's saved level replaced."""
    return replace(story, levels={**story.levels, beat_key: level})


def other_level(level: int) -> int:
    """A level that is not this one."""
    return level % 5 + 1


def beats_around(story: Story, beat_key: str) -> list[str]:
    """The beats right before and right after a beat."""
    keys = story.structure.keys
    at = keys.index(beat_key)
    return [keys[place] for place in (at - 1, at + 1) if 0 <= place < len(keys)]


def scenes_around(story: Story, number: int) -> list[Scene]:
    """The scenes right before and right after a scene, whatever beat they are of."""
    order = sorted(story.scenes, key=lambda scene: scene.number or 0)
    at = next(place for place, scene in enumerate(order) if scene.number == number)
    return [order[place] for place in (at - 1, at + 1) if 0 <= place < len(order)]


def key_of(scene: Scene, kind: Kind) -> str:
    """The key of a scene's piece, whether or not the scene has a beat."""
    return f"{scene.beat_key or ''}/{kind}/{scene.number}"


def all_pieces(story: Story) -> Iterator[str]:
    """The keys of every text of a story."""
    for beat in story.structure.keys:
        yield f"{beat}/beatContent"
        yield f"{beat}/keyAction"
    for scene in story.scenes:
        yield key_of(scene, "scenePlot")
        yield key_of(scene, "script")


def pieces_needed(story: Story, replaced: Collection[str]) -> set[str]:
    """The pieces that a plan replacing `replaced` may depend on: those, and what prompts carry.

    DESIGN.md, section 4. Every prompt carries the content of the beats before and after; from the
    key action on, the beat's content; for scenes its key action too; for a plot the beat's other
    plots; for a script its plot, and of the scenes before and after the plot where the plan
    rewrites the script, else the script.
    """
    needed = set(replaced)
    for key in replaced:
        beat_key, kind, *rest = key.split("/")
        needed |= {f"{beat}/beatContent" for beat in beats_around(story, beat_key)}
        if kind != "beatContent":
            needed.add(f"{beat_key}/beatContent")
        if rest:
            needed.add(f"{beat_key}/keyAction")
        if kind == "scenePlot":
            same = [scene for scene in story.scenes if scene.beat_key == beat_key]
            needed |= {key_of(scene, "scenePlot") for scene in same}
        if kind == "script":
            needed.add(f"{beat_key}/scenePlot/{rest[0]}")
            for scene in scenes_around(story, int(rest[0])):
                doomed = key_of(scene, "script") in replaced
                needed.add(key_of(scene, "scenePlot" if doomed else "script"))
    return needed


def written(key: str, run: str = "run-1") -> str:
    """What a pretended run writes for a step."""
    return f"new text of {key} by {run}"


def run_steps(
    story: Story, plan: Plan, keys: Collection[str], run: str = "run-1"
) -> tuple[Story, Mapping[str, str]]:
    """The story after these steps of a plan are saved, and what they saved as `resume_plan` has it.

    The first step of a beat saves the beat's level too.
    """
    saved: dict[str, str] = {}
    for step in plan.steps:
        if step.key in keys:
            change = plan.change(step.beat_key)
            story = with_level(story, step.beat_key, change.new_level)
            story = with_text(story, step.key, written(step.key, run))
            saved[step.key] = digest(written(step.key, run))
    return story, saved


def number_of(scene: Scene) -> int:
    """The number of a scene that has one, as all those that are made here have."""
    assert scene.number is not None
    return scene.number


# Two beats of two and three scenes, and one scene that is in no beat.
TIDES = Story(
    title="Tides",
    language="en",
    structure_type="cat",
    levels={"midpoint": 2, "allIsLost": 4},
    scenes=(
        a_scene(18, "midpoint", "plot 18", "script 18"),
        a_scene(19, "midpoint", "plot 19", "script 19"),
        a_scene(20, "midpoint", "plot 20", "script 20"),
        a_scene(22, None, "plot 22", "script 22"),
        a_scene(25, "allIsLost", "plot 25", "script 25"),
        a_scene(26, "allIsLost", "plot 26", "script 26"),
    ),
    id="story-1",
)


# A story of one beat and one scene, as a file has it.
DOCUMENT: dict[str, Any] = {
    "title": "Small",
    "language": "en",
    "structureType": "harmon",
    "beats": [{"key": "you", "content": "Ana.", "keyAction": "Ana opens.", "tension": 2}],
    "scenes": [{"number": 1, "beatKey": "you", "plot": "Ana.", "script": "INT. SHOP - DAY"}],
}
