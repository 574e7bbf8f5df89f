"""A run as it goes, and what came of it. The run itself lives in the database: this only looks.

The status blocks are made once, in the full run of the script; a fragment looks every second,
rewrites what is in them, and asks for one full run when the run has ended.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from cascade.service import RunView, Service
from cascade.store.accounts import Actor
from cascade.story.document import Story
from cascade.ui import receipt, session
from cascade.ui.changes import short_change
from cascade.ui.progress import BeatProgress, StepLine, progress
from cascade.ui.prose import escape, scene_name
from cascade.ui.session import guarded
from cascade.ui.texts import text
from cascade.ui.writer import writer_words

POLL_S = 1.0
# A run that has only just been queued is looked at sooner, so that its first step is seen to begin.
FIRST_POLL_S = 0.25

_BLOCK_STATES = {"done": "complete", "failed": "error", "left": "error"}
_SIGNS = {"done": "✓", "failed": "✕", "left": "–", "pending": "·"}


def draw_run(
    service: Service, who: Actor, story: Story, run: RunView, *, may: frozenset[str]
) -> None:
    """The run: live while it goes, with its receipt when it is over."""
    events = service.events(run.id)
    run = service.run(run.id)
    seen = progress(run, events, datetime.now(UTC))
    has_begun = bool(events)
    with st.container(border=True, key="run"):
        head = st.container()
        if not run.is_active:
            receipt.draw_receipt(service, who, run, seen, may=may)
        blocks = _make_blocks(seen)

        is_full_run = True

        def look() -> None:
            fresh = service.run(run.id)
            found = progress(fresh, service.events(run.id), datetime.now(UTC))
            _draw_head(service, who, story, fresh, found, may=may)
            _fill(blocks, story, found)
            # The timer is the full run's, and so are the curve and the words below it.
            # That run is not broken off for it: the timer comes soon enough.
            begun = fresh.status != "queued" and not has_begun
            ended = run.is_active and not fresh.is_active
            moved = _landmarks(found) != _landmarks(seen)
            if (begun or ended or moved) and not is_full_run:
                st.rerun()

        pause = POLL_S if has_begun else FIRST_POLL_S
        with head:
            # Once it is over its buttons concern the whole page, so it is part of the whole again.
            if run.is_active:
                st.fragment(look, run_every=pause)()
            else:
                look()
        is_full_run = False


def _landmarks(seen: Sequence[BeatProgress]) -> list[tuple[bool, bool]]:
    """What of a run moves the rest of the page: a level is saved, a beat is through."""
    return [(beat.done > 0, beat.state == "done") for beat in seen]


def _make_blocks(seen: Sequence[BeatProgress]) -> list[tuple[Any, Any]]:
    """A status block a beat, with what its header says at present."""
    blocks = []
    for at in range(len(seen)):
        header = _header(at, seen)
        with st.container(key=f"run-beat-{at}"):
            box = st.status(header[0], state=header[1], expanded=header[2])
        blocks.append((box, header))
    return blocks


def _header(at: int, seen: Sequence[BeatProgress]) -> tuple[str, Any, bool]:
    beat = seen[at]
    label = text(
        "run.beat", number=at + 1, total=len(seen), change=escape(short_change(beat.change))
    )
    return label, _BLOCK_STATES.get(beat.state, "running"), beat.state not in ("done", "pending")


def _fill(blocks: list[tuple[Any, Any]], story: Story, seen: Sequence[BeatProgress]) -> None:
    """Writes every block anew; its header only where it says something else now."""
    for at, beat in enumerate(seen):
        box, before = blocks[at]
        box.html(_lines(story, beat))
        header = _header(at, seen)
        if header != before:
            # A block the reader has opened or closed stays so until its own turn changes.
            expanded = header[2] if header[2] != before[2] else None
            box.update(label=header[0], state=header[1], expanded=expanded)
            blocks[at] = (box, header)


def _lines(story: Story, beat: BeatProgress) -> str:
    items = "".join(
        f'<li class="{line.state}"><span class="sign" aria-hidden="true">'
        f"{_SIGNS.get(line.state, '')}</span>"
        f'<span class="what">{html.escape(_name(story, line))}</span>'
        f'<span class="state">{_state(line)}</span></li>'
        for line in beat.lines
    )
    return f'<ul class="arc-steps">{items}</ul>'


def _name(story: Story, line: StepLine) -> str:
    step = line.step
    if step.scene_number is None:
        return text(f"step.{step.kind}")
    scene = story.scene(step.scene_number)
    name = scene_name(scene) if scene else text("scene.bare", number=step.scene_number)
    return text(f"step.{step.kind}", scene=name[:1].lower() + name[1:])


def _state(line: StepLine) -> str:
    if line.state == "retrying":
        return text("state.retrying", seconds=line.wait_s)
    return text(f"state.{line.state}")


def _draw_head(
    service: Service,
    who: Actor,
    story: Story,
    run: RunView,
    seen: Sequence[BeatProgress],
    *,
    may: frozenset[str],
) -> None:
    @guarded
    def cancel() -> None:
        service.cancel(who, run.id)

    done, total = sum(beat.done for beat in seen), len(run.steps)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.subheader(text(f"run.title.{run.status}"), anchor=False, width="stretch")
        if run.is_active:
            stopping = run.status == "cancelling"
            st.button(
                text("run.cancelling" if stopping else "run.cancel"),
                key=f"cancel-{run.id}",
                disabled=stopping or "cancel" not in may,
                on_click=cancel,
            )
        else:
            st.button(
                text("run.close"),
                key=f"close-{run.id}",
                on_click=guarded(_close),
                args=(story.id,),
            )
    session.show_problem()
    st.progress(done / total if total else 0.0, text=text("run.progress", done=done, total=total))
    used = text("run.credits", used=run.used_credits, estimated=run.estimated_credits)
    st.html(f'<p class="arc-used">{used}</p>')
    when = run.created_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M")
    writer = writer_words("confirm.writer", run.provider, run.model)
    words = text("run.by", user=run.user, when=when, writer=writer)
    if run.resumed_from:
        words = f"{words} {text('run.resumes')}"
    if run.is_active:
        words = f"{words} {text('run.safe')}"
    st.caption(escape(words))
    waiting = "".join(
        f'.st-key-run-beat-{at} [data-testid="stExpanderIconSpinner"]{{visibility:hidden}}'
        for at, beat in enumerate(seen)
        if beat.state == "pending"
    )
    # A block can only be running, complete or in error; one whose turn has not come must not spin.
    st.html(f"<style>{waiting}.arc-none{{}}</style>")


def _close(story_id: str) -> None:
    session.go(story=story_id)
