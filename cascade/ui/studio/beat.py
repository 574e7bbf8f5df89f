"""The selected beat: its level and what a change of it costs, a wish for the writer, its words."""

from __future__ import annotations

import streamlit as st

from cascade.service import Beats
from cascade.story import stale
from cascade.story.estimate import credits_of_beat
from cascade.story.limits import LIMITS
from cascade.story.piece import level_key
from cascade.story.story import Story
from cascade.story.structures import Beat
from cascade.story.tension import HIGHEST, LOWEST
from cascade.ui import pending, session
from cascade.ui.kit import address
from cascade.ui.kit.changes import short
from cascade.ui.kit.field import showing
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import count, text
from cascade.ui.session import guarded
from cascade.ui.shell import Bring, announce
from cascade.ui.studio.bending import BEAT, LOOSE, WORDS, Bending, selected
from cascade.ui.studio.marks import Marks
from cascade.ui.studio.out_of_date import draw_of_beat
from cascade.ui.studio.view import View
from cascade.ui.studio.words import beat_words, loose_words


def draw_beat(bending: Bending, view: View) -> None:
    """The selected beat, in two parts: an edit draws only its head anew."""
    is_full_run = True

    def words() -> None:
        found = view.beats if is_full_run else bending.desk.beats(bending.story_id)
        _draw_words(bending, found, view.marks(found))

    with st.container(key="beat"):
        with session.alone():
            session.fragment(_draw_head, key=BEAT)(bending)
        session.fragment(words, key=WORDS)()
    is_full_run = False


def _draw_head(bending: Bending) -> None:
    story, levels = bending.read(BEAT)
    chosen = selected(story)
    if chosen == LOOSE:
        st.header(text("beats.loose"), anchor=False)
        _say_where(text("beats.loose"), LOOSE)
        return
    beat = story.structure.beat(chosen)
    st.header(escape(beat.label), anchor=False)
    _say_where(beat.label, chosen)
    level, saved = levels[chosen], story.curve[chosen]
    words = _level_words(story, chosen, level, saved)
    if bending.active is not None:
        words = f"{words} · {bending.why_not()}"
    # Of one height: what is read below it stays where it is as a change, or a run, comes and goes.
    with st.container(horizontal=True, vertical_alignment="center", key="change"):
        st.markdown(escape(words), width="stretch")
        if bending.enabled and level != saved:
            _draw_direction(bending, story, beat)
    _draw_levels(bending, story, beat, level)


def _say_where(name: str, beat_key: str) -> None:
    """Names the part by what is in it, and has its words begin at the top."""
    scene = address.asked_for("scene")
    where = f".cascade-scene[data-scene='{scene}']" if scene and scene.isdecimal() else ""
    bring = (
        Bring(to=where, time=f"{beat_key}/{scene}", how="scroll")
        if where
        else Bring(to=".st-key-pane", time=beat_key, how="top")
    )
    announce("beat", bring=bring, regions={"beat": {"role": "region", "name": name}})
    row = Bring(to=f".st-key-row-{beat_key}", time=beat_key, how="nearest")
    announce("row", bring=row)


def _level_words(story: Story, beat_key: str, level: int, saved: int) -> str:
    words = text("beats.level", level=level, name=text(f"level.{level}"))
    if story.why_unreadable(level_key(beat_key)):
        words = text("beats.level_unreadable")
    elif level != saved:
        label = story.structure.beat(beat_key).label
        credits = count("credits", credits_of_beat(story, beat_key))
        words = f"{words} · {short(label, saved, level)} · {credits}"
    return words


def _draw_levels(bending: Bending, story: Story, beat: Beat, level: int) -> None:
    """A button for each level: where a thumb is wider than the curve's points."""
    with st.container(horizontal=True, gap="small", key="levels"):
        for one in range(LOWEST, HIGHEST + 1):
            st.button(
                f"{one}",
                key=f"set-{one}",
                type="primary" if one == level else "secondary",
                disabled=not bending.enabled,
                on_click=bending.edit,
                args=(story, {beat.key: one}),
            )


def _draw_direction(bending: Bending, story: Story, beat: Beat) -> None:
    given = pending.shown(story.id).directions.get(beat.key, "")
    field = showing(f"direction-{story.id}-{beat.key}", given)

    @guarded()
    def take_over(words: str) -> None:
        pending.direct(bending.desk, story, beat.key, words)

    def direct() -> None:
        if (words := field.heard()) is not None:
            take_over(words)
            bending.redraw([beat.key])

    offline = bending.desk.writer.is_offline
    st.text_input(
        # As it is: a screen reader would read Markdown's escapes aloud.
        text("directions.label", beat=beat.label),
        key=field.key,
        max_chars=LIMITS["direction"],
        placeholder=text("directions.offline" if offline else "directions.example"),
        label_visibility="collapsed",
        width=440,
        on_change=direct,
    )


def _draw_words(bending: Bending, found: Beats, marks: Marks) -> None:
    story = found.story
    chosen = selected(story)
    if not story.scenes and not any(story.contents.values()):
        words = f"**{text('empty.beats')}.** {text('empty.beats_help')}"
        st.info(words, icon=":material/draft:")
    if chosen == LOOSE:
        st.html(loose_words(story, marks))
        return
    beat = story.structure.beat(chosen)
    if stale.rewritable(found.out_of_date, [chosen]) or _has_old_shots(found, chosen):
        draw_of_beat(bending.desk, bending.studio, story, beat, found.out_of_date)
    st.html(beat_words(story, beat, marks))


def _has_old_shots(found: Beats, beat_key: str) -> bool:
    return any(key.startswith(f"{beat_key}/shots/") for key in found.out_of_date)
