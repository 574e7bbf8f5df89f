"""What came of a run: credits, what changed, why it stopped, and how to go on."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from cascade.service import BeatProgress, Desk, Offer, RunView, Shown
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.changes import short_change, tone
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import explain, failure
from cascade.ui.kit.prose import escape, note
from cascade.ui.kit.texts import count, money, text
from cascade.ui.run.rejected import draw_rejected
from cascade.ui.run.undo import Undoing, draw_undoing
from cascade.ui.session import guarded


def draw_receipt(
    desk: Desk,
    story: Story,
    shown: Shown,
    seen: Sequence[BeatProgress],
    found: Undoing,
    *,
    may: frozenset[str],
) -> None:
    """The receipt of a run that has ended."""
    run, offer = shown.progress.run, shown.rest
    if run.failure:
        st.error(escape(failure(run.failure)), icon=":material/error:")
    draw_rejected(desk, story, run, offer, may="resume" in may)
    st.html(render("run/figures", run=run))
    if run.provider != "offline" and run.tokens:
        st.caption(escape(_used(desk, run)))
    st.markdown(f"**{text('run.changed')}**")
    st.html(_changed(seen))
    draw_undoing(desk, story, run, found, may="restore" in may)
    if run.resumed_by:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(text("run.resumed_by"), width="stretch")
            st.button(
                text("run.show_later"),
                key=f"later-{run.id}",
                on_click=session.go,
                kwargs={"story": run.story_id, "run": run.resumed_by},
            )
    elif offer is not None:
        _draw_resume(desk, run, offer, may=may)
    elif shown.why_not is not None:
        st.markdown(escape(explain(shown.why_not)))


def _draw_resume(desk: Desk, run: RunView, offer: Offer, *, may: frozenset[str]) -> None:
    @guarded()
    def resume() -> None:
        session.go(story=run.story_id, run=desk.resume(run.id))

    with st.container(horizontal=True, vertical_alignment="center"):
        plan = offer.plan
        words = count("run.resume_help", len(plan.steps), credits=plan.estimated_credits)
        if offer.missing and "resume" in may:
            words = f"{words} {text('run.resume_short', missing=offer.missing)}"
        st.markdown(escape(words), width="stretch")
        st.button(
            text("run.resume"),
            key=f"resume-{run.id}",
            type="primary",
            disabled=bool(offer.missing) or "resume" not in may,
            on_click=resume,
        )


def _used(desk: Desk, run: RunView) -> str:
    """Tokens, by model, and money; what the server did not say is said to be unknown."""
    words = []
    for used in run.tokens:
        if used.unknown_calls == used.calls:
            words.append(text("run.tokens_unknown", model=used.model))
            continue
        line = text(
            "run.tokens",
            model=used.model,
            prompt=used.prompt_tokens,
            cached=used.cached_tokens,
            completion=used.completion_tokens,
        )
        if used.unknown_calls:
            line += f", {count('run.tokens_missing', used.unknown_calls)}"
        words.append(line)
    cost = desk.cost(run)
    if cost is not None:
        nothing_known = all(used.unknown_calls == used.calls for used in run.tokens)
        key = "run.cost" if cost.complete else "run.cost_least"
        amount = money(cost.amount, cost.currency)
        words.append(text("run.cost_unknown") if nothing_known else text(key, amount=amount))
    return " · ".join(words)


def _changed(seen: Sequence[BeatProgress]) -> Markup:
    if not any(beat.done for beat in seen):
        return note(text("run.changed_none"))
    changes = []
    for beat in seen:
        change = beat.change
        if beat.done:
            total = len(beat.lines)
            words = text(
                "run.changed_beat", change=short_change(change), done=beat.done, total=total
            )
            style = tone(change.previous_level, change.new_level)
        else:
            words = text("run.level_kept", beat=change.beat_label, old=change.expected_level)
            style = "kept"
        changes.append((style, words))
    return render("run/changed", changes=changes)
