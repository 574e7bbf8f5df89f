"""The dialog before a run: what will be rewritten, for how much, by whom. It changes nothing.

Whether it is open is a flag, set and cleared by callbacks: the dialog is drawn in every run of
the script while the flag stands, so nothing that happens meanwhile can lose it.
"""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from cascade.errors import RunActive
from cascade.service import Desk, Offer
from cascade.story.plan import Plan
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.changes import as_list
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import scene_name, step_name
from cascade.ui.kit.texts import duration, text
from cascade.ui.kit.writer import writer_words
from cascade.ui.session import guarded

_FLAG = "confirming"


def is_open(story_id: str) -> bool:
    """True while the dialog is open on that story."""
    return st.session_state.get(_FLAG) == story_id


def open_dialog(story_id: str) -> None:
    """Opens the dialog on a story; a callback."""
    st.session_state[_FLAG] = story_id


def close_dialog() -> None:
    """Closes the dialog; a callback."""
    st.session_state.pop(_FLAG, None)


def draw_dialog(desk: Desk, story_id: str) -> None:
    """Draws the open dialog for what is pending on a story."""

    @st.dialog(text("confirm.title"), width="medium", on_dismiss=close_dialog)
    def dialog() -> None:
        if not is_open(story_id):
            # A button in here reran the dialog alone; the page behind it must follow.
            st.rerun()
        session.show_problem("dialog")
        try:
            # The story as it is now: after a refusal the numbers are the new ones.
            story, draft, offer = desk.offer(story_id)
            session.keep_draft(story, draft)
            _draw_offer(desk, story, offer)
            _draw_buttons(desk, offer)
        except Exception as error:
            session.show_error(session.expected(error))

    dialog()


def _draw_offer(desk: Desk, story: Story, offer: Offer) -> None:
    plan = offer.plan
    if not plan.steps:
        st.info(text("confirm.nothing"))
        return
    st.markdown(text("confirm.changes"))
    st.html(as_list(plan.changes))
    price, content = st.columns([5, 6], gap="medium")
    with price:
        st.html(_headline(desk, offer))
    with content:
        st.markdown(f"**{text('confirm.rewrites')}**")
        st.html(render("studio/prices", rows=plan.price_list()))
    if offer.missing:
        st.error(
            text(
                "confirm.missing",
                missing=offer.missing,
                needed=plan.estimated_credits,
                available=offer.available,
            ),
            icon=":material/account_balance_wallet:",
        )
    st.html(_scenes(story, plan))
    st.warning(text("confirm.warning"), icon=":material/history:")


def _draw_buttons(desk: Desk, offer: Offer) -> None:
    @guarded("dialog")
    def start() -> None:
        try:
            run_id = desk.start(offer.plan)
        except RunActive as error:
            # The page shows that run; the dialog over it would only be in the way.
            close_dialog()
            session.keep_problem("page", error)
            return
        close_dialog()
        session.forget_reset(offer.plan.story_id)
        session.go(story=offer.plan.story_id, run=run_id)

    with st.container(horizontal=True, horizontal_alignment="right", key="confirm-buttons"):
        st.button(text("confirm.cancel"), key="confirm-cancel", on_click=close_dialog)
        st.button(
            text("confirm.start"),
            key="confirm-start",
            type="primary",
            disabled=bool(offer.missing) or not offer.plan.steps,
            on_click=start,
        )


def _headline(desk: Desk, offer: Offer) -> Markup:
    """What a producer decides by: the price, what is left after it, who writes, and how long."""
    estimate = offer.plan.estimated_credits
    writer = desk.writer
    lines = [
        text("confirm.duration", duration=duration(offer.expected_seconds)),
        writer_words("confirm.writer", writer.name, writer.model),
    ]
    if not offer.missing:
        after = offer.available - estimate
        lines.insert(0, text("confirm.balance", before=offer.available, after=after))
    return render("studio/headline", estimate=estimate, lines=lines)


def _scenes(story: Story, plan: Plan) -> Markup:
    """The affected scenes by beat; every step with its price for whoever asks."""
    beats = []
    for change in plan.changes:
        steps = plan.steps_of(change.beat_key)
        numbers = sorted({step.scene_number for step in steps if step.scene_number is not None})
        scenes = [story.scene(change.beat_key, number) for number in numbers]
        names = [scene_name(scene) for scene in scenes if scene is not None]
        beats.append((change.beat_label, names))
    priced = [
        (plan.change(step.beat_key).beat_label, step_name(story, step), step.credits)
        for step in plan.steps
    ]
    return render("studio/affected", beats=beats, steps=priced)
