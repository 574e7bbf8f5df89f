"""What came of a run: why it stopped and how to go on, then credits, and what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import streamlit as st
from markupsafe import Markup

from cascade.service import BeatProgress, Cost, Desk, RunView, Tokens
from cascade.story.stale import rewritable
from cascade.ui.kit import address
from cascade.ui.kit.changes import short_change, stale_texts, tone
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import explain, failure
from cascade.ui.kit.prose import escape, note
from cascade.ui.kit.texts import count, money, text
from cascade.ui.run.rejected import draw_rejected
from cascade.ui.studio.view import View


def draw_end(desk: Desk, view: View, run: RunView, *, may: frozenset[str]) -> None:
    """Why a run failed, what can be done with the texts that a check rejected, or why no more."""
    rest = view.rest
    if run.failure:
        st.error(escape(failure(run.failure)), icon=":material/error:")
    draw_rejected(desk, view.story, run, rest.offer, may="resume" in may)
    if rest.why_not is not None:
        st.markdown(escape(f"{text('run.no_resume')} {explain(rest.why_not)}"))


def draw_receipt(desk: Desk, view: View, run: RunView, seen: Sequence[BeatProgress]) -> None:
    """The receipt of a run that has ended."""
    story = view.story
    parts = parts_of(run, lambda part_id: address.link(story=run.story_id, run=part_id))
    st.html(render("run/figures", chain=run.chain, parts=parts) + render("run/parts", parts=parts))
    if run.provider != "offline" and run.tokens:
        st.caption(escape(used_words(run.tokens, desk.cost(run))))
    if run.status == "done" and (left := rewritable(view.beats.out_of_date, story.structure.keys)):
        st.markdown(escape(f"{stale_texts(story, left)} {text('stale.below')}"))
    st.markdown(f"**{text('run.changed')}**")
    st.html(_changed(seen))


def parts_of(run: RunView, address_of: Callable[[str], str]) -> list[dict[str, object]]:
    """The runs of a chain, each a way to it; none where there is just the one."""
    parts = run.chain.parts
    if len(parts) == 1:
        return []
    return [
        {
            "address": address_of(part.id),
            "is_shown": part.id == run.id,
            "name": text("run.part", number=number),
            "state": text(f"runs.state.{part.status}"),
            "credits": count("credits", part.used_credits),
        }
        for number, part in enumerate(parts, 1)
    ]


def used_words(tokens: Iterable[Tokens], cost: Cost | None) -> str:
    """Tokens, by model, and money; what the server did not say is said to be unknown."""
    tokens, words = list(tokens), []
    for used in tokens:
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
    if cost is not None:
        nothing_known = all(used.unknown_calls == used.calls for used in tokens)
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
            style = "kept" if change.stays else tone(change.previous_level, change.new_level)
        else:
            words = text("run.level_kept", beat=change.beat_label, old=change.expected_level)
            style = "kept"
        changes.append((style, words))
    return render("run/changed", changes=changes)
