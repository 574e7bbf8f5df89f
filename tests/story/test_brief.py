"""Briefs: what one step's text is written from, at the moment it is written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cascade.story.brief import Brief, Seam, Sibling, brief_for
from cascade.story.plan import make_plan, stale_part
from cascade.story.story import Part, Story, digest
from tests.helpers.making import a_scene, run_steps, stories_with_changes, with_text, written

SCENES = (
    a_scene(1, "you", "plot 1", "script 1"),
    a_scene(2, "need", "plot 2", "script 2"),
    a_scene(3, "need", "plot 3", "script 3"),
    a_scene(4, None, "plot 4", "script 4"),
    a_scene(6, "go", "plot 6", "script 6"),
    a_scene(8, "search", "plot 8", "script 8"),
)
STORY = Story(
    title="Tides",
    language="id",
    structure_type="harmon",
    synopsis="A gauge is read.",
    genre="drama",
    tone="dry",
    levels={"you": 1, "need": 2, "go": 3, "search": 3},
    texts={
        "beatContent": {key: f"content of {key}" for key in ("you", "need", "go", "search")},
        "keyAction": {key: f"action of {key}" for key in ("you", "need", "go", "search")},
    },
    scenes=SCENES,
)


def brief_of(story: Story, levels: dict[str, int], key: str, saved: list[str]) -> Brief:
    """The brief of a step, after the steps of these keys are saved."""
    plan = make_plan(story, levels, directions={"need": "keep it small"})
    now, _ = run_steps(story, plan, saved)
    return brief_for(plan, plan.step(key), now, seed=f"run-1/{key}")


def test_the_first_step_of_a_beat() -> None:
    brief = brief_of(STORY, {"need": 4}, "need/beatContent", [])
    assert brief == Brief(
        kind="beatContent",
        language="id",
        title="Tides",
        synopsis="A gauge is read.",
        genre="drama",
        tone="dry",
        structure_type="harmon",
        beat_key="need",
        beat_label="Need",
        previous_level=2,
        new_level=4,
        prev_beat_level=1,
        next_beat_level=3,
        prev_beat_content="content of you",
        next_beat_content="content of go",
        direction="keep it small",
        old_text="content of need",
        scene_number=None,
        before=None,
        after=None,
        seed="run-1/need/beatContent",
    )
    assert brief.rising
    assert not brief_of(STORY, {"need": 1}, "need/beatContent", []).rising


def test_a_key_action_is_written_from_the_new_content() -> None:
    brief = brief_of(STORY, {"need": 4}, "need/keyAction", ["need/beatContent"])
    assert brief.sources["beatContent"] == written("need/beatContent")
    assert brief.old_text == "action of need"
    assert (list(brief.sources), brief.scene_number) == (["beatContent"], None)
    # The level is saved by now, and the step still goes from the old one to the new one.
    assert (brief.previous_level, brief.new_level) == (2, 4)


def test_a_plot_is_written_from_the_new_content_and_key_action() -> None:
    saved = ["need/beatContent", "need/keyAction", "need/scenePlot/2"]
    brief = brief_of(STORY, {"need": 4}, "need/scenePlot/3", saved)
    assert brief.sources["beatContent"] == written("need/beatContent")
    assert brief.sources["keyAction"] == written("need/keyAction")
    assert brief.old_text == "plot 3"
    assert (list(brief.sources), brief.before, brief.after) == (
        ["beatContent", "keyAction"],
        None,
        None,
    )
    assert brief.scene_number == 3


def test_a_plot_carries_the_other_plots_of_its_beat_as_they_stand() -> None:
    """New where it is written by then, old where it is not: who is first of a group may differ."""
    steps = ["need/beatContent", "need/keyAction"]
    brief = brief_of(STORY, {"need": 4}, "need/scenePlot/3", steps)
    assert brief.siblings == (Sibling(2, "plot 2"),)
    brief = brief_of(STORY, {"need": 4}, "need/scenePlot/3", [*steps, "need/scenePlot/2"])
    assert brief.siblings == (Sibling(2, written("need/scenePlot/2")),)
    for key in ("need/keyAction", "need/script/3"):
        assert brief_of(STORY, {"need": 4}, key, steps).siblings == ()


def test_a_plot_that_is_left_out_is_read_by_the_others() -> None:
    plan = make_plan(STORY, {"need": 4}, exclusions=["need/scenePlot/2"])
    edited = STORY.with_text("need/scenePlot/2", "another plot")
    assert plan.reads["need/scenePlot/2"] == digest("plot 2")
    assert make_plan(edited, {"need": 4}, exclusions=["need/scenePlot/2"]).hash != plan.hash
    assert stale_part(plan, edited) == Part("piece", "need/scenePlot/2")


def test_a_script_is_written_from_its_new_plot() -> None:
    saved = [
        "need/beatContent",
        "need/keyAction",
        "need/scenePlot/2",
        "need/scenePlot/3",
    ]
    brief = brief_of(STORY, {"need": 4}, "need/script/3", saved)
    assert brief.sources["scenePlot"] == written("need/scenePlot/3")
    assert brief.old_text == "script 3"
    # Scene 2 is rewritten by the same plan: its old script is doomed, so its new plot.
    assert brief.before == Seam(2, "plot", written("need/scenePlot/2"))
    # Scene 4 has no beat and is a neighbour all the same.
    assert brief.after == Seam(4, "script", "script 4")


def test_seams_of_a_neighbour_do_not_depend_on_who_is_first_of_a_group() -> None:
    saved = ["need/beatContent", "need/keyAction", "need/scenePlot/2", "need/scenePlot/3"]
    alone = brief_of(STORY, {"need": 4}, "need/script/3", saved)
    after_two = brief_of(STORY, {"need": 4}, "need/script/3", [*saved, "need/script/2"])
    assert alone == after_two


@pytest.mark.parametrize(
    ("levels", "key", "before", "after"),
    [
        ({"you": 5}, "you/script/1", None, Seam(2, "script", "script 2")),
        ({"search": 5}, "search/script/8", Seam(6, "script", "script 6"), None),
        ({"go": 5}, "go/script/6", Seam(4, "script", "script 4"), Seam(8, "script", "script 8")),
        ({"go": 5, "search": 5}, "go/script/6", Seam(4, "script", "script 4"), "plot of 8"),
        ({"go": 5, "search": 5}, "search/script/8", "new script of 6", None),
    ],
)
def test_seams(
    levels: dict[str, int], key: str, before: Seam | str | None, after: Seam | str | None
) -> None:
    plan = make_plan(STORY, levels)
    at = [step.key for step in plan.steps].index(key)
    brief = brief_of(STORY, levels, key, [step.key for step in plan.steps[:at]])
    if after == "plot of 8":
        after = Seam(8, "plot", "plot 8")
    if before == "new script of 6":
        # Of an earlier beat: it is written by now, and stays.
        before = Seam(6, "script", written("go/script/6"))
    assert (brief.before, brief.after) == (before, after)


def test_a_neighbour_with_nothing_written_is_no_seam() -> None:
    empty = with_text(with_text(STORY, "you/script/1", ""), "/script/4", "")
    assert brief_of(empty, {"need": 4}, "need/script/2", []).before is None
    assert brief_of(empty, {"need": 4}, "need/script/3", []).after is None


def test_the_ends_of_a_story_have_no_beat_before_or_after() -> None:
    first = brief_of(STORY, {"you": 5}, "you/beatContent", [])
    assert (first.prev_beat_level, first.prev_beat_content) == (None, "")
    assert (first.next_beat_level, first.next_beat_content) == (2, "content of need")
    last = brief_of(STORY, {"change": 5}, "change/beatContent", [])
    assert (last.next_beat_level, last.next_beat_content) == (None, "")
    assert (last.prev_beat_level, last.prev_beat_content) == (3, "")


def test_the_beat_before_is_read_as_the_run_left_it() -> None:
    brief = brief_of(
        STORY, {"you": 5, "need": 4}, "need/beatContent", ["you/beatContent", "you/keyAction"]
    )
    assert brief.prev_beat_content == written("you/beatContent")
    assert brief.prev_beat_level == 5


@given(st.data())
def test_every_brief_has_the_newest_of_its_beat(data: st.DataObject) -> None:
    story, levels = data.draw(stories_with_changes())
    plan = make_plan(story, levels)
    at = data.draw(st.integers(0, len(plan.steps) - 1))
    step = plan.steps[at]
    now, _ = run_steps(story, plan, [one.key for one in plan.steps[:at]])
    brief = brief_for(plan, step, now, "seed")
    change = plan.change(step.beat_key)
    assert brief.old_text == story.text(step.key)
    assert (brief.previous_level, brief.new_level) == (change.previous_level, change.new_level)
    if step.kind != "beatContent":
        assert brief.sources["beatContent"] == written(f"{step.beat_key}/beatContent")
    if step.scene_number is not None:
        assert brief.sources["keyAction"] == written(f"{step.beat_key}/keyAction")
    if step.kind == "script":
        assert brief.sources["scenePlot"] == written(
            f"{step.beat_key}/scenePlot/{step.scene_number}"
        )
    for seam in (brief.before, brief.after):
        if seam is not None:
            # Numbers are unique in these stories.
            [scene] = [one for one in now.scenes if one.number == seam.scene_number]
            beats = [change.beat_key for change in plan.changes]
            # An earlier beat is written by then, and its script stands.
            still = beats[beats.index(step.beat_key) :]
            doomed = scene.beat_key in still
            assert seam.source == ("plot" if doomed else "script")
            assert seam.text == (scene.plot if doomed else scene.script)
