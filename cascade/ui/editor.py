"""The curve, what is pending on it, and a numeric editor for every beat: three faces of one thing.

Nothing here saves a level; that is a run's work, and `confirm` asks before one starts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from cascade.service import Actor, RunView, Service
from cascade.story.document import Story
from cascade.story.tension import HIGHEST, LOWEST
from cascade.ui import confirm, session
from cascade.ui.changes import listed, short_change, tone
from cascade.ui.curve import curve
from cascade.ui.directions import draw_directions
from cascade.ui.prose import escape
from cascade.ui.session import guarded
from cascade.ui.texts import count, text

_COLOURS = {"rising": "var(--arc-warm)", "falling": "var(--arc-cool)"}


@dataclass(frozen=True, slots=True)
class _Field:
    """What a numeric editor says as far as the page knows.

    A level that did not come from the editor itself makes a new version of it, and what an old
    one still says is not heard: a rerun that was already on its way from the browser carries the
    value from before, which looks like somebody's edit and would undo the one just made elsewhere.
    """

    version: int
    level: int

    def key(self, story: Story, beat_key: str) -> str:
        """The editor's key in session state."""
        return f"level-{story.id}-{beat_key}-{self.version}"


def draw_editor(
    service: Service, who: Actor, story: Story, *, may: frozenset[str], active: RunView | None
) -> None:
    """The whole editor of a story's curve; read-only, with the reason, where it must be.

    While a run is at work the curve shows where that run is going; what else is pending is kept.
    """
    pending = session.pending(story, who)
    enabled = "draft" in may and active is None
    ahead = {one.beat_key: one.new_level for one in active.plan.changes} if active else pending
    levels = story.curve | ahead
    st.subheader(text("curve.title"), anchor=False)
    if active is not None:
        st.info(text("curve.locked_run"), icon=":material/lock:")
    elif not enabled:
        st.info(text("curve.locked_role"), icon=":material/visibility:")
    else:
        st.caption(text("curve.help"))
    curve(
        story,
        levels,
        enabled=enabled,
        on_edit=lambda edited: session.edit(story, who, edited),
    )
    if active is not None:
        _draw_banner(story, who, {}, _being_saved(active), enabled=False, may_start="start" in may)
    else:
        words = _unsaved(story, pending)
        _draw_banner(story, who, pending, words, enabled=enabled, may_start="start" in may)
        if enabled and pending:
            draw_directions(service, who, story, pending)
    _draw_numbers(story, who, levels, enabled=enabled)
    if enabled and pending and confirm.is_open(story.id):
        confirm.draw_dialog(service, who, story, pending)


def _unsaved(story: Story, pending: Mapping[str, int]) -> str:
    if not pending:
        return text("banner.none")
    return count("banner.pending", len(pending), changes=listed(story, pending))


def _being_saved(run: RunView) -> str:
    changes = ", ".join(short_change(change) for change in run.plan.changes)
    return count("banner.at_work", len(run.plan.changes), changes=changes)


def _draw_banner(
    story: Story,
    who: Actor,
    pending: Mapping[str, int],
    words: str,
    *,
    enabled: bool,
    may_start: bool,
) -> None:
    with st.container(key="banner", horizontal=True, vertical_alignment="center", border=True):
        st.markdown(escape(words), width="stretch")
        st.button(
            text("banner.save"),
            key="save",
            type="primary",
            disabled=not (enabled and pending and may_start),
            help=text("banner.save_help" if may_start or not enabled else "banner.no_start"),
            on_click=guarded(confirm.open_dialog),
            args=(story.id,),
        )
        st.button(
            text("banner.reset"),
            key="reset",
            disabled=not (enabled and pending),
            help=text("banner.reset_help"),
            on_click=guarded(session.reset),
            args=(story, who),
        )


def _draw_numbers(story: Story, who: Actor, levels: Mapping[str, int], *, enabled: bool) -> None:
    fields: dict[str, _Field] = st.session_state.setdefault(f"fields/{story.id}", {})

    @guarded
    def take_over(beat_key: str, version: int) -> None:
        field = fields[beat_key]
        level = st.session_state[field.key(story, beat_key)] if field.version == version else None
        # An emptied field is no level yet, and one that says what it was told is no edit.
        if level is not None and level != field.level:
            fields[beat_key] = _Field(version, level)
            session.edit(story, who, {beat_key: level})

    grid = st.grid(8, min_column_width=118, vertical_alignment="bottom", key="numbers")
    styles = []
    for beat in story.structure.beats:
        level = levels[beat.key]
        field = fields.setdefault(beat.key, _Field(0, level))
        if field.level != level:
            field = fields[beat.key] = _Field(field.version + 1, level)
        st.session_state[field.key(story, beat.key)] = level
        grid.number_input(
            beat.label,
            min_value=LOWEST,
            max_value=HIGHEST,
            step=1,
            key=field.key(story, beat.key),
            disabled=not enabled,
            on_change=take_over,
            args=(beat.key, field.version),
        )
        saved = story.curve[beat.key]
        if level != saved:
            colour = _COLOURS[tone(saved, level)]
            styles.append(f".st-key-{field.key(story, beat.key)}{{--arc-mark:{colour}}}")
    # By style and not by another container: that would make a new field, and focus would be lost.
    st.html(f"<style>{''.join(styles)}.arc-none{{}}</style>")
