"""Plans: what is in them, in which order, for how much, and what their hash covers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.errors import BadLevel, UnknownBeat
from cascade.story import kinds
from cascade.story import plan as plan_module
from cascade.story.plan import Plan, make_plan, stale_part
from cascade.story.story import Part, Scene, Story, digest
from tests.helpers.making import (
    TEXTS,
    a_scene,
    all_pieces,
    beats_around,
    curves,
    other_level,
    pieces_needed,
    stories,
    stories_with_changes,
    with_level,
    with_text,
)

STORY = Story(
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


def test_the_plan_that_the_design_prices_at_45() -> None:
    # Given out of order: the order is the structure's.
    plan = make_plan(STORY, {"allIsLost": 2, "midpoint": 4})
    assert [step.key for step in plan.steps] == [
        "midpoint/beatContent",
        "midpoint/keyAction",
        "midpoint/scenePlot/18",
        "midpoint/scenePlot/19",
        "midpoint/scenePlot/20",
        "midpoint/script/18",
        "midpoint/script/19",
        "midpoint/script/20",
        "allIsLost/beatContent",
        "allIsLost/keyAction",
        "allIsLost/scenePlot/25",
        "allIsLost/scenePlot/26",
        "allIsLost/script/25",
        "allIsLost/script/26",
    ]
    assert [step.credits for step in plan.steps] == [3, 2, 3, 3, 3, 4, 4, 4, 3, 2, 3, 3, 4, 4]
    assert plan.estimated_credits == 45
    assert plan.affected_scenes == (18, 19, 20, 25, 26)
    assert plan.groups() == [
        ["midpoint/beatContent"],
        ["midpoint/keyAction"],
        ["midpoint/scenePlot/18", "midpoint/scenePlot/19", "midpoint/scenePlot/20"],
        ["midpoint/script/18", "midpoint/script/19", "midpoint/script/20"],
        ["allIsLost/beatContent"],
        ["allIsLost/keyAction"],
        ["allIsLost/scenePlot/25", "allIsLost/scenePlot/26"],
        ["allIsLost/script/25", "allIsLost/script/26"],
    ]
    midpoint = plan.change("midpoint")
    assert (midpoint.beat_label, midpoint.previous_level, midpoint.new_level) == ("Midpoint", 2, 4)
    assert (midpoint.prev_beat_level, midpoint.next_beat_level) == (3, 3)
    assert plan.step("midpoint/script/19").replaces == digest("script 19")
    assert stale_part(plan, STORY) is None


@given(st.data())
def test_only_changed_beats_in_the_order_of_the_cascade(data: st.DataObject) -> None:
    story = data.draw(stories())
    levels = data.draw(curves(story))
    plan = make_plan(story, levels)
    changed = [
        key
        for key in story.structure.keys
        if key in levels and levels[key] != story.levels.get(key, 3)
    ]
    expected = []
    for beat in changed:
        numbers = sorted(number_of(scene) for scene in story.scenes if scene.beat_key == beat)
        expected += [f"{beat}/beatContent", f"{beat}/keyAction"]
        expected += [f"{beat}/scenePlot/{number}" for number in numbers]
        expected += [f"{beat}/script/{number}" for number in numbers]
    assert [change.beat_key for change in plan.changes] == changed
    assert [step.key for step in plan.steps] == expected
    assert plan.affected_scenes == tuple(
        sorted(number_of(scene) for scene in story.scenes if scene.beat_key in changed)
    )
    for step in plan.steps:
        beat, kind, *rest = step.key.split("/")
        assert (step.beat_key, step.kind) == (beat, kind)
        assert step.scene_number == (int(rest[0]) if rest else None)
        assert step.replaces == digest(story.text(step.key))


def number_of(scene: Scene) -> int:
    """The number of a scene that has one, as all those that are made here have."""
    assert scene.number is not None
    return scene.number


@given(stories_with_changes())
def test_the_estimate_is_the_sum_of_the_steps(drawn: tuple[Story, dict[str, int]]) -> None:
    story, levels = drawn
    plan = make_plan(story, levels)
    changed = {change.beat_key for change in plan.changes}
    scenes = [scene for scene in story.scenes if scene.beat_key in changed]
    assert plan.estimated_credits == sum(step.credits for step in plan.steps)
    assert plan.estimated_credits == len(changed) * (3 + 2) + len(scenes) * (3 + 4)


@given(stories_with_changes())
def test_levels_around_are_those_after_the_run(drawn: tuple[Story, dict[str, int]]) -> None:
    story, levels = drawn
    after = {key: levels.get(key, story.levels.get(key, 3)) for key in story.structure.keys}
    plan = make_plan(story, levels)
    ordered = list(after)
    for change in plan.changes:
        at = ordered.index(change.beat_key)
        assert (
            change.previous_level == change.expected_level == story.levels.get(change.beat_key, 3)
        )
        assert change.new_level == after[change.beat_key]
        assert change.prev_beat_level == (after[ordered[at - 1]] if at > 0 else None)
        last = at == len(ordered) - 1
        assert change.next_beat_level == (None if last else after[ordered[at + 1]])


@given(st.data())
def test_levels_set_back_empty_the_plan(data: st.DataObject) -> None:
    story = data.draw(stories())
    levels = {key: story.curve[key] for key in data.draw(curves(story))}
    plan = make_plan(story, levels)
    assert plan.steps == ()
    assert plan.changes == ()
    assert plan.estimated_credits == 0
    assert plan.groups() == []
    assert plan.reads == {}


@given(stories_with_changes())
def test_a_level_that_is_the_saved_one_changes_nothing(drawn: tuple[Story, dict[str, int]]) -> None:
    story, levels = drawn
    same = {key: story.curve[key] for key in story.structure.keys if key not in levels}
    assert make_plan(story, levels) == make_plan(story, {**same, **levels})


@given(stories_with_changes())
def test_only_plots_or_scripts_of_one_beat_run_together(
    drawn: tuple[Story, dict[str, int]],
) -> None:
    plan = make_plan(*drawn)
    groups = plan.groups()
    assert [key for group in groups for key in group] == [step.key for step in plan.steps]
    for group in groups:
        steps = [plan.step(key) for key in group]
        if len(steps) > 1:
            assert {step.kind for step in steps} in ({"scenePlot"}, {"script"})
            assert len({step.beat_key for step in steps}) == 1
    # All plots of a beat, and all its scripts, in one group.
    firsts = [plan.step(group[0]) for group in groups]
    assert len({(step.beat_key, step.kind) for step in firsts}) == len(groups)


def test_a_beat_without_scenes_has_two_steps() -> None:
    plan = make_plan(STORY, {"finale": 1})
    assert [step.key for step in plan.steps] == ["finale/beatContent", "finale/keyAction"]
    assert plan.estimated_credits == 5
    assert plan.affected_scenes == ()


def test_a_story_without_scenes_or_texts_can_be_planned() -> None:
    bare = Story(title="Bare", language="id", structure_type="harmon")
    plan = make_plan(bare, dict.fromkeys(bare.structure.keys, 5))
    assert len(plan.steps) == 16
    assert plan.estimated_credits == 40
    assert len(plan.groups()) == 16


@given(stories())
def test_a_scene_without_a_beat_is_never_planned(story: Story) -> None:
    plan = make_plan(story, {key: other_level(level) for key, level in story.curve.items()})
    homeless = {scene.number for scene in story.scenes if scene.beat_key is None}
    assert not homeless & set(plan.affected_scenes)


@pytest.mark.parametrize("level", [0, 6, True, "3", 2.5, None])
def test_bad_levels_make_no_plan(level: Any) -> None:
    with pytest.raises(BadLevel):
        make_plan(STORY, {"midpoint": level})


def test_unknown_beats_make_no_plan() -> None:
    with pytest.raises(UnknownBeat):
        make_plan(STORY, {"ordeal": 3})


# What the hash covers


def plans_of(story: Story, levels: dict[str, int], **options: Any) -> str:
    return make_plan(story, levels, **options).hash


@given(stories_with_changes(), TEXTS, TEXTS)
def test_json_keeps_the_hash(
    drawn: tuple[Story, dict[str, int]], direction: str, version: str
) -> None:
    story, levels = drawn
    plan = make_plan(
        story,
        levels,
        directions=dict.fromkeys(levels, direction),
        exclusions=["finale/keyAction", "you/keyAction"],
        prompt_version=version,
    )
    stored = json.loads(json.dumps(plan.to_json()))
    again = Plan.from_json(stored)
    assert again == plan
    assert again.hash == plan.hash
    assert again.to_json() == plan.to_json()
    # As a database may give it back: keys in another order.
    shuffled = json.loads(json.dumps(plan.to_json(), sort_keys=True))
    assert Plan.from_json(shuffled).hash == plan.hash


@settings(max_examples=60)
@given(stories_with_changes())
def test_the_hash_changes_with_each_text_replaced_or_read_and_no_other(
    drawn: tuple[Story, dict[str, int]],
) -> None:
    story, levels = drawn
    plan = make_plan(story, levels)
    needed = pieces_needed(story, {step.key for step in plan.steps})
    for key in all_pieces(story):
        edited = with_text(story, key, story.text(key) + "!")
        changed = plans_of(edited, levels) != plan.hash
        assert changed == (key in needed), key
        assert bool(stale_part(plan, edited)) == (key in needed), key


@settings(max_examples=60)
@given(stories_with_changes())
def test_the_hash_changes_with_each_level_changed_or_beside_and_no_other(
    drawn: tuple[Story, dict[str, int]],
) -> None:
    story, levels = drawn
    plan = make_plan(story, levels)
    changed = {change.beat_key for change in plan.changes}
    beside = {beat for key in changed for beat in beats_around(story, key)}
    for beat in story.structure.keys:
        # Somebody saves another level than this one, and not the one that is asked for.
        level = other_level(story.curve[beat])
        if beat in levels and level == levels[beat]:
            level = other_level(level)
        if beat in levels and beat not in changed:
            continue  # Asked for as it is saved: with another saved level it is a change.
        edited = with_level(story, beat, level)
        covered = beat in changed | beside
        assert (plans_of(edited, levels) != plan.hash) == covered, beat
        assert bool(stale_part(plan, edited)) == covered, beat
    for beat in changed:
        asked = next(n for n in range(1, 6) if n not in (levels[beat], story.curve[beat]))
        assert plans_of(story, {**levels, beat: asked}) != plan.hash


@given(stories_with_changes())
def test_an_unset_level_and_a_three_are_the_same(drawn: tuple[Story, dict[str, int]]) -> None:
    story, levels = drawn
    assert plans_of(replace(story, levels=story.curve), levels) == plans_of(story, levels)


@given(stories_with_changes(), st.sampled_from(["title", "synopsis", "genre", "tone", "language"]))
def test_the_hash_changes_with_the_header(drawn: tuple[Story, dict[str, int]], field: str) -> None:
    story, levels = drawn
    plan = make_plan(story, levels)
    value = getattr(story, field)
    value = {"en": "id", "id": "en"}[value] if field == "language" else value + "!"
    change: dict[str, Any] = {field: value}
    edited = replace(story, **change)
    assert plans_of(edited, levels) != plan.hash
    assert stale_part(plan, edited) == Part("header")
    assert "title, synopsis, genre, tone, language" in Part("header").describe(story.structure)


def test_header_fields_do_not_run_into_each_other() -> None:
    one = replace(STORY, genre="drama", tone="")
    other = replace(STORY, genre="", tone="drama")
    assert plans_of(one, {"midpoint": 4}) != plans_of(other, {"midpoint": 4})


@given(stories_with_changes())
def test_the_hash_does_not_change_with_what_no_step_reads(
    drawn: tuple[Story, dict[str, int]],
) -> None:
    story, levels = drawn
    expected = plans_of(story, levels)
    elsewhere = replace(story, project_id="another project")
    assert plans_of(elsewhere, levels) == expected
    with_shots = replace(
        story,
        scenes=tuple(replace(s, shots=(*s.shots, {"size": "close"})) for s in story.scenes),
    )
    assert plans_of(with_shots, levels) == expected
    assert stale_part(make_plan(story, levels), with_shots) is None
    # A story of the same texts is another story all the same.
    assert plans_of(replace(story, id="story-2"), levels) != expected


@given(stories_with_changes(), st.data())
def test_the_hash_changes_with_the_scenes_planned_or_joined(
    drawn: tuple[Story, dict[str, int]], data: st.DataObject
) -> None:
    story, levels = drawn
    expected = plans_of(story, levels)
    taken = {scene.number for scene in story.scenes}
    number = data.draw(st.integers(1, 50).filter(lambda n: n not in taken))
    beat = data.draw(st.sampled_from(story.structure.keys) | st.none())
    scene = a_scene(number, beat, "plot", "script")
    more = replace(story, scenes=tuple(sorted((*story.scenes, scene), key=number_of)))
    changed = {change.beat_key for change in make_plan(story, levels).changes}
    around = [s for s in more.scenes if number_of(s) < number][-1:]
    around += [s for s in more.scenes if number_of(s) > number][:1]
    covered = beat in changed or any(one.beat_key in changed for one in around)
    assert (plans_of(more, levels) != expected) == covered


@given(stories_with_changes(), TEXTS.filter(str.strip))
def test_the_hash_changes_with_a_direction_of_a_changed_beat_and_no_other(
    drawn: tuple[Story, dict[str, int]], direction: str
) -> None:
    story, levels = drawn
    plan = make_plan(story, levels)
    changed = {change.beat_key for change in plan.changes}
    for beat in story.structure.keys:
        directed = make_plan(story, levels, directions={beat: direction})
        assert (directed.hash != plan.hash) == (beat in changed)
        assert make_plan(story, levels, directions={beat: " \n"}).hash == plan.hash
        if beat in changed:
            assert directed.change(beat).direction == direction.strip()


def test_the_hash_changes_with_the_prompt_version() -> None:
    hashes = {plans_of(STORY, {"midpoint": 4}, prompt_version=one) for one in ("", "1", "2")}
    assert len(hashes) == 3


def test_the_hash_changes_with_exclusions() -> None:
    whole = make_plan(STORY, {"midpoint": 4})
    # Kept as they are and elsewhere: the second changes no step, and is asked for all the same.
    for key in ("midpoint/script/19", "finale/keyAction"):
        assert plans_of(STORY, {"midpoint": 4}, exclusions=[key]) != whole.hash
    less = make_plan(STORY, {"midpoint": 4}, exclusions=["midpoint/script/19"])
    assert [s.key for s in whole.steps if s.key != "midpoint/script/19"] == [
        s.key for s in less.steps
    ]
    assert less.estimated_credits == whole.estimated_credits - 4
    # What stays is read where it joins on to what is written.
    assert less.reads["midpoint/script/19"] == digest("script 19")
    several = ["midpoint/script/19", "midpoint/keyAction"]
    assert plans_of(STORY, {"midpoint": 4}, exclusions=several) == plans_of(
        STORY, {"midpoint": 4}, exclusions=reversed(several)
    )


def test_the_hash_changes_with_the_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plans_of(STORY, {"midpoint": 4})
    dearer = {row.name: replace(row, credits=row.credits + 1) for row in kinds.CASCADE}
    monkeypatch.setattr(kinds, "_ROWS", dearer)
    assert plans_of(STORY, {"midpoint": 4}) != before


def test_the_hash_changes_with_the_order_of_the_steps() -> None:
    plan = make_plan(STORY, {"midpoint": 4})
    assert replace(plan, steps=plan.steps[::-1]).hash != plan.hash


@given(stories_with_changes(), stories_with_changes())
def test_equal_plans_and_equal_hashes_go_together(
    one: tuple[Story, dict[str, int]], other: tuple[Story, dict[str, int]]
) -> None:
    first, second = make_plan(*one), make_plan(*other)
    assert (first == second) == (first.hash == second.hash)
    assert make_plan(*one).hash == first.hash


def test_a_voice_that_comes_or_goes_changes_the_hash() -> None:
    """Every prompt names who speaks, wherever that is; what is said does not matter."""
    script = "INT. LOCK HOUSE - NIGHT\n\nTAN\nWho is there?\n"
    scene = a_scene(1, "you", "Tan waits.", script)
    story = Story(title="T", language="en", structure_type="harmon", scenes=(scene,))

    def plan_hash(text: str) -> str:
        return make_plan(
            replace(story, scenes=(scene.with_text("script", text),)), {"change": 5}
        ).hash

    assert plan_hash(script.replace("TAN", "MIRA")) != plan_hash(script)
    assert plan_hash(script.replace("Who is there?", "Nobody is.")) == plan_hash(script)


def test_the_hash_says_which_version_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plans_of(STORY, {"midpoint": 4})
    monkeypatch.setattr(plan_module, "HASH_VERSION", plan_module.HASH_VERSION + 1)
    assert plans_of(STORY, {"midpoint": 4}) != before


def test_a_plan_of_the_first_version_is_still_read() -> None:
    """As its run stored it, before scenes had their ids in it."""
    stored = {
        "storyId": "story-1",
        "header": "0f",
        "speakers": ["MIRA"],
        "changes": [
            {
                "beat_key": "midpoint",
                "beat_label": "Midpoint",
                "previous_level": 2,
                "new_level": 4,
                "prev_beat_level": 3,
                "next_beat_level": None,
                "direction": "",
                "expected_level": 2,
            }
        ],
        "steps": [
            {
                "key": "midpoint/script/18",
                "beat_key": "midpoint",
                "kind": "script",
                "scene_number": 18,
                "credits": 4,
                "replaces": "ab",
            }
        ],
        "reads": {"midpoint/scenePlot/18": "cd"},
        "exclusions": [],
        "promptVersion": "v",
    }
    plan = Plan.from_json(stored)
    [step] = plan.steps
    assert (str(step.piece), step.scene_id, plan.scenes) == (step.key, "", {})
    assert plan.groups() == [["midpoint/script/18"]]
    assert plan.estimated_credits == 4
