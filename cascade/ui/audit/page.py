"""The page of the audit: who did what, narrowed by what is asked for, and all of it as a file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from datetime import time as day_time
from functools import partial

import streamlit as st

from cascade.service import AuditEntry, AuditFilter, AuditPage, Desk
from cascade.ui import session
from cascade.ui.audit.file import as_csv
from cascade.ui.audit.words import change, deed, on_what
from cascade.ui.kit.choice import chosen, draw_choice
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import moment, text
from cascade.ui.kit.turning import draw_turning, turn_back, turned

PAGE = 100
# The name of the list, for what narrows it and turns it over.
_LIST = "audit"
_FIELDS = ("project", "user", "action", "since", "until", "text")


def draw_audit(desk: Desk) -> None:
    """The page. Raises NotAllowed for whoever may see none of it."""
    behind, asked = turned(_LIST), _asked()
    found = desk.audit(asked, before=behind[-1] if behind else None, most=PAGE)
    with st.container(key="audit"):
        st.header(text("audit.title"), anchor=False)
        st.html(render("kit/about", words=text("audit.about")))
        session.show_problem("page")
        _draw_filters(found)
        if found.entries:
            titles = {one.id: one.title for one in desk.stories()}
            rows = [_row(one, titles) for one in found.entries]
            st.html(render("audit/entries", name=text("audit.title"), rows=rows))
        else:
            st.caption(text("audit.none_asked" if asked != AuditFilter() else "audit.none"))
        last = found.entries[-1].id if found.entries else None
        draw_turning(_LIST, last, is_more=found.is_more)
        st.download_button(
            text("audit.download"),
            partial(as_csv, desk, asked),
            file_name="audit.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _asked() -> AuditFilter:
    given = {name: chosen(f"audit-{name}") for name in _FIELDS}
    since, until = given["since"], given["until"]
    return AuditFilter(
        project=given["project"],
        user=given["user"],
        action=given["action"],
        since=_begin(since) if since else None,
        until=_begin(until + timedelta(days=1)) if until else None,
        text=given["text"] or None,
    )


def _begin(day: date) -> datetime:
    """When a day begins where the reader is."""
    return datetime.combine(day, day_time(), session.zone())


def _draw_filters(found: AuditPage) -> None:
    anew = partial(turn_back, _LIST)
    who = {one: one or text("audit.operator") for one in found.users}
    what = {one: deed(one) for one in found.actions}
    with st.container(horizontal=True, vertical_alignment="bottom", key="audit-filters"):
        for name, named in (("project", found.projects), ("user", who), ("action", what)):
            draw_choice(f"audit-{name}", text(f"audit.{name}"), named, anew)
        for name in ("since", "until"):
            st.date_input(
                text(f"audit.{name}"),
                value=None,
                key=f"audit-{name}",
                on_change=anew,
                format="YYYY-MM-DD",
                width=150,
            )
        st.text_input(
            text("audit.text"), key="audit-text", on_change=anew, max_chars=200, width=200
        )


def _row(one: AuditEntry, titles: Mapping[str, str]) -> dict[str, str]:
    return {
        "when": moment(one.at, session.zone()),
        "who": one.display_name or one.user or text("audit.operator"),
        "name": one.user or "",
        "what": deed(one.action),
        "on": on_what(one, titles),
        "project": one.project or "",
        "change": change(one),
        "reason": one.reason or "",
    }
