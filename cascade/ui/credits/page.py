"""The page of credits: what is available, held and spent, on what, and every movement."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

import streamlit as st

from cascade.service import AccountView, Desk, Line, MoneyFilter, MoneyPage
from cascade.ui import session
from cascade.ui.credits.budgets import draw_budgets
from cascade.ui.credits.file import as_csv
from cascade.ui.credits.grants import draw_granting
from cascade.ui.credits.rules import draw_rules
from cascade.ui.credits.spend import asked_time, draw_spend, since
from cascade.ui.kit import address
from cascade.ui.kit.choice import chosen, draw_choice
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import count, moment, number, text
from cascade.ui.kit.turning import draw_turning, turn_back, turned

PAGE = 50
# The name of the list, for what narrows it and turns it over.
_LIST = "credits"
# What stands where there is nothing to tell.
NOTHING = ""


def draw_credits(desk: Desk) -> None:
    """The page. Raises NotAllowed for whoever is in no project."""
    behind, now = turned(_LIST), datetime.now(session.zone())
    asked = MoneyFilter(chosen("credits-project"), chosen("credits-user"))
    found = desk.money(
        asked,
        since=since(asked_time(), now),
        before=behind[-1] if behind else None,
        most=PAGE,
    )
    with st.container(key="credits"):
        st.header(text("credits.title"), anchor=False)
        st.html(render("kit/about", words=text("credits.about")))
        session.show_problem("page")
        session.show_notice()
        _draw_filters(found)
        _draw_figures(found)
        draw_budgets(found.ruled)
        if found.grantees:
            draw_granting(desk, found.grantees)
        if found.ruled:
            draw_rules(desk, found.ruled)
        draw_spend(found, now)
        _draw_ledger(found)
        draw_turning(_LIST, found.lines[-1].id if found.lines else None, is_more=found.is_more)
        st.download_button(
            text("credits.download"),
            partial(as_csv, desk, asked),
            file_name="credits.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _draw_filters(found: MoneyPage) -> None:
    several = [
        (name, named)
        for name, named in (("project", found.projects), ("user", _users(found)))
        if len(named) > 1
    ]
    if not several:
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="credits-filters"):
        for name, named in several:
            anew = partial(turn_back, _LIST)
            draw_choice(f"credits-{name}", text(f"credits.{name}"), named, anew)


def _users(found: MoneyPage) -> Mapping[str, str]:
    """What those are called whom the page can be narrowed to, the projects themselves as one."""
    if "" not in found.users:
        return found.users
    return {**found.users, "": count("credits.themselves", len(found.projects))}


def _draw_figures(found: MoneyPage) -> None:
    """The four numbers, who has what of them, and which runs hold what is held."""
    figures = ("available", "held", "spent", "deposited")
    sums = {name: sum(getattr(one, name) for one in found.accounts) for name in figures}
    st.html(
        render(
            "credits/figures",
            name=text("credits.title"),
            figures=[(text(f"credits.{name}"), number(n)) for name, n in sums.items()],
            held_by=text("credits.held_by"),
            holds=[
                {
                    "address": _address(one.story_id, one.run_id, found.titles),
                    "story": _title(one.story_id, found.titles),
                    "credits": count("credits", one.credits),
                }
                for one in found.holds
            ],
        )
    )
    if len(found.accounts) > 1:
        several = len({one.project_id for one in found.accounts}) > 1
        rows = [
            {
                "user": _holder(one),
                "project": one.project if several and one.user else "",
                "figures": [number(getattr(one, name)) for name in figures],
            }
            for one in found.accounts
        ]
        columns = [text(f"credits.{name}") for name in figures]
        st.html(
            render("credits/accounts", name=text("credits.accounts"), columns=columns, rows=rows)
        )


def _draw_ledger(found: MoneyPage) -> None:
    st.subheader(text("credits.ledger"), anchor=False)
    if not found.lines:
        st.caption(text("credits.no_lines"))
        return
    by_id = {one.id: one for one in found.accounts}
    rows = [_line(one, by_id[one.account_id], found.titles) for one in found.lines]
    st.html(
        render(
            "credits/ledger",
            name=text("credits.ledger"),
            rows=rows,
            has_people=len(found.accounts) > 1,
        )
    )


def _line(one: Line, account: AccountView, titles: Mapping[str, str]) -> dict[str, str]:
    row = {
        "when": moment(one.at, session.zone()),
        "who": _holder(account),
        "reason": one.reason or "",
        "address": "",
        "granted": NOTHING,
        "held": NOTHING,
        "captured": NOTHING,
        "released": NOTHING,
    }
    if one.kind == "grant":
        what = "credits.line_grant" if one.credits >= 0 else "credits.line_taken"
        return row | {"what": text(what), "granted": _signed(one.credits)}
    still = text("credits.still_held")
    return row | {
        "what": _title(one.story_id, titles),
        "address": _address(one.story_id, one.run_id, titles),
        "held": number(one.credits),
        "captured": number(one.captured),
        "released": still if one.released is None else number(one.released),
    }


def _holder(one: AccountView) -> str:
    """Whose account it is, in words."""
    if not one.user:
        return text("credits.itself", project=one.project)
    return one.display_name or one.user


def _signed(credits: int) -> str:
    return f"+{number(credits)}" if credits > 0 else f"−{number(-credits)}"


def _title(story_id: str | None, titles: Mapping[str, str]) -> str:
    return titles.get(story_id or "") or text("allruns.gone")


def _address(story_id: str | None, run_id: str | None, titles: Mapping[str, str]) -> str:
    """Where a run is shown; of a story that is no more there is no page."""
    is_there = story_id is not None and run_id is not None and story_id in titles
    return address.of_run(story_id or "", run_id or "") if is_there else ""
