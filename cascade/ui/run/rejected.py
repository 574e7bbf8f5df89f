"""Texts that a check rejected: why, what they say, and taking one as it is after all."""

from __future__ import annotations

from typing import Any, Literal

import streamlit as st

from cascade.display import readable
from cascade.service import Desk, Offer, RunView
from cascade.story.story import Story
from cascade.ui.kit import address, problems
from cascade.ui.kit.expanders import box
from cascade.ui.kit.prose import escape, step_name
from cascade.ui.kit.texts import count, text
from cascade.ui.session import guarded

# A text longer than this many characters scrolls in a window of its own.
LONG, LONG_PX = 1500, 400


def draw_rejected(
    desk: Desk, story: Story, run: RunView, offer: Offer | None, *, may: bool
) -> None:
    """The rejected texts of a failed run; accepting one starts the rest of the run."""
    rejected = [step for step in run.steps if step.rejected_text]
    if not rejected:
        return
    for failed in rejected:
        step = run.plan.step(failed.key)
        with st.container(border=True, key=f"rejected-{run.id}-{failed.key}"):
            name = step_name(story, step)
            st.markdown(f"**{escape(text('rejected.title', piece=name))}**")
            if failed.failure and failed.error != run.error:
                st.markdown(escape(problems.failure(failed.failure)))
            opened = box(text("rejected.show"), f"rejected-text-{run.id}-{failed.key}", "compact")
            if opened.open:
                _show(opened, failed.rejected_text or "")
            if offer is not None:
                words = _price(offer, failed.key, may=may)
                _draw_accept(desk, run, failed.key, words, enabled=may and not offer.missing)


def _price(offer: Offer, key: str, *, may: bool) -> str:
    """What accepting a text costs, and the rest of the run that it starts."""
    price, others, rest = offer.accepting(key)
    words = count("rejected.price", price)
    if others:
        words = f"{words} {count('rejected.rest', others, credits=rest)}"
    if offer.missing and may:
        words = f"{words} {text('run.resume_short', missing=offer.missing)}"
    return words


def _show(place: Any, words: str) -> None:
    height: int | Literal["content"] = LONG_PX if len(words) > LONG else "content"
    place.code(readable(words), language=None, wrap_lines=True, height=height)


def _draw_accept(desk: Desk, run: RunView, key: str, words: str, *, enabled: bool) -> None:
    @guarded()
    def accept() -> None:
        address.go(story=run.story_id, run=desk.accept(run.id, key))

    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(escape(words), width="stretch")
        st.button(
            text("rejected.accept"),
            key=f"accept-{run.id}-{key}",
            disabled=not enabled,
            on_click=accept,
        )
