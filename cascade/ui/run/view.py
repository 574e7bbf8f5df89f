"""A run as it goes, and what came of it. The run itself lives in the database: this only looks.

The status blocks are made once, in the full run of the script; a fragment looks every second,
rewrites what is in them, and asks for one full run when the run has ended.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import streamlit as st
from markupsafe import Markup

from cascade.display import readable
from cascade.service import (
    MAX_ATTEMPTS,
    BeatProgress,
    Desk,
    Progress,
    RunView,
    Shown,
    StepLine,
    elapsed_s,
    progress,
    remaining_s,
)
from cascade.story.fountain import is_heading
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.changes import short_change
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import failure
from cascade.ui.kit.prose import escape, first_words, step_name
from cascade.ui.kit.texts import clock, count, duration, moment, text
from cascade.ui.kit.writer import writer_words
from cascade.ui.run import outcome, receipt
from cascade.ui.run.undo import Undoing, undoing
from cascade.ui.session import guarded
from cascade.ui.shell import Bring, announce

POLL_S = 1.0
# A run that has only just been queued is looked at sooner, so that its first step is seen to begin.
FIRST_POLL_S = 0.25

# How long a run may take to begin before it is said what it waits for, and how often that is looked
# at: a look takes hold of the workers' lock for an instant.
PATIENCE_S = 10.0
WORKER_S = 2.0

# What a session remembers: the run that was drawn last, and how often it was brought into view.
_SHOWN, _BROUGHT = "run-shown", "run-brought"

_BLOCK_STATES = {"done": "complete", "failed": "error", "left": "error"}
_SIGNS = {"done": "✓", "failed": "✕", "left": "–", "pending": "·"}


def no_run() -> None:
    """Takes note that the page shows no run, so that one that comes is noticed."""
    st.session_state[_SHOWN] = ""


def draw_run(
    desk: Desk,
    story: Story,
    shown: Shown,
    *,
    stale: Collection[str],
    may: frozenset[str],
    is_asked_for: bool,
) -> Undoing | None:
    """The run: live while it goes, with its receipt when it is over; its chain speaks through it.

    What of it can be undone, once it is over. It comes into view when it ends, and when it comes to
    somebody who has asked for it: whoever only has the story open is not taken away from it.
    `stale` are the keys of what is out of date in the story.
    """
    run = shown.progress.run
    bring = _bring(run, is_asked_for=is_asked_for)
    seen = _seen(shown.progress)
    has_begun = run.status != "queued"
    undone = None if run.is_active else undoing(shown, story)
    wrote = {one.replaced.key: one.replaced.after for one in undone.pieces} if undone else {}
    with st.container(border=True, key="run"):
        head = st.container()
        if undone is not None:
            receipt.draw_receipt(desk, story, shown, seen, undone, stale=stale, may=may)
        blocks = _make_blocks(seen)

        is_full_run = True

        def look() -> None:
            now = shown.progress if is_full_run else desk.progress(run.id)
            fresh, found = now.run, seen if is_full_run else _seen(now)
            heading = outcome.title(fresh, undone, now.story, stale)
            _draw_head(desk, story, fresh, found, may=may, heading=heading)
            _fill(blocks, now.story, found, wrote)
            title = _window_title(now.story, fresh, found)
            announce("run", _said(desk, fresh, found), title=title, bring=bring)
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
                session.fragment(look, run_every=pause)()
            else:
                look()
        is_full_run = False
    return undone


def _seen(now: Progress) -> list[BeatProgress]:
    return progress(now.run, now.events, datetime.now(UTC), now.growing)


def _landmarks(seen: Sequence[BeatProgress]) -> list[tuple[bool, bool, bool]]:
    """What of a run moves the rest of the page: a beat is begun, its level saved, it is through."""
    return [(beat.state != "pending", beat.done > 0, beat.state == "done") for beat in seen]


def _bring(run: RunView, *, is_asked_for: bool) -> Bring | None:
    """Where the reader is taken: to a run that has come or ended since the page was last drawn."""
    now = f"{run.id} {'goes' if run.is_active else 'over'}"
    before = st.session_state.get(_SHOWN)
    st.session_state[_SHOWN] = now
    # Nowhere by the first draw of a page: where a new page begins, its reader expects to be.
    if before is not None and before != now and (is_asked_for or not run.is_active):
        st.session_state[_BROUGHT] = st.session_state.get(_BROUGHT, 0) + 1
    times = st.session_state.get(_BROUGHT, 0)
    return Bring(to=".st-key-run", time=str(times)) if times else None


def _window_title(story: Story, run: RunView, seen: Sequence[BeatProgress]) -> str:
    """What the window is called while the run is at work: `(8/14) Tinggi Muka Air`."""
    if not run.is_active:
        return ""
    done, total = sum(beat.done for beat in seen), len(run.chain.plan.steps)
    return text("run.window", done=done, total=total, story=first_words(readable(story.title)))


def _said(desk: Desk, run: RunView, seen: Sequence[BeatProgress]) -> str:
    """What somebody hears who does not see the page: every beat's end, and the run's."""
    if not run.is_active:
        why = f" {failure(run.failure)}" if run.failure else ""
        return text(f"run.said.{run.status}") + why
    if run.status == "queued":
        return _waits_for(desk, run) or text("run.said.queued")
    through = [beat.change.beat_label for beat in seen if beat.state == "done"]
    if not through:
        return text("run.said.begun")
    return text("run.beats_done", done=len(through), total=len(seen), beats=", ".join(through))


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


def _fill(
    blocks: list[tuple[Any, Any]],
    story: Story,
    seen: Sequence[BeatProgress],
    wrote: Mapping[str, str],
) -> None:
    """Writes every block anew; its header only where it says something else now."""
    for at, beat in enumerate(seen):
        box, before = blocks[at]
        box.html(_lines(story, beat, wrote))
        header = _header(at, seen)
        if header != before:
            # A block the reader has opened or closed stays so until its own turn changes.
            expanded = header[2] if header[2] != before[2] else None
            box.update(label=header[0], state=header[1], expanded=expanded)
            blocks[at] = (box, header)


def _lines(story: Story, beat: BeatProgress, wrote: Mapping[str, str]) -> Markup:
    lines = [
        {
            "state": line.state,
            "sign": _SIGNS.get(line.state, ""),
            "name": step_name(story, line.step),
            "used": _used(line),
            "state_words": _state(line),
            "words": _words(story, line, wrote),
        }
        for line in beat.lines
    ]
    return render("run/steps", lines=lines)


def _used(line: StepLine) -> str:
    """What a model's calls for a step used; the offline writer uses nothing."""
    used = line.used
    if used is None:
        return ""
    if used.unknown_calls == used.calls:
        words = text("run.step_unknown")
    else:
        words = text(
            "run.step_tokens", prompt=used.prompt_tokens, completion=used.completion_tokens
        )
    if used.calls > 1:
        words = f"{words}, {count('run.step_calls', used.calls)}"
    return words


