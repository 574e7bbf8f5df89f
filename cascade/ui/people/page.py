"""The page of people: who is what in which project; for admins the ways to change it."""

from __future__ import annotations

import streamlit as st

from cascade.service import Desk, Member, People
from cascade.ui import session
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import moment, text
from cascade.ui.people.giving import draw_adding, draw_giving
from cascade.ui.people.tokens import draw_tokens


def draw_people(desk: Desk) -> None:
    """The page. Raises NotAllowed for whoever may see nobody."""
    found = desk.people()
    with st.container(key="people"):
        st.header(text("people.title"), anchor=False)
        st.html(render("kit/about", words=text(_about(found))))
        session.show_problem("page")
        session.show_notice()
        for project in found.projects:
            st.subheader(escape(project.name), anchor=False)
            _draw_members(project.name, project.members, "people.nobody")
        if found.may_give:
            st.subheader(text("people.admins"), anchor=False)
            _draw_members(text("people.admins"), found.admins, "people.no_admins")
            if found.without:
                st.subheader(text("people.without"), anchor=False)
                _draw_members(text("people.without"), found.without, "people.nobody")
            with st.container(horizontal=True, key="people-forms"):
                draw_giving(desk, found)
                draw_adding(desk, found)
        draw_tokens(desk, found)


def _about(found: People) -> str:
    return "people.about_admin" if found.may_give else "people.about"


def _draw_members(name: str, members: tuple[Member, ...], nobody: str) -> None:
    if not members:
        st.caption(text(nobody))
        return
    zone = session.zone()
    rows = [
        {
            "display_name": one.display_name or one.name,
            "name": one.name,
            "role": text(f"role.{one.role or ('admin' if one.is_admin else 'none')}"),
            "is_admin": one.is_admin and one.role is not None,
            "from_claims": one.from_claims,
            "seen": moment(one.last_seen_at, zone) if one.last_seen_at else text("people.never"),
        }
        for one in members
    ]
    st.html(render("people/members", name=name, rows=rows))
