"""A run at work. The run itself lives in the database: this only looks, every second.

It says in the bar of state where the run is, and fills the status blocks of the details, which are
made once, in the full run of the script. It asks for one full run when the run has ended.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from cascade.display import readable
from cascade.service import (
    BeatProgress,
    Desk,
    Progress,
    RunView,
    elapsed_s,
    progress,
    remaining_s,
)
from cascade.story.story import Story
from cascade.ui import session
from cascade.ui.kit.changes import short_change
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import failure
from cascade.ui.kit.prose import first_words
from cascade.ui.kit.texts import clock, duration, moment, text
from cascade.ui.run.details import Details
from cascade.ui.session import guarded
from cascade.ui.shell import announce

POLL_S = 1.0
# A run that has only just been queued is looked at sooner, so that its first step is seen to begin.
FIRST_POLL_S = 0.25

# How long a run may take to begin before it is said what it waits for, and how often that is looked
# at: a look takes hold of the workers' lock for an instant.
PATIENCE_S = 10.0
WORKER_S = 2.0


class Live:
    """A run at work, from one full run of the script to the next."""

    def __init__(self, desk: Desk, drawn: Progress, details: Details, *, may_cancel: bool) -> None:
        self.desk, self.details, self.may_cancel = desk, details, may_cancel
        self.run = drawn.run
        self.pause_s = FIRST_POLL_S if drawn.run.status == "queued" else POLL_S
        self._landmarks = _landmarks(seen_of(drawn))
        # What the whole page was drawn from; the timer reads anew.
        self.drawn: Progress | None = drawn

    def look(self) -> None:
        """Says where the run is now; asks for a full run of the script where the page must follow.

        The timer is the full run's, and so are the curve and the words. That run is not broken off
        for it: the timer comes soon enough.
        """
        now = self.drawn or self.desk.progress(self.run.id)
        run, seen = now.run, seen_of(now)
        waits_for = _waits_for(self.desk, run)
        self._draw(run, seen, waits_for, now.expected_s)
        self.details.fill(now.story, seen)
        tell(now.story, run, seen, waits_for)
        begun = run.status != "queued" and self.run.status == "queued"
        moved = _landmarks(seen) != self._landmarks
        if (begun or moved or not run.is_active) and self.drawn is None:
            st.rerun()

    def _draw(
        self,
        run: RunView,
        seen: Sequence[BeatProgress],
        waits_for: str,
        expected_s: float | None,
    ) -> None:
        @guarded()
        def cancel() -> None:
            self.desk.cancel(run.id)

        done, total = sum(beat.done for beat in seen), len(run.chain.plan.steps)
        title = "run.title.waiting" if waits_for else f"run.title.{run.status}"
        with st.container(key="state-run", width="stretch"):
            st.progress(done / total if total else 0.0)
            st.html(
                render(
                    "run/line",
                    title=text(title),
                    where="" if run.status == "queued" else where(seen),
                    figures=[
                        text("run.progress", done=done, total=total),
                        text(
                            "run.credits",
                            used=run.chain.used_credits,
                            estimated=run.chain.estimated_credits,
                        ),
                        *times(self.desk, run, expected_s),
                    ],
                    waits_for=waits_for,
                )
            )
        with st.container(horizontal=True, width="content", key="state-buttons"):
            self.details.draw_button()
            stopping = run.status == "cancelling"
            st.button(
                text("run.cancelling" if stopping else "run.cancel"),
                key=f"cancel-{run.id}",
                disabled=stopping or not self.may_cancel,
                on_click=cancel,
            )


def seen_of(now: Progress) -> list[BeatProgress]:
    """A run's beats with their steps, as they are now."""
    return progress(now.run, now.events, datetime.now(UTC), now.growing)


def where(seen: Sequence[BeatProgress]) -> str:
    """At which beat a run is: `Beat 1/2: Midpoint (2→4)`."""
    at = next((n for n, beat in enumerate(seen) if beat.state != "done"), len(seen) - 1)
    change = short_change(seen[at].change)
    return text("run.beat", number=at + 1, total=len(seen), change=change)


def tell(story: Story, run: RunView, seen: Sequence[BeatProgress], waits_for: str = "") -> None:
    """Says aloud what a run has come to, and counts its steps in the window's title."""
    announce(
        "run",
        _said(run, seen, waits_for),
        title=_window_title(story, run, seen),
        names={".st-key-state [role='progressbar']": text("run.bar")},
    )


def times(desk: Desk, run: RunView, expected_s: float | None) -> list[str]:
    """How long a run has taken, and about how long it still takes."""
    elapsed = elapsed_s(run, datetime.now(UTC))
    if elapsed is None:
        return []
    words = text("run.elapsed" if run.is_active else "run.took", time=clock(elapsed))
    left = remaining_s(run, elapsed, desk.writer.concurrency, expected_s)
    if run.status == "running" and left is not None:
        words += f", {text('run.remaining', duration=duration(left))}"
    return [words]


def _landmarks(seen: Sequence[BeatProgress]) -> list[tuple[bool, bool, bool]]:
    """What of a run moves the rest of the page: a beat is begun, its level saved, it is through."""
    return [(beat.state != "pending", beat.done > 0, beat.state == "done") for beat in seen]


def _window_title(story: Story, run: RunView, seen: Sequence[BeatProgress]) -> str:
    """What the window is called while the run is at work: `(8/14) Tinggi Muka Air`."""
    if not run.is_active:
        return ""
    done, total = sum(beat.done for beat in seen), len(run.chain.plan.steps)
    return text("run.window", done=done, total=total, story=first_words(readable(story.title)))


def _said(run: RunView, seen: Sequence[BeatProgress], waits_for: str) -> str:
    """What somebody hears who does not see the page: every beat's end, and the run's."""
    if not run.is_active:
        why = f" {failure(run.failure)}" if run.failure else ""
        return text(f"run.said.{run.status}") + why
    if run.status == "queued":
        return waits_for or text("run.said.queued")
    through = [beat.change.beat_label for beat in seen if beat.state == "done"]
    if not through:
        return text("run.said.begun")
    return text("run.beats_done", done=len(through), total=len(seen), beats=", ".join(through))


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