def _words(story: Story, line: StepLine, wrote: Mapping[str, str]) -> str:
    """The end of a text that is being written, or how the one begins that was."""
    if line.state != "done":
        return line.tail
    key = line.step.key
    return first_words(_without_heading(wrote.get(key) or story.text(key)))


def _without_heading(words: str) -> str:
    """A script's text after its scene heading, which the line's name says already."""
    first, _, rest = words.strip().partition("\n")
    return rest if is_heading(first) else words


def _state(line: StepLine) -> str:
    if line.state == "retrying":
        return text("state.retrying", seconds=line.wait_s, attempt=line.attempt, most=MAX_ATTEMPTS)
    return text(f"state.{line.state}")


def _draw_head(
    desk: Desk,
    story: Story,
    run: RunView,
    seen: Sequence[BeatProgress],
    *,
    may: frozenset[str],
    heading: str,
) -> None:
    @guarded()
    def cancel() -> None:
        desk.cancel(run.id)

    done, total = sum(beat.done for beat in seen), len(run.chain.plan.steps)
    with st.container(horizontal=True, vertical_alignment="center"):
        waits_for = _waits_for(desk, run)
        heading = text("run.title.waiting") if waits_for else heading
        st.subheader(heading, anchor=False, width="stretch")
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
                on_click=guarded()(_close),
                args=(story.id,),
            )
    session.show_problem("page")
    if waits_for:
        st.warning(waits_for, icon=":material/hourglass_empty:")
    st.progress(done / total if total else 0.0, text=text("run.progress", done=done, total=total))
    chain = run.chain
    used = text("run.credits", used=chain.used_credits, estimated=chain.estimated_credits)
    st.html(render("run/used", used=used, times=_times(desk, run)))
    when = moment(run.created_at, session.zone())
    writer = writer_words("confirm.writer", run.provider, run.model)
    words = text("run.by", user=run.display_name, when=when, writer=writer)
    if run.resumed_from:
        words = f"{words} {text('run.resumes')}"
    if run.is_active:
        words = f"{words} {text('run.safe')}"
    st.caption(escape(words))
    # A block can only be running, complete or in error; one whose turn has not come must not spin.
    waiting = [at for at, beat in enumerate(seen) if beat.state == "pending"]
    st.html(render("run/waiting", waiting=waiting))


def _waits_for(desk: Desk, run: RunView) -> str:
    """What a run waits for that should have begun by now, and what to do; else empty."""
    waited = datetime.now(UTC) - run.created_at
    if run.status != "queued" or waited.total_seconds() < PATIENCE_S:
        return ""
    key = "run.worker_busy" if _has_worker(desk) else "run.no_worker"
    return text(key, when=moment(run.created_at, session.zone()))


def _has_worker(desk: Desk) -> bool:
    looked, found = st.session_state.get("has-worker") or (0.0, False)
    if time.monotonic() - looked > WORKER_S:
        found = desk.has_worker()
        st.session_state["has-worker"] = (time.monotonic(), found)
    return bool(found)


def _times(desk: Desk, run: RunView) -> str:
    elapsed = elapsed_s(run, datetime.now(UTC))
    if elapsed is None:
        return ""
    words = text("run.elapsed" if run.is_active else "run.took", time=clock(elapsed))
    left = remaining_s(run, elapsed, desk.writer.concurrency)
    if run.status == "running" and left is not None:
        words += f", {text('run.remaining', duration=duration(left))}"
    return words


def _close(story_id: str) -> None:
    session.go(story=story_id)
