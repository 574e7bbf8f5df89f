"""The steps of a run on a line of time, and every attempt at one, each with the same numbers."""

from __future__ import annotations

from datetime import datetime, timedelta

import streamlit as st

from cascade.service import Attempt, RunRecord, StepRecord, flaw_in_words
from cascade.story.plan import Plan, Step
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.language import language
from cascade.ui.kit.problems import failure
from cascade.ui.kit.texts import number, second, text

# What stands where the server has not said.
UNKNOWN = "–"


def draw_steps(record: RunRecord, *, is_there: bool) -> None:
    """Every step in the order of the plan: when it began and ended, and the same as bars.

    Those that are saved lead to their text where the story `is_there`.
    """
    begin = record.begin
    rows = [_step(record, one, is_there=is_there) for one in record.steps]
    ends = ("", "") if begin is None else (_second(begin), _second(record.end))
    st.html(render("runs/steps", rows=rows, begin=ends[0], end=ends[1]))
    if any(one.outcome in ("failed", "rejected") for one in record.attempts):
        st.caption(text("record.hatched"))


def draw_attempts(record: RunRecord) -> None:
    """Every call to a writer in the order of time, with what came of it and why."""
    attempts, plan = record.attempts, record.run.plan
    if not attempts:
        st.caption(text("record.no_attempts"))
        return
    st.html(render("runs/attempts", rows=[_attempt(one, plan) for one in attempts]))


def _step(record: RunRecord, one: StepRecord, *, is_there: bool) -> dict[str, object]:
    run, view = record.run, one.view
    state = _state(record, one)
    why = ""
    if view.is_accepted and view.status == "saved":
        why = text("record.accepted")
    elif view.failure is not None and view.error != run.error:
        why = failure(view.failure)
    leads = is_there and view.status == "saved"
    until = one.ended or (record.end if state == "generating" else None)
    return {
        "state": state,
        "state_words": text(f"state.{state}"),
        "why": why,
        "name": _name(one.step),
        "beat": run.plan.change(one.step.beat_key).beat_label,
        "address": address.of_text(run.story_id, run.id, view.key) if leads else "",
        # What was never begun has no numbers.
        "began": "" if one.began is None else _second(one.began),
        "ended": "" if one.ended is None else _second(one.ended),
        "took": "" if one.began is None or until is None else _seconds(until - one.began),
        "tries": "" if one.began is None else number(len(one.attempts)),
        "bars": _bars(record, one, until),
    }


def _state(record: RunRecord, one: StepRecord) -> str:
    if one.view.status == "saved":
        return "done"
    if one.view.status == "failed":
        return "failed"
    run = record.run
    if run.has_ended:
        return "left"
    if one.began is None:
        return "pending"
    return "stopping" if run.status == "cancelling" else "generating"


def _bars(record: RunRecord, one: StepRecord, until: datetime | None) -> list[dict[str, object]]:
    """Where the attempts at a step lie on the line, in hundredths of it; the one at work last."""
    begin = record.begin
    if begin is None or one.began is None:
        return []
    whole = max((record.end - begin).total_seconds(), 0.001)

    def bar(outcome: str, since: datetime, to: datetime) -> dict[str, object]:
        left = min(max((since - begin).total_seconds() / whole, 0.0), 1.0)
        width = min(max((to - since).total_seconds() / whole, 0.0), 1.0 - left)
        return {"outcome": outcome, "left": round(100 * left, 2), "width": round(100 * width, 2)}

    found = [bar(each.outcome, each.began, each.ended) for each in one.attempts]
    last = one.attempts[-1].ended if one.attempts else one.began
    if until is not None and one.ended is None:
        found.append(bar("generating", last, until))
    elif until is not None and not one.attempts:
        # A text that was there already: nobody was asked for it.
        found.append(bar("saved", one.began, until))
    return found


def _attempt(one: Attempt, plan: Plan) -> dict[str, object]:
    step = plan.step(one.key)
    return {
        "name": _name(step),
        "beat": plan.change(step.beat_key).beat_label,
        "number": number(one.number),
        "outcome": one.outcome,
        "outcome_words": text(f"record.outcome.{one.outcome}"),
        "why": _why(one),
        "began": _second(one.began),
        "latency": _seconds(timedelta(milliseconds=one.latency_ms)),
        "tokens": _tokens(one),
    }


def _tokens(one: Attempt) -> str:
    """What was asked and what was answered, in tokens."""
    if one.prompt_tokens is None or one.completion_tokens is None:
        return UNKNOWN
    return f"{number(one.prompt_tokens)} + {number(one.completion_tokens)}"


def _why(one: Attempt) -> str:
    """Why it brought no text that could be saved: which check it failed, or what was answered."""
    reason = one.failure
    if one.outcome == "rejected":
        fields = reason.fields if reason is not None else {}
        found = flaw_in_words(fields, language()) or one.flaw
        if found:
            return found
    return "" if reason is None else failure(reason)


def _name(step: Step) -> str:
    """What a step writes, by kind and number of the scene: the story may be no more."""
    if step.scene_number is None:
        return text(f"step.{step.kind}")
    scene = text("scene.bare", number=step.scene_number)
    return text(f"step.{step.kind}", scene=scene[:1].lower() + scene[1:])


def _second(when: datetime) -> str:
    return second(when, session.zone())


def _seconds(time: timedelta) -> str:
    return text("record.seconds", n=number(round(max(time.total_seconds(), 0.0), 1)))
