"""The page of the audit: who did what, narrowed by what is asked for, and all of it as a file."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as day_time
from functools import partial

import streamlit as st

from cascade.service import AuditEntry, AuditFilter, AuditPage, Desk
from cascade.ui import session
from cascade.ui.audit.file import as_csv
from cascade.ui.audit.words import change, deed, on_what
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import moment, text

PAGE = 100
# The first entry of each page that was turned over, the newest page's aside.
_TURNED = "audit-turned"
_FIELDS = ("project", "user", "action", "since", "until", "text")
ANY, OPERATOR = None, ""


def draw_audit(desk: Desk) -> None:
    """The page. Raises NotAllowed for whoever may see none of it."""
    turned: list[int] = st.session_state.setdefault(_TURNED, [])
    asked = _asked()
    found = desk.audit(asked, before=turned[-1] if turned else None, most=PAGE)
    with st.container(key="audit"):
        st.header(text("audit.title"), anchor=False)
        st.html(render("people/words", words=text("audit.about")))
        session.show_problem("page")
        _draw_filters(found)
        if found.entries:
            titles = {one.id: one.title for one in desk.stories()}
            rows = [_row(one, titles) for one in found.entries]
            st.html(render("audit/entries", name=text("audit.title"), rows=rows))
        else:
            st.caption(text("audit.none_asked" if asked != AuditFilter() else "audit.none"))
        _draw_turning(found, turned)
        st.download_button(
            text("audit.download"),
            partial(as_csv, desk, asked),
            file_name="audit.csv",
            mime="text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _asked() -> AuditFilter:
    given = {name: st.session_state.get(f"audit-{name}") for name in _FIELDS}
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
    who = {one: one or text("audit.operator") for one in found.users}
    what = {one: deed(one) for one in found.actions}
    with st.container(horizontal=True, vertical_alignment="bottom", key="audit-filters"):
        _draw_choice("project", dict(found.projects))
        _draw_choice("user", who)
        _draw_choice("action", what)
        for name in ("since", "until"):
            st.date_input(
                text(f"audit.{name}"),
                value=None,
                key=f"audit-{name}",
                on_change=_turn_back,
                format="YYYY-MM-DD",
                width=150,
            )
        st.text_input(
            text("audit.text"), key="audit-text", on_change=_turn_back, max_chars=200, width=200
        )


def _draw_choice(name: str, named: dict[str, str]) -> None:
    # What is asked for stays to be seen where no entry of it is left.
    now = st.session_state.get(f"audit-{name}")
    options = [*named, *([now] if now is not None and now not in named else [])]
    st.selectbox(
        text(f"audit.{name}"),
        options,
        index=None,
        format_func=lambda one: named.get(one, one),
        key=f"audit-{name}",
        placeholder=text("audit.any"),
        on_change=_turn_back,
        width=190,
    )


def _turn_back() -> None:
    st.session_state[_TURNED] = []


def _turn_over(last: int) -> None:
    st.session_state[_TURNED].append(last)


def _turn_back_one() -> None:
    st.session_state[_TURNED].pop()


def _draw_turning(found: AuditPage, turned: list[int]) -> None:
    """Ways to older entries and back to newer ones."""
    if not (turned or found.is_more):
        return
    with st.container(horizontal=True, key="audit-turning"):
        st.button(
            text("audit.newer"),
            key="audit-newer",
            disabled=not turned,
            on_click=_turn_back_one,
        )
        st.button(
            text("audit.older"),
            key="audit-older",
            disabled=not found.is_more,
            on_click=_turn_over,
            args=(found.entries[-1].id if found.entries else 0,),
        )


def _row(one: AuditEntry, titles: dict[str, str]) -> dict[str, str]:
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
