"""What the hash of a plan covers, and that a plan is read back as it was stored."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade.story import kinds
from cascade.story import plan as plan_module
from cascade.story.plan import Plan, make_plan, stale_part
from cascade.story.story import Part, Story, digest
from tests.helpers.making import (
    TEXTS,
    TIDES,
    a_scene,
    all_pieces,
    beats_around,
    number_of,
    other_level,
    pieces_needed,
    stories_with_changes,
    with_level,
    with_text,
)


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
    one = replace(TIDES, genre="drama", tone="")
    other = replace(TIDES, genre="", tone="drama")
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
    hashes = {plans_of(TIDES, {"midpoint": 4}, prompt_version=one) for one in ("", "1", "2")}
    assert len(hashes) == 3


def test_the_hash_changes_with_exclusions() -> None:
    whole = make_plan(TIDES, {"midpoint": 4})
    # Kept as they are and elsewhere: the second changes no step, and is asked for all the same.
    for key in ("midpoint/script/19", "finale/keyAction"):
        assert plans_of(TIDES, {"midpoint": 4}, exclusions=[key]) != whole.hash
    less = make_plan(TIDES, {"midpoint": 4}, exclusions=["midpoint/script/19"])
    assert [s.key for s in whole.steps if s.key != "midpoint/script/19"] == [
        s.key for s in less.steps
    ]
    assert less.estimated_credits == whole.estimated_credits - 4
    # What stays is read where it joins on to what is written.
    assert less.reads["midpoint/script/19"] == digest("script 19")
    several = ["midpoint/script/19", "midpoint/keyAction"]
    assert plans_of(TIDES, {"midpoint": 4}, exclusions=several) == plans_of(
        TIDES, {"midpoint": 4}, exclusions=reversed(several)
    )


def test_the_hash_changes_with_the_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    before = plans_of(TIDES, {"midpoint": 4})
    dearer = {row.name: replace(row, credits=row.credits + 1) for row in kinds.CASCADE}
    monkeypatch.setattr(kinds, "_ROWS", dearer)
    assert plans_of(TIDES, {"midpoint": 4}) != before


def test_the_hash_changes_with_the_order_of_the_steps() -> None:
    plan = make_plan(TIDES, {"midpoint": 4})
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
    before = plans_of(TIDES, {"midpoint": 4})
    monkeypatch.setattr(plan_module, "HASH_VERSION", plan_module.HASH_VERSION + 1)
    assert plans_of(TIDES, {"midpoint": 4}) != before


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
