"""The curve, what is pending on it, and a numeric editor for every beat: three faces of one thing.

Nothing here saves a level; that is a run's work, and `confirm` asks before one starts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import streamlit as st

from cascade.errors import CascadeError
from cascade.service import Desk, Draft, Offer, Runs, Studio, beat_states
from cascade.story.story import Story
from cascade.story.tension import HIGHEST, LOWEST
from cascade.ui import session
from cascade.ui.kit.changes import listed, short_change, tone
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import explain
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import count, duration, text
from cascade.ui.run.undo import Undoing
from cascade.ui.session import guarded
from cascade.ui.shell import announce
from cascade.ui.studio import confirm
from cascade.ui.studio.curve import curve
from cascade.ui.studio.directions import draw_directions

# A fragment that an edit draws anew, beside what is pending and the numeric editors.
_CURVE = "curve"


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


def draw_editor(desk: Desk, studio: Studio, runs: Runs, *, undone: Undoing | None) -> None:
    """The whole editor of a story's curve; read-only, with the reason, where it must be.

    While a run is at work the curve shows where that run is going; what else is pending is kept.
    """
    editor = _Editor(desk, studio, runs, undone)
    st.subheader(text("curve.title"), anchor=False)
    # In a place of its own: coming or going, it moves nothing below it.
    with st.container(key="part-lock"):
        if editor.active is not None:
            st.info(text("curve.locked_run"), icon=":material/lock:")
        elif not editor.enabled:
            st.info(text("curve.locked_role"), icon=":material/visibility:")
    session.fragment(editor.draw_curve, key=_CURVE)()
    session.fragment(editor.draw_pending, key=confirm.PENDING)()
    editor.draw_numbers()
    editor.drawn = None


class _Editor:
    """The editor in one run of the script: its parts, and what an edit in one does to the others.

    Each part is a fragment, every numeric editor one of its own, and an edit draws anew just the
    parts that it concerns.
    """

    def __init__(self, desk: Desk, studio: Studio, runs: Runs, undone: Undoing | None) -> None:
        self.desk, self.story_id = desk, studio.story_id
        self.active, self.undone = runs.active, undone
        self.enabled = "draft" in studio.may and runs.active is None
        self.may_start = "start" in studio.may
        # What the whole page was drawn from; a part that is drawn alone later reads anew.
        self.drawn: tuple[Story, Draft, Runs] | None
        self.drawn = studio.story.get(), studio.draft.get(), runs
        self.offer = studio.offer
        session.keep_draft(self.drawn[0], self.drawn[1])

    def read(self, *, priced: bool = False) -> tuple[Story, dict[str, int]]:
        """The story, and the curve as it is shown: saved levels and over them those to come.

        What is pending is `priced` where that is shown.
        """
        if self.drawn is not None:
            story, draft, _ = self.drawn
        elif priced:
            story, draft, self.offer = self.desk.pending(self.story_id)
            session.keep_draft(story, draft)
        else:
            story, draft = self.desk.curve(self.story_id)
            session.keep_draft(story, draft)
        if self.active is None:
            return story, {**story.curve, **draft.levels}
        going = {one.beat_key: one.new_level for one in self.active.plan.changes}
        return story, story.curve | going

    def edit(self, story: Story, levels: Mapping[str, int], *, by_number: bool = False) -> None:
        """Takes over levels and draws what shows them; a callback.

        A numeric editor shows its own edit already.
        """
        guarded("editor")(session.edit)(self.desk, story, levels)
        self.redraw([] if by_number and not session.has_problem("editor") else levels)

    def refuse(self, story: Story, beat_key: str) -> None:
        """Says why a number that was typed did not stay; a callback."""
        level = {**story.curve, **session.shown_draft(story.id).levels}[beat_key]
        label = story.structure.beat(beat_key).label
        session.remark(text("editor.refused", beat=label, level=level))
        self.redraw([])

    def reset(self, story: Story) -> None:
        """Puts every beat back to its saved level; a callback."""

        @guarded("editor")
        def discard() -> None:
            levels = session.reset(self.desk, story).levels
            if levels:
                session.remark(
                    count("banner.discarded", len(levels), changes=listed(story, levels))
                )

        changed = session.shown_draft(story.id).levels
        discard()
        self.redraw(changed)

    def undo(self, story: Story) -> None:
        """Brings back what the last reset discarded; a callback."""
        changed = session.undoable(story).levels
        guarded("editor")(session.undo_reset)(self.desk, story)
        self.redraw(changed)

    def redraw(self, beat_keys: Iterable[str]) -> None:
        """Draws the curve, what is pending and some numeric editors anew; ends a callback."""
        st.rerun([_CURVE, confirm.PENDING, *(_number(beat_key) for beat_key in beat_keys)])

    def draw_curve(self) -> None:
        """The curve to bend; or how far a run is with it."""
        story, levels = self.read()
        states = {}
        if self.active is not None:
            told = self.drawn[2].events if self.drawn else self.desk.events(self.active.id)
            states = beat_states(self.active, told)
        curve(
            story,
            levels,
            enabled=self.enabled,
            states=states,
            before=_before(story, self.undone) if self.active is None else None,
            on_edit=lambda edited: self.edit(story, edited),
            on_refused=lambda beat_key: self.refuse(story, beat_key),
        )

    def draw_pending(self) -> None:
        """What is pending, what can be done with it, and the dialog where it is open."""
        story, levels = self.read(priced=True)
        draft = session.shown_draft(story.id)
        pending = bool(draft.levels) and self.active is None
        self._draw_banner(story, pending=pending)
        session.show_remark()
        announce("remark", aloud=".st-key-remark")
        session.show_problem("editor")
        if self.enabled and pending:
            draw_directions(self.desk, story, draft)
        _mark_numbers(story, levels)
        # Whatever has become of it meanwhile: it says so itself, and does not just vanish.
        if self.may_start and confirm.is_open(story.id):
            confirm.draw_dialog(self.desk, story.id, is_locked=self.active is not None)

    def _draw_banner(self, story: Story, *, pending: bool) -> None:
        can_start = self.may_start or not self.enabled
        with st.container(key="banner", horizontal=True, vertical_alignment="center", border=True):
            st.markdown(escape(self._said(story)), width="stretch")
            # Before the others: they stay where they are when it comes, and a second click on
            # Reset is none on this.
            if self.enabled and (levels := session.undoable(story).levels):
                st.button(
                    text("banner.undo"),
                    key="undo-reset",
                    icon=":material/undo:",
                    help=text("banner.undo_help", changes=listed(story, levels)),
                    on_click=self.undo,
                    args=(story,),
                )
            st.button(
                text("banner.save"),
                key="save",
                type="primary",
                disabled=not (self.enabled and pending and self.may_start),
                help=text("banner.save_help" if can_start else "banner.no_start"),
                on_click=guarded("editor")(confirm.open_dialog),
                args=(story.id,),
            )
            st.button(
                text("banner.reset"),
                key="reset",
                disabled=not (self.enabled and pending),
                help=text("banner.reset_help"),
                on_click=self.reset,
                args=(story,),
            )
        announce("banner", aloud=".st-key-banner [data-testid='stMarkdown']")

    def _price(self) -> str:
        """What the pending changes would cost, from the same plan as the dialog; or why not."""
        try:
            offer = self.offer.get()
            return _priced(offer) if offer is not None else ""
        except CascadeError as error:
            return explain(error)

    def _said(self, story: Story) -> str:
        if self.active is not None:
            changes = self.active.plan.changes
            named = ", ".join(short_change(change) for change in changes)
            return count("banner.at_work", len(changes), changes=named)
        levels = session.shown_draft(story.id).levels
        if not levels:
            return text("banner.none")
        words = count("banner.pending", len(levels), changes=listed(story, levels))
        return f"{words} · {self._price()}"

    def draw_numbers(self) -> None:
        """A numeric editor for every beat."""
        story, _ = self.read()
        grid = st.grid(
            8, min_column_width=104, vertical_alignment="bottom", gap="small", key="numbers"
        )
        for beat in story.structure.beats:
            with grid.container(key=f"number-{beat.key}"):
                session.fragment(self._draw_number, key=_number(beat.key))(beat.key)

    def _draw_number(self, beat_key: str) -> None:
        story, levels = self.read()
        fields: dict[str, _Field] = st.session_state.setdefault(f"fields/{story.id}", {})
        level = levels[beat_key]
        field = fields.setdefault(beat_key, _Field(0, level))
        if field.level != level:
            field = fields[beat_key] = _Field(field.version + 1, level)
        key = field.key(story, beat_key)

        def take_over() -> None:
            is_current = fields[beat_key].version == field.version
            # The session has forgotten it where a reset of the demo came just before.
            value = st.session_state.get(key) if is_current else None
            # An emptied field is no level yet, and one that says what it was told is no edit.
            if value is not None and value != fields[beat_key].level:
                fields[beat_key] = _Field(field.version, value)
                self.edit(story, {beat_key: value}, by_number=True)

        st.session_state[key] = level
        st.number_input(
            story.structure.beat(beat_key).label,
            min_value=LOWEST,
            max_value=HIGHEST,
            step=1,
            key=key,
            disabled=not self.enabled,
            on_change=take_over,
        )


def _priced(offer: Offer) -> str:
    """`45 credits · 14 texts in 5 scenes · about 16 seconds · 500 → 455`."""
    plan = offer.plan
    texts = count("banner.texts", len(plan.steps))
    if plan.affected_scenes:
        texts = count("banner.scenes", len(plan.affected_scenes), texts=texts)
    if offer.missing:
        after = text("banner.missing", missing=offer.missing, available=offer.available)
    else:
        left = offer.available - plan.estimated_credits
        after = text("banner.balance", before=offer.available, after=left)
    credits = count("credits", plan.estimated_credits)
    return " · ".join((credits, texts, duration(offer.expected_seconds), after))


def _number(beat_key: str) -> str:
    """The key of a numeric editor's fragment."""
    return f"number/{beat_key}"


def _mark_numbers(story: Story, levels: Mapping[str, int]) -> None:
    """Colours the numeric editors of changed beats.

    By style and not by another container: that would make a new field, and focus would be lost.
    """
    changed = [
        (key, tone(saved, levels[key]))
        for key, saved in story.curve.items()
        if levels[key] != saved
    ]
    st.html(render("studio/numbers", changed=changed))


def _before(story: Story, undone: Undoing | None) -> dict[str, int] | None:
    """The curve as it was before the run that the page shows, where that has moved it."""
    if undone is None or not undone.levels:
        return None
    return story.curve | {one.beat_key: one.previous_level for one in undone.levels}
