"""The curve, what is pending on it, and a numeric editor for every beat: three faces of one thing.

Nothing here saves a level; that is a run's work, and `confirm` asks before one starts. The editor
is a fragment: an edit draws it anew, and nothing else of the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from cascade.service import Actor, Draft, RunView, Service
from cascade.story.document import Story
from cascade.story.tension import HIGHEST, LOWEST
from cascade.ui import confirm, session
from cascade.ui.changes import listed, short_change, tone
from cascade.ui.curve import BeatState, curve
from cascade.ui.directions import draw_directions
from cascade.ui.progress import beat_states
from cascade.ui.prose import escape
from cascade.ui.session import guarded
from cascade.ui.shell import announce
from cascade.ui.texts import count, text
from cascade.ui.undo import Undoing

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
    service: Service,
    who: Actor,
    story_id: str,
    *,
    may: frozenset[str],
    active: RunView | None,
    undone: Undoing | None,
) -> None:
    """The whole editor of a story's curve; read-only, with the reason, where it must be.

    While a run is at work the curve shows where that run is going; what else is pending is kept.
    """

    @st.fragment
    def editor() -> None:
        story = service.story(story_id)
        st.subheader(text("curve.title"), anchor=False)
        if active is not None:
            st.info(text("curve.locked_run"), icon=":material/lock:")
            _draw_at_work(service, who, story, active, may=may)
        else:
            _draw_open(service, who, story, may=may, before=_before(story, undone))

    editor()


def _draw_at_work(
    service: Service, who: Actor, story: Story, active: RunView, *, may: frozenset[str]
) -> None:
    """The curve that a run is going to, and how far it is with it; nothing can be moved."""
    levels = story.curve | {one.beat_key: one.new_level for one in active.plan.changes}
    states = beat_states(active, service.events(active.id))
    _draw_curve(story, who, levels, enabled=False, states=states)
    changes = ", ".join(short_change(change) for change in active.plan.changes)
    words = count("banner.at_work", len(active.plan.changes), changes=changes)
    session.draft(story, who)
    _draw_banner(story, who, words, enabled=False, pending=False, may_start="start" in may)
    _draw_numbers(story, who, levels, enabled=False)


def _draw_open(
    service: Service,
    who: Actor,
    story: Story,
    *,
    may: frozenset[str],
    before: Mapping[str, int] | None,
) -> None:
    """The curve to bend, what is pending on it, and the dialog where it is open."""
    draft = session.draft(story, who)
    enabled = "draft" in may
    if not enabled:
        st.info(text("curve.locked_role"), icon=":material/visibility:")
    levels = {**story.curve, **draft.levels}
    _draw_curve(story, who, levels, enabled=enabled, before=before)
    words = _unsaved(story, draft)
    session.show_problem("editor")
    _draw_banner(
        story, who, words, enabled=enabled, pending=bool(draft.levels), may_start="start" in may
    )
    if enabled and draft.levels:
        draw_directions(service, who, story, draft)
    _draw_numbers(story, who, levels, enabled=enabled)
    if enabled and draft.levels and confirm.is_open(story.id):
        confirm.draw_dialog(service, who, story.id)


def _before(story: Story, undone: Undoing | None) -> dict[str, int] | None:
    """The curve as it was before the run that the page shows, where that has moved it."""
    if undone is None or not undone.levels:
        return None
    return story.curve | {one.beat_key: one.previous_level for one in undone.levels}


def _unsaved(story: Story, draft: Draft) -> str:
    if not draft.levels:
        return text("banner.none")
    return count("banner.pending", len(draft.levels), changes=listed(story, draft.levels))


def _draw_curve(
    story: Story,
    who: Actor,
    levels: Mapping[str, int],
    *,
    enabled: bool,
    states: Mapping[str, BeatState] | None = None,
    before: Mapping[str, int] | None = None,
) -> None:
    curve(
        story,
        levels,
        enabled=enabled,
        states=states or {},
        before=before,
        on_edit=lambda edited: session.edit(story, who, edited),
    )


def _draw_banner(
    story: Story, who: Actor, words: str, *, enabled: bool, pending: bool, may_start: bool
) -> None:
    announce("banner", aloud=".st-key-banner [data-testid='stMarkdown']")
    with st.container(key="banner", horizontal=True, vertical_alignment="center", border=True):
        st.markdown(escape(words), width="stretch")
        st.button(
            text("banner.save"),
            key="save",
            type="primary",
            disabled=not (enabled and pending and may_start),
            help=text("banner.save_help" if may_start or not enabled else "banner.no_start"),
            on_click=guarded("editor")(confirm.open_dialog),
            args=(story.id,),
        )
        st.button(
            text("banner.reset"),
            key="reset",
            disabled=not (enabled and pending),
            help=text("banner.reset_help"),
            on_click=guarded("editor")(session.reset),
            args=(story, who),
        )


def _draw_numbers(story: Story, who: Actor, levels: Mapping[str, int], *, enabled: bool) -> None:
    fields: dict[str, _Field] = st.session_state.setdefault(f"fields/{story.id}", {})

    @guarded("editor")
    def take_over(beat_key: str, version: int) -> None:
        field = fields[beat_key]
        level = st.session_state[field.key(story, beat_key)] if field.version == version else None
        # An emptied field is no level yet, and one that says what it was told is no edit.
        if level is not None and level != field.level:
            fields[beat_key] = _Field(version, level)
            session.edit(story, who, {beat_key: level})

    grid = st.grid(8, min_column_width=104, vertical_alignment="bottom", gap="small", key="numbers")
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
