"""The outline: acts and beats in order, each with its level to edit; the scenes of the selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from markupsafe import Markup

from cascade.story.piece import level_key
from cascade.story.story import Scene, Story
from cascade.story.structures import Beat
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.changes import tone
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import escape, scene_name
from cascade.ui.kit.texts import count, text
from cascade.ui.shell import announce
from cascade.ui.studio.bending import LOOSE, OUTLINE, Bending, selected
from cascade.ui.studio.marks import Marks
from cascade.ui.studio.number import draw_number
from cascade.ui.studio.out_of_date import draw_summary
from cascade.ui.studio.view import View


def draw_outline(bending: Bending, view: View) -> None:
    """The outline of a story; marks of the moment in which the whole page was drawn."""
    story, stale = view.story, view.beats.out_of_date
    marks = view.marks(view.beats)

    st.html(render("studio/aloud", words=text("outline.name")))

    def outline() -> None:
        chosen = selected(story)
        with st.container(key="out-of-date"):
            if bending.active is None:
                draw_summary(bending.studio, story, stale)
        acts = dict(zip(story.structure.acts, (1, 2, 3), strict=True))
        for at, beat in enumerate(story.structure.beats):
            if at in acts:
                st.html(render("studio/act", name=text(f"curve.act_{acts[at]}")))
            _draw_row(bending, story, at + 1, beat, marks)
            if beat.key == chosen:
                _draw_scenes(story, story.scenes_of(beat.key), beat.key, marks)
        loose = [scene for scene in story.scenes if scene.beat_key not in story.structure.keys]
        if loose:
            _draw_select(bending, LOOSE, text("beats.loose"))
            if chosen == LOOSE:
                _draw_scenes(story, loose, LOOSE, marks)
        st.html(render("studio/chosen", beat=chosen))
        _name_steppers(story)

    with session.alone():
        session.fragment(outline, key=OUTLINE)()


def changed_numbers(story: Story, levels: Mapping[str, int]) -> Markup:
    """The style that colours the numeric editors of changed beats.

    By style and not by another container: that would make a new field, and focus would be lost.
    """
    changed = [
        (key, tone(saved, levels[key]))
        for key, saved in story.curve.items()
        if levels[key] != saved
    ]
    return render("studio/numbers", changed=changed)


def _draw_row(bending: Bending, story: Story, place: int, beat: Beat, marks: Marks) -> None:
    with st.container(
        horizontal=True, gap=None, vertical_alignment="center", key=f"row-{beat.key}"
    ):
        label = escape(text("beats.label", number=place, beat=beat.label))
        if story.why_unreadable(level_key(beat.key)):
            label += " ?"
        _draw_select(bending, beat.key, label + marks.badges(beat.key))
        draw_number(bending, beat.key)


def _name_steppers(story: Story) -> None:
    """Says of which beat each stepper is: Streamlit calls all of them the same."""
    names = {}
    for beat in story.structure.beats:
        for step, key in (("Up", "editor.raise"), ("Down", "editor.lower")):
            place = f".st-key-number-{beat.key} [data-testid='stNumberInputStep{step}']"
            names[place] = text(key, beat=beat.label)
    announce("steppers", names=names)


def _draw_select(bending: Bending, beat_key: str, label: str) -> None:
    st.button(
        label,
        key=f"select-{beat_key}",
        type="tertiary",
        width="stretch",
        on_click=bending.select,
        args=(beat_key,),
    )


def _draw_scenes(story: Story, scenes: Sequence[Scene], beat_key: str, marks: Marks) -> None:
    # As a beat that is selected: where words are read, else where beats are.
    mode = "read" if address.mode() == "read" else None
    lines = [
        {
            "name": scene_name(scene),
            "address": address.link(
                story=story.id, beat=beat_key, scene=str(scene.number), mode=mode
            ),
            "is_shown": address.asked_for("scene") == str(scene.number),
            "is_new": marks.is_new_scene(beat_key, scene.number),
            "is_stale": marks.is_stale_scene(beat_key, scene.number),
        }
        for scene in scenes
    ]
    if lines:
        st.html(render("studio/scenes", scenes=lines, name=count("beats.scenes", len(lines))))
