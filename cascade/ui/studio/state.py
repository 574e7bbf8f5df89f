"""The bar of state: what is pending with its price, or the run, or what came of the last one.

Its height never changes, and it is in the window wherever one reads. What went wrong, or was
achieved, stands over it, below all that is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cascade.errors import CascadeError
from cascade.service import Offer
from cascade.story.story import Story
from cascade.ui import pending, session
from cascade.ui.kit.changes import listed, texts_of
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import explain
from cascade.ui.kit.texts import count, duration, text
from cascade.ui.run.last import Last
from cascade.ui.run.live import Live
from cascade.ui.run.restoring import draw_question, is_asking, stop_asking
from cascade.ui.session import guarded
from cascade.ui.shell import Bring, announce
from cascade.ui.studio import confirm
from cascade.ui.studio.bending import STATE, Bending
from cascade.ui.studio.outline import changed_numbers
from cascade.ui.studio.requested import draw_withdraw, request_words, waiting_request


def draw_state(bending: Bending, live: Live | None, last: Last | None, bring: Bring | None) -> None:
    """The bar, and the dialogs that its buttons open."""

    def state() -> None:
        with st.container(key="notices"):
            session.show_problem("page")
            session.show_notice()
        with st.container(horizontal=True, vertical_alignment="center", gap="small", key="state"):
            if live is not None:
                live.look()
            else:
                _draw_pending(bending, last)

    with session.alone():
        session.fragment(state, key=STATE, run_every=live.pause_s if live is not None else None)()
    if live is not None:
        live.drawn = None
    announce(
        "state",
        aloud=".st-key-state-pending",
        bring=bring,
        regions={
            "state": {"role": "region", "name": text("state.name")},
            "outline": {"role": "navigation", "name": text("outline.name")},
        },
    )

    def dialog() -> None:
        # Whatever has become of it meanwhile: it says so itself, and does not just vanish.
        if bending.may_start and confirm.is_open(bending.story_id):
            is_locked = bending.active is not None
            confirm.draw_dialog(bending.desk, bending.story_id, is_locked=is_locked)
        elif last is not None and last.undone is not None and is_asking(last.run.id):
            draw_question(bending.desk, last.run.id, last.undone)
        elif live is not None:
            # Nothing is put back while a run is at work; nor is it asked when that has ended.
            stop_asking()

    with session.alone():
        session.fragment(dialog, key=confirm.DIALOG)()


def _draw_pending(bending: Bending, last: Last | None) -> None:
    story, levels = bending.read(STATE)
    draft = pending.shown(story.id)
    said = _said(bending, story)
    words = last.words(bending.studio.may) if last is not None else ""
    remark = session.remarked()
    request = waiting_request(bending)
    title = last.title if last is not None else ""
    if request is not None:
        title, words = request_words(request)
    with st.container(key="state-pending", width="stretch"):
        st.html(
            render(
                "studio/state",
                pending=said,
                is_pending=bool(draft.levels),
                why_not=_why_not(bending),
                remark=remark,
                title=title,
                is_shown=request is not None or (last is not None and last.is_shown),
                words=words,
                numbers=changed_numbers(story, levels),
            )
        )
    with st.container(horizontal=True, width="content", gap="small", key="state-buttons"):
        is_pending = bool(draft.levels) and bending.enabled
        finish = last is not None and last.rest.offer is not None
        left = last.left if last is not None else ()
        _draw_editing(bending, story, left, is_pending=is_pending, finish=finish)
        if request is not None:
            draw_withdraw(bending.desk, request)
        elif last is not None:
            last.draw_buttons(bending.desk, bending.studio.may, is_first=not draft.levels)


def _draw_editing(
    bending: Bending, story: Story, left: Sequence[str], *, is_pending: bool, finish: bool
) -> None:
    """Undo, Reset and Save; a run that can be finished first comes before them."""
    # Before the others: they stay where they are when it comes, and a second click on Reset is
    # none on this.
    if bending.enabled and (levels := pending.discarded(story).levels):
        st.button(
            text("banner.undo"),
            key="undo-reset",
            icon=":material/undo:",
            help=text("banner.undo_help", changes=listed(story, levels)),
            on_click=bending.put_back,
            args=(story,),
        )
    st.button(
        text("banner.reset"),
        key="reset",
        disabled=not is_pending,
        on_click=bending.reset,
        args=(story,),
    )
    st.button(
        text("banner.save"),
        key="save",
        type="secondary" if finish else "primary",
        disabled=not (is_pending and bending.may_start),
        on_click=guarded()(confirm.ask),
        args=(story.id,),
        kwargs={"left": left},
    )


def _why_not(bending: Bending) -> str:
    """Why nothing can be bent, or what is pending not be saved; empty where it can."""
    if not bending.enabled:
        return bending.why_not()
    return "" if bending.may_start else text("banner.no_start")


def _said(bending: Bending, story: Story) -> str:
    levels = pending.shown(story.id).levels
    if not levels:
        return text("banner.none")
    words = count("banner.pending", len(levels), changes=listed(story, levels))
    return f"{words} · {_price(bending)}"


def _price(bending: Bending) -> str:
    """What the pending changes would cost, from the same plan as the dialog; or why not."""
    try:
        offer = bending.offer.get()
        return _priced(offer) if offer is not None else ""
    except CascadeError as error:
        return explain(error)


def _priced(offer: Offer) -> str:
    """`45 credits · 14 texts in 5 scenes · about 16 seconds · 500 → 455`."""
    plan = offer.plan
    if offer.needs is not None:
        after = text("banner.needs")
    elif offer.missing:
        after = text("banner.missing", missing=offer.missing, available=offer.available)
    else:
        left = offer.available - plan.estimated_credits
        after = text("banner.balance", before=offer.available, after=left)
    credits = count("credits", plan.estimated_credits)
    return " · ".join((credits, texts_of(plan), duration(offer.expected_seconds), after))
