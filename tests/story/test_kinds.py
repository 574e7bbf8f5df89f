"""The table of kinds: whole, and what plans are made of by it, said a second time and by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cascade.samples
from cascade.formats.json import read_document
from cascade.llm.pacing.lines import lines_of
from cascade.llm.prompting import beat_jobs
from cascade.story.brief import brief_for
from cascade.story.kinds import BEAT_KINDS, CASCADE, KINDS, SCENE_KINDS, in_events, named, row
from cascade.story.limits import LIMITS
from cascade.story.piece import Piece
from cascade.story.plan import Plan, make_plan
from cascade.story.story import LANGUAGES, Language, Scene, Story, digest
from cascade.story.structures import STRUCTURES
from tests.helpers.making import beats_around

SAMPLES = sorted(Path(cascade.samples.__file__).parent.glob("*.json"))
STORIES = {path.stem: replace(read_document(path), id=path.stem) for path in SAMPLES}
CREDITS = {"beatContent": 3, "keyAction": 2, "scenePlot": 3, "script": 4}
SOURCES: dict[str, list[str]] = {
    "beatContent": [],
    "keyAction": ["beatContent"],
    "scenePlot": ["beatContent", "keyAction"],
    "script": ["beatContent", "keyAction", "scenePlot"],
}


def test_the_surfaces_of_each_kind_are_those_that_others_rely_on() -> None:
    assert [(one.name, one.event, one.answer, one.document, one.kept) for one in CASCADE] == [
        ("beatContent", "beatContent", "beatContent", "content", "beats"),
        ("keyAction", "keyAction", "keyAction", "keyAction", "key_actions"),
        ("scenePlot", "scenePlots", "plot", "plot", "plot"),
        ("script", "scripts", "script", "script", "script"),
    ]
    assert {one.name: one.credits for one in CASCADE} == CREDITS
    assert {one.name: list(one.written_from) for one in CASCADE} == SOURCES
    assert {one.name: LIMITS[one.name] for one in CASCADE} == {
        "beatContent": 50_000,
        "keyAction": 5_000,
        "scenePlot": 50_000,
        "script": 200_000,
    }


def test_names_name_one_kind_each() -> None:
    for field in ("name", "event", "answer", "noun", "many"):
        assert len({getattr(one, field) for one in CASCADE}) == len(CASCADE)
    for kinds in (BEAT_KINDS, SCENE_KINDS):
        assert len({row(kind).document for kind in kinds}) == len(kinds)
        assert len({row(kind).kept for kind in kinds}) == len(kinds)
    assert set(KINDS) == {*BEAT_KINDS, *SCENE_KINDS}
    assert all(named(kind) is row(kind) for kind in KINDS)
    assert all(in_events(one.event) is one for one in CASCADE)
    assert named("shots") is named("level") is in_events("scenePlot") is None


def test_a_text_is_written_from_what_is_written_before_it() -> None:
    for place, one in enumerate(CASCADE):
        before = [earlier.name for earlier in CASCADE[:place]]
        assert set(one.written_from) <= set(before)
        # A beat's own texts are written once for all its scenes.
        assert one.per_scene or not any(row(kind).per_scene for kind in one.written_from)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_and_every_beat_has_its_offline_lines(language: Language) -> None:
    lines = lines_of(language)
    for kind in KINDS:
        assert all(len(set(lines.general[kind].way(way))) >= 4 for way in (True, False))
    beats = {beat for jobs in beat_jobs(language).values() for beat in jobs}
    assert set(lines.flavours) == beats
    assert beats == {beat.key for one in STRUCTURES.values() for beat in one.beats}


# Plans


@st.composite
def sample_plans(draw: st.DrawFn) -> tuple[Story, Plan]:
    story = STORIES[draw(st.sampled_from(sorted(STORIES)))]
    levels = draw(
        st.dictionaries(st.sampled_from(story.structure.keys), st.integers(1, 5), max_size=15)
    )
    steps = make_plan(story, levels).steps
    excluded = draw(st.sets(st.sampled_from(steps), max_size=4)) if steps else set()
    return story, make_plan(story, levels, exclusions=[step.key for step in excluded])


def scenes_beside(story: Story, key: str) -> list[Scene]:
    """The scenes before and after one; every scene of the samples has a number of its own."""
    number = int(key.split("/")[2])
    before = [scene for scene in story.scenes if scene.number is not None and scene.number < number]
    after = [scene for scene in story.scenes if scene.number is not None and scene.number > number]
    return [*before[-1:], *after[:1]]


@given(sample_plans())
def test_plans_of_the_samples_are_what_they_were_by_name(drawn: tuple[Story, Plan]) -> None:
    story, plan = drawn
    keys: list[str] = []
    for change in plan.changes:
        numbers = [scene.number for scene in story.scenes if scene.beat_key == change.beat_key]
        keys += [f"{change.beat_key}/beatContent", f"{change.beat_key}/keyAction"]
        keys += [f"{change.beat_key}/scenePlot/{number}" for number in numbers]
        keys += [f"{change.beat_key}/script/{number}" for number in numbers]
    keys = [key for key in keys if key not in plan.exclusions]
    assert [step.key for step in plan.steps] == keys
    assert [step.credits for step in plan.steps] == [CREDITS[key.split("/")[1]] for key in keys]

    order = story.structure.keys
    read: set[str] = set()
    for key in keys:
        beat, kind, *scene = key.split("/")
        read |= {f"{one}/beatContent" for one in beats_around(story, beat)}
        for source in SOURCES[kind]:
            own = [f"/{scene[0]}"] if source == "scenePlot" else [""]
            read.add(f"{beat}/{source}{own[0]}")
        if kind == "scenePlot":
            same = [scene for scene in story.scenes if scene.beat_key == beat]
            read |= {f"{beat}/scenePlot/{scene.number}" for scene in same} - {key}
        if kind == "script":
            later = [
                other for other in keys if order.index(other.split("/")[0]) >= order.index(beat)
            ]
            for one in scenes_beside(story, key):
                script = f"{one.beat_key or ''}/script/{one.number}"
                read.add(script.replace("/script/", "/scenePlot/") if script in later else script)
    assert dict(plan.reads) == {key: digest(story.text(key)) for key in read - set(keys)}

    groups: list[list[str]] = []
    for key in keys:
        beat, kind, *scene = key.split("/")
        if scene and groups and groups[-1][0].startswith(f"{beat}/{kind}/"):
            groups[-1].append(key)
        else:
            groups.append([key])
    assert plan.groups() == groups


@given(sample_plans())
def test_a_brief_carries_the_sources_of_its_kind(drawn: tuple[Story, Plan]) -> None:
    story, plan = drawn
    for step in plan.steps:
        brief = brief_for(plan, step, story, "seed")
        assert list(brief.sources) == SOURCES[step.kind]
        for source, text in brief.sources.items():
            scene = f"/{step.scene_number}" if source == "scenePlot" else ""
            assert text == story.text(f"{step.beat_key}/{source}{scene}")


def test_what_depends_on_what_under_a_beat() -> None:
    for story in STORIES.values():
        for beat in story.structure.keys:
            under = story.pieces_of(beat)
            for upon in under:
                for piece in under:
                    _, kind, *scene = str(piece).split("/")
                    _, other, *its = str(upon).split("/")
                    same = other != "scenePlot" or scene == its
                    expected = other in SOURCES[kind] and same
                    assert piece.is_written_from(upon) == expected, (piece, upon)


# Keys


@given(
    st.sampled_from(["midpoint", "return", ""]),
    st.sampled_from([*KINDS, "level", "shots"]),
    st.none() | st.integers(-5, 10**9),
)
def test_a_key_is_read_as_it_is_written(beat: str, kind: str, scene: int | None) -> None:
    key = f"{beat}/{kind}" if scene is None else f"{beat}/{kind}/{scene}"
    piece = Piece.parse(key)
    assert (piece.beat, piece.kind, piece.scene) == (beat, kind, scene)
    assert str(piece) == f"{piece}" == key


@pytest.mark.parametrize(
    "key", ["", "midpoint", "midpoint/storyboard/1", "midpoint/script/x", "a/script/1/2", "a/b/c"]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=r"key of a piece|invalid literal"):
        Piece.parse(key)


@pytest.mark.parametrize("key", ["midpoint/shots/5", "midpoint/level"])
def test_shots_and_levels_are_no_texts(key: str) -> None:
    """Nothing else may be taken for a script: its text would be read, and written, as one."""
    story = next(iter(STORIES.values()))
    with pytest.raises(ValueError, match="no text"):
        story.text(key)
    with pytest.raises(ValueError, match="no text"):
        story.with_text(key, "words")
