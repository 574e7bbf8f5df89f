"""One request, so that it is decided in half a minute: price first, then who, why and what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote

import streamlit as st

from cascade.service import Payer, RequestView
from cascade.story.plan import Plan
from cascade.story.tension import HIGHEST, LOWEST
from cascade.ui import session
from cascade.ui.kit import address
from cascade.ui.kit.changes import listed_plan, scene_numbers, texts_of
from cascade.ui.kit.html import render
from cascade.ui.kit.problems import explain
from cascade.ui.kit.texts import count, duration, listing, moment, text
from cascade.ui.kit.writer import writer_words

# The little curve, in its own units: between two beats, and between two levels.
_STEP_X, _STEP_Y, _EDGE = 40, 16, 8


def draw_card(one: RequestView) -> None:
    """The request. What is decided by stands first; what is looked up, folded."""
    asked, zone = one.asked, session.zone()
    plan = asked.plan
    changes = listed_plan(plan)
    st.html(
        render(
            "approvals/card",
            price=count("credits", asked.estimated_credits),
            left=_left(one.payer),
            is_short=one.payer is not None and one.payer.after < 0,
            who=text("approvals.who", user=asked.display_name, when=moment(asked.asked_at, zone)),
            story=one.title,
            address=address.of_run(asked.story_id, asked.run_id),
            note=asked.note or "",
            comments=[
                text("approvals.comment", user=each.by, when=moment(each.at, zone), words=each.text)
                for each in asked.comments
            ],
            why=text(f"approvals.why_{asked.cause}"),
            over="" if one.why_not is None else explain(one.why_not),
            changes=changes,
            curve=_curve(one.curve, plan),
            curve_name=text("approvals.curve", changes=changes),
            texts=texts_of(plan),
            beats=_scenes(plan),
            facts=[
                _writer(one),
                duration(one.seconds),
                text("approvals.until", when=moment(one.expires_at, zone)),
                *_went(one),
            ],
        )
    )


def _left(payer: Payer | None) -> str:
    if payer is None:
        return ""
    key = "approvals.left_project" if payer.is_project else "approvals.left"
    if payer.after < 0:
        return count("approvals.short", -payer.after, name=payer.name, available=payer.available)
    return text(key, name=payer.name, before=payer.available, after=payer.after)


def _scenes(plan: Plan) -> list[str]:
    """By beat which of its scenes are written."""
    found = []
    for change in plan.changes:
        numbers = scene_numbers(plan, change.beat_key)
        scenes = listing(f"{number}" for number in numbers)
        found.append(
            text("approvals.scenes", beat=change.beat_label, scenes=scenes)
            if numbers
            else text("confirm.no_scenes", beat=change.beat_label)
        )
    return found


def _writer(one: RequestView) -> str:
    words = writer_words("approvals.writer", one.asked.provider, one.asked.model)
    if one.asked.server is None:
        return words
    return f"{words} {text('approvals.server', server=one.asked.server)}"


def _went(one: RequestView) -> list[str]:
    """How the last runs of the story went, in a line."""
    if not one.last_runs:
        return [text("approvals.went_none")]
    runs = [
        f"{text(f'runs.state.{each.status}')} {each.used_credits}/{each.estimated_credits}"
        for each in one.last_runs
    ]
    return [text("approvals.went", runs=", ".join(runs))]


def _curve(levels: Mapping[str, int], plan: Plan) -> str:
    """The curve before and after, as the address of a picture; none where a story has no curve.

    Streamlit lets no drawing through but in a picture. It knows no theme: its colours do in both.
    """
    if not levels:
        return ""
    here = [one for one in plan.changes if one.beat_key in levels]
    before = {**levels} | {one.beat_key: one.previous_level for one in here}
    after = {**levels} | {one.beat_key: one.new_level for one in here}
    changed = [
        {"at": _points(after)[at], "is_rising": after[key] > before[key]}
        for at, key in enumerate(levels)
        if after[key] != before[key]
    ]
    drawn = render(
        "approvals/curve",
        width=_STEP_X * (len(levels) - 1) + 2 * _EDGE,
        height=_STEP_Y * (HIGHEST - LOWEST) + 2 * _EDGE,
        before=_line(_points(before)),
        after=_line(_points(after)),
        changed=changed,
    )
    return f"data:image/svg+xml,{quote(drawn)}"


def _points(levels: Mapping[str, int]) -> list[tuple[int, int]]:
    return [
        (_EDGE + _STEP_X * at, _EDGE + _STEP_Y * (HIGHEST - level))
        for at, level in enumerate(levels.values())
    ]


def _line(points: Sequence[tuple[int, int]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)
