"""The story to read: its beats in order, one after the other, scripts set as pages."""

from __future__ import annotations

import streamlit as st

from cascade.service import Beats
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import text
from cascade.ui.shell import Bring, announce
from cascade.ui.studio.bending import LOOSE, WORDS, Bending, selected
from cascade.ui.studio.marks import Marks
from cascade.ui.studio.view import View
from cascade.ui.studio.words import beat_words

# A story of more scenes than this is read act by act.
MOST_SCENES = 120


def draw_reading(bending: Bending, view: View) -> None:
    """The whole story, or of a long one the act of the selected beat; that beat in view."""
    is_full_run = True

    def read() -> None:
        found = view.beats if is_full_run else bending.desk.beats(bending.story_id)
        _draw(found, view.marks(found))

    with st.container(key="reading"):
        session.fragment(read, key=WORDS)()
    is_full_run = False


def _draw(found: Beats, marks: Marks) -> None:
    story = found.story
    chosen = selected(story)
    keys = _keys(story, chosen)
    if len(keys) < len(story.structure.keys):
        st.caption(text("read.act"))
    for key in keys:
        beat = story.structure.beat(key)
        st.html(render("studio/reading", beat=beat, words=beat_words(story, beat, marks)))
    to = f".cascade-reading[data-beat='{chosen}']"
    announce(
        "beat",
        bring=Bring(to=to, time=chosen, how="scroll"),
        regions={"pane": {"role": "region", "name": text("mode.read")}},
    )


def _keys(story: Story, chosen: str) -> tuple[str, ...]:
    keys, acts = story.structure.keys, story.structure.acts
    if len(story.scenes) <= MOST_SCENES or chosen == LOOSE:
        return keys if chosen != LOOSE or len(story.scenes) <= MOST_SCENES else keys[: acts[1]]
    at = keys.index(chosen)
    begin = max(one for one in acts if one <= at)
    end = min((one for one in acts if one > at), default=len(keys))
    return keys[begin:end]
