"""The dialog before a run: what will be rewritten, for how much, by whom. It changes nothing.

Whether it is open is a flag, set and cleared by callbacks: the dialog is drawn in every run of
the script while the flag stands, so nothing that happens meanwhile can lose it. Nor does it change
without a word: what it has shown is kept beside the flag, and what is different is said.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cascade.errors import RunActive
from cascade.service import MOST_OF_A_NOTE, Budget, Desk, Offer
from cascade.story.plan import Plan
from cascade.story.story import Story
from cascade.ui import pending, session
from cascade.ui.kit import address
from cascade.ui.kit.changes import as_list, scene_numbers
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import escape, scene_name, step_name
from cascade.ui.kit.texts import duration, listing, moment, text
from cascade.ui.kit.writer import writer_words
from cascade.ui.session import guarded

# The part of the page that it is drawn in.
DIALOG = "dialog"
_FLAG = "confirming"
# Of which beats what is out of date is to be rewritten; none where pending levels are to be saved.
_STALE = "confirming/stale"
# Beats in which the last run left texts unwritten, and whether they are to be written too.
_LEFT, _INCLUDE = "confirming/left", "confirming/include"
# What the open dialog has shown last, and what it said before that where it was something else.
_SHOWN, _BEFORE = "confirming/shown", "confirming/before"
# Whether somebody is to decide it first, and what is said to them.
_ASK, _NOTE = "confirming/ask", "confirming/note"


def is_open(story_id: str) -> bool:
    """True while the dialog is open on that story."""
    return st.session_state.get(_FLAG) == story_id


def ask(story_id: str, stale_beats: Sequence[str] = (), *, left: Sequence[str] = ()) -> None:
    """Opens the dialog on what is pending on a story, or on what is out of date; ends a callback.

    What the last run has `left` in other beats can be written along with what is pending.
    """
    close_dialog()
    st.session_state[_FLAG] = story_id
    st.session_state[_STALE] = tuple(stale_beats)
    st.session_state[_LEFT] = tuple(left)
    st.session_state[_INCLUDE] = True
    session.redraw([DIALOG])


def close_dialog() -> None:
    """Closes the dialog; a callback."""
    for key in (_FLAG, _STALE, _LEFT, _INCLUDE, _SHOWN, _BEFORE, _ASK, _NOTE):
        st.session_state.pop(key, None)


def draw_dialog(desk: Desk, story_id: str, *, is_locked: bool) -> None:
    """Draws the open dialog for what is pending on a story; `is_locked` where a run is at work."""

    @st.dialog(text("confirm.title"), width="medium", on_dismiss=close_dialog)
    def dialog() -> None:
        if not is_open(story_id):
            # A button in here reran the dialog alone; the page behind it must follow.
            st.rerun()
        session.show_problem("dialog")
        try:
            # The story as it is now: after a refusal the numbers are the new ones.
            stale_beats = st.session_state.get(_STALE) or ()
            left = st.session_state.get(_LEFT) if st.session_state.get(_INCLUDE) else ()
            story, draft, offer = desk.offer(story_id, stale_beats, left=left or ())
            pending.keep(story, draft)
            _say_what_changed(offer)
            _draw_offer(desk, story, offer)
            _draw_included(offer)
            _draw_asking(offer)
            _draw_buttons(desk, offer, is_locked=is_locked)
        except Exception as error:
            session.show_error(session.expected(error))

    dialog()


def _say_what_changed(offer: Offer) -> None:
    """Says so where these are not the numbers that the dialog has shown, as long as it is open.

    A refusal has said so already.
    """
    shown: Offer | None = st.session_state.get(_SHOWN)
    if shown is not None and not session.has_problem("dialog") and _differ(shown, offer):
        st.session_state[_BEFORE] = shown
    st.session_state[_SHOWN] = offer
    before: Offer | None = st.session_state.get(_BEFORE)
    if before is not None:
        st.warning(
            text(
                "confirm.changed",
                before=before.plan.estimated_credits,
                after=offer.plan.estimated_credits,
                available=offer.available,
            ),
            icon=":material/sync:",
        )


def _differ(one: Offer, other: Offer) -> bool:
    return (one.plan, one.available) != (other.plan, other.available)


def _draw_offer(desk: Desk, story: Story, offer: Offer) -> None:
    """What decides first: the price and what is left, then how many of what, then the changes."""
    plan = offer.plan
    if not plan.steps:
        return
    is_stale = all(change.stays for change in plan.changes)
    steps = [
        (plan.change(step.beat_key).beat_label, step_name(story, step), step.credits)
        for step in plan.steps
    ]
    st.html(
        render(
            "studio/offer",
            estimate=plan.estimated_credits,
            facts=_facts(desk, offer),
            counts=plan.price_list(),
            changes_title=text("confirm.stale" if is_stale else "confirm.changes"),
            changes=as_list(plan.changes),
            scenes=len(plan.affected_scenes),
            beats=_scenes(story, plan),
            steps=steps,
            warning=text("confirm.warning_stale" if is_stale else "confirm.warning"),
        )
    )


def _facts(desk: Desk, offer: Offer) -> list[str]:
    """What stands beside the price: balance, duration, and who writes."""
    writer = desk.writer
    facts = [
        duration(offer.expected_seconds),
        writer_words("confirm.writer", writer.name, writer.model),
    ]
    if offer.server is not None:
        facts.append(text("confirm.server", server=offer.server))
    if offer.budget is not None:
        facts.append(_budget("confirm.budget", offer.budget))
    if not offer.missing:
        after = offer.available - offer.plan.estimated_credits
        facts.insert(0, text("banner.balance", before=offer.available, after=after))
    return facts


def _scenes(story: Story, plan: Plan) -> list[tuple[str, list[str]]]:
    """The affected scenes by beat."""
    beats = []
    for change in plan.changes:
        numbers = scene_numbers(plan, change.beat_key)
        scenes = [story.scene(change.beat_key, number) for number in numbers]
        names = [scene_name(scene) for scene in scenes if scene is not None]
        beats.append((change.beat_label, names))
    return beats


def _draw_included(offer: Offer) -> None:
    """Offers to finish, along with what is pending, what the last run left in other beats."""
    beats = st.session_state.get(_LEFT) or ()
    labels = [change.beat_label for change in offer.plan.changes if change.stays]
    if beats:
        st.checkbox(
            text("confirm.include", beats=listing(labels)) if labels else text("confirm.included"),
            key=_INCLUDE,
        )


def _draw_asking(offer: Offer) -> None:
    """Says why somebody else decides it, or offers to ask them; and takes a word to them."""
    if not offer.plan.steps:
        return
    if offer.needs is not None:
        st.info(text(f"confirm.needs_{offer.needs}"), icon=":material/how_to_reg:")
    elif not offer.missing:
        st.checkbox(text("confirm.ask_first"), key=_ASK)
    if _asks(offer):
        st.text_input(text("confirm.note"), key=_NOTE, max_chars=MOST_OF_A_NOTE)


def _asks(offer: Offer) -> bool:
    return offer.needs is not None or bool(st.session_state.get(_ASK))


def _draw_buttons(desk: Desk, offer: Offer, *, is_locked: bool) -> None:
    asks = _asks(offer)

    @guarded("dialog")
    def start() -> None:
        try:
            note = st.session_state.get(_NOTE) or ""
            run_id = desk.start(offer.plan, ask=asks, note=note if asks else "")
        except RunActive as error:
            # The page shows that run; the dialog over it would only be in the way.
            close_dialog()
            session.keep_problem("page", error)
            return
        close_dialog()
        if asks:
            # What is pending stays so: nothing is saved before somebody has decided.
            session.notify(text("requested.asked"))
            return
        if any(not change.stays for change in offer.plan.changes):
            pending.forget(offer.plan.story_id)
        address.go(story=offer.plan.story_id, run=run_id)

    why_not = _why_not(offer, is_locked=is_locked)
    with st.container(
        horizontal=True,
        horizontal_alignment="right",
        vertical_alignment="center",
        key="confirm-buttons",
    ):
        if why_not:
            # Beside the button that it is about: further up it would be out of sight.
            st.error(escape(why_not), width="stretch")
        st.button(text("confirm.cancel"), key="confirm-cancel", on_click=close_dialog)
        st.button(
            text("confirm.ask" if asks else "confirm.start"),
            key="confirm-start",
            type="primary",
            disabled=bool(why_not),
            on_click=start,
        )


def _budget(key: str, budget: Budget, **values: object) -> str:
    return text(
        key,
        budget=budget.credits,
        used=budget.used,
        held=budget.held,
        anew=moment(budget.anew, session.zone()),
        **values,
    )


def _why_not(offer: Offer, *, is_locked: bool) -> str:
    """Why nothing can be started now; empty where it can."""
    if is_locked:
        return text("confirm.at_work")
    if not offer.plan.steps:
        return text("confirm.nothing_stale" if st.session_state.get(_STALE) else "confirm.nothing")
    if offer.writer_refused:
        return text("confirm.writer_refused", writer=offer.server or "offline")
    if offer.budget is not None and offer.over_budget:
        return _budget("confirm.over_budget", offer.budget, needed=offer.plan.estimated_credits)
    if offer.missing and offer.needs is None:
        return text(
            "confirm.missing",
            missing=offer.missing,
            needed=offer.plan.estimated_credits,
            available=offer.available,
        )
    return ""
