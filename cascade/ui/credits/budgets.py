"""How the month's budgets of projects stand: what is used and held of each, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import streamlit as st
from babel.dates import format_skeleton

from cascade.service import Budget, ProjectView
from cascade.ui.kit.html import render
from cascade.ui.kit.language import language
from cascade.ui.kit.texts import count, moment, text


def draw_budgets(projects: Sequence[ProjectView]) -> None:
    """A bar with its numbers in words for each project that has a budget; else nothing."""
    told = [_told(one, found) for one in projects if (found := one.standing) is not None]
    if told:
        st.subheader(text("budget.title"), anchor=False)
        st.html(render("credits/budgets", budgets=told))


def _told(project: ProjectView, found: Budget) -> dict[str, str]:
    """What the bar of a budget shows and what is said beside it."""
    zone = ZoneInfo(found.time_zone)
    state, means = _state(found)
    used, held = _shares(found)
    return {
        "project": project.name,
        "month": str(format_skeleton("yMMMM", found.month.begin, zone, locale=language())),
        "state": state,
        "used": f"{used:.2f}",
        "held": f"{held:.2f}",
        "use": text("budget.use", used=found.used, held=found.held, budget=found.credits),
        "left": count("budget.left", found.left),
        "begins": text("budget.begins", anew=moment(found.anew, zone), zone=found.time_zone),
        "means": means,
    }


def _state(found: Budget) -> tuple[str, str]:
    """How a budget is marked, and what that means."""
    if found.left == 0:
        return "full", text("budget.full")
    if found.is_short:
        percent = (found.used + found.held) * 100 // found.credits
        return "short", text("budget.short", percent=percent)
    return "", ""


def _shares(found: Budget) -> tuple[float, float]:
    """How much of the bar is used and held, in percent: never more than there is of it.

    A budget that was set lower later may have more used than it has.
    """
    if found.credits == 0:
        return 100.0, 0.0
    used = min(100.0, found.used * 100 / found.credits)
    return used, min(100.0 - used, found.held * 100 / found.credits)
