"""What was spent over time, by story, person or kind of step: a chart, and the same as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Literal

import streamlit as st
from babel.dates import format_date, format_skeleton

from cascade.service import MoneyPage, Spent
from cascade.ui.kit.html import render
from cascade.ui.kit.language import language
from cascade.ui.kit.texts import number, text

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

By = Literal["story", "user", "kind"]
BYS: tuple[By, ...] = ("story", "user", "kind")
Time = Literal["quarter", "year", "all"]
TIMES: tuple[Time, ...] = ("quarter", "year", "all")
WEEKS, MONTHS = 13, 12
# All of the time is told in weeks as long as it has no more than so many.
MOST_WEEKS = 26
# So many are told apart, the rest together.
MOST_SERIES = 5
HEIGHT = 300
# Neither those of rising and falling tension nor those that say that something is amiss.
_LIGHT = ("#1f5c4a", "#7b3f73", "#8a9a3c", "#5b4fa0", "#2e8a93", "#9a948a")
_DARK = ("#84cfb5", "#d79ccf", "#b2cf7e", "#b5a9f0", "#7fcbd1", "#8c877d")


@dataclass(frozen=True, slots=True)
class Spend:
    """Credits by period (the rows, the oldest first) and by what they were spent on."""

    table: pd.DataFrame
    in_weeks: bool

    @property
    def periods(self) -> list[str]:
        """What the periods are called in the reader's language."""
        return [
            period_name(one.to_pydatetime(), in_weeks=self.in_weeks) for one in self.table.index
        ]


def asked_time() -> Time:
    """The time that the reader asks for."""
    found: Time = st.session_state.get("credits-time") or "quarter"
    return found


def since(time: Time, now: datetime) -> datetime | None:
    """When the first period of a time begins where `now` is; None for all there is."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if time == "quarter":
        return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)
    if time == "year":
        months = today.year * 12 + today.month - MONTHS
        return today.replace(year=months // 12, month=months % 12 + 1, day=1)
    return None


def spend(found: MoneyPage, by: By, time: Time, now: datetime) -> Spend | None:
    """What was spent in a time that ends now, where the reader is; None where it was nothing."""
    import pandas as pd

    zone, named = now.tzinfo, _named(found, by)
    if not found.spent or zone is None:
        return None
    frame = pd.DataFrame(
        {
            "at": [_there(one, zone) for one in found.spent],
            "of": [named(one) for one in found.spent],
            "credits": [one.credits for one in found.spent],
        }
    )
    first, last = since(time, now), now.replace(tzinfo=None)
    begin = frame["at"].min() if first is None else first.replace(tzinfo=None)
    weeks = (last - begin).days // 7 + 1
    in_weeks = time == "quarter" or (time == "all" and weeks <= MOST_WEEKS)
    # A week is called by its Monday.
    unit = "W-SUN" if in_weeks else "M"
    table = frame.pivot_table(
        index=frame["at"].dt.to_period(unit),
        columns="of",
        values="credits",
        aggfunc="sum",
        fill_value=0,
    )
    table = table.reindex(pd.period_range(begin, last, freq=unit), fill_value=0)
    table.index = table.index.to_timestamp()
    totals = table.sum().sort_values(ascending=False, kind="stable")
    kept, rest = list(totals.index[:MOST_SERIES]), list(totals.index[MOST_SERIES:])
    told = table[kept].copy()
    if rest:
        told[text("credits.others")] = table[rest].sum(axis=1)
    return Spend(told.astype(int), in_weeks)


def draw_spend(found: MoneyPage, now: datetime) -> None:
    """The chart, what it is narrowed by, and the same numbers as a table."""
    st.subheader(text("credits.spend"), anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom", key="credits-spend"):
        by = st.segmented_control(
            text("credits.by"),
            BYS,
            format_func=lambda one: text(f"credits.by_{one}"),
            default=BYS[0],
            required=True,
            key="credits-by",
        )
        st.selectbox(
            text("credits.time"),
            TIMES,
            format_func=lambda one: text(f"credits.time_{one}"),
            key="credits-time",
            width=220,
        )
    told = spend(found, by or BYS[0], asked_time(), now)
    if told is None:
        st.caption(text("credits.nothing_spent"))
        return
    st.plotly_chart(_figure(told), config={"displayModeBar": False}, key="credits-chart")
    st.html(render("credits/spend", name=text("credits.spend"), **_cells(told)))


def period_name(begin: datetime, *, in_weeks: bool) -> str:
    """A week by its first day, a month by its name."""
    if in_weeks:
        return str(format_skeleton("MMMd", begin, locale=language()))
    return str(format_date(begin, "MMM y", locale=language()))


def _named(found: MoneyPage, by: By) -> Callable[[Spent], str]:
    """What something was spent on, in words."""
    if by == "story":
        return lambda one: found.titles.get(one.story_id) or text("allruns.gone")
    if by == "user":
        people: Mapping[str, str] = {one.id: one.display_name or one.user for one in found.accounts}
        return lambda one: people.get(one.account_id, "")
    return lambda one: text(f"credits.kind.{one.kind}") if one.kind else text("credits.others")


def _there(one: Spent, zone: tzinfo) -> datetime:
    """When something was spent, by the clock where the reader is."""
    return one.at.astimezone(zone).replace(tzinfo=None)


def _figure(told: Spend) -> go.Figure:
    import plotly.graph_objects as go

    colours = _DARK if st.context.theme.type == "dark" else _LIGHT
    periods = told.periods
    bars = [
        go.Bar(
            name=_short(str(name)),
            x=periods,
            y=told.table[name].tolist(),
            marker={"color": colour},
            hovertemplate="%{y}",
        )
        for name, colour in zip(told.table.columns, colours, strict=False)
    ]
    figure = go.Figure(bars)
    figure.update_layout(
        barmode="stack",
        height=HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
        showlegend=True,
        hovermode="x unified",
        dragmode=False,
        xaxis={"type": "category", "fixedrange": True},
        yaxis={"fixedrange": True, "rangemode": "tozero", "tickformat": ",d"},
    )
    return figure


def _short(name: str) -> str:
    return name if len(name) <= 30 else f"{name[:29]}…"


def _cells(told: Spend) -> dict[str, object]:
    """The table, the newest period first, with the sum of all at its end.

    Periods in which nothing was spent stand in the chart alone.
    """
    rows = [
        {
            "period": period,
            "cells": [number(int(n)) for n in row],
            "sum": number(int(sum(row))),
        }
        for period, row in zip(told.periods, told.table.to_numpy().tolist(), strict=True)
        if any(row)
    ]
    columns = [str(one) for one in told.table.columns]
    totals = [number(int(n)) for n in told.table.sum()]
    whole = number(int(told.table.to_numpy().sum()))
    return {
        "when": text("credits.week" if told.in_weeks else "credits.month"),
        "columns": columns,
        "rows": rows[::-1],
        "totals": totals,
        "whole": whole,
    }
