"""Giving roles, and adding people who have not signed in yet; an admin's."""

from __future__ import annotations

from typing import cast, get_args

import streamlit as st

from cascade.service import Desk, Member, People, Role
from cascade.ui import session
from cascade.ui.kit.texts import text
from cascade.ui.session import guarded

ROLES: tuple[Role, ...] = get_args(Role)
# What can be given beside a role in a project.
NONE, ADMIN, NO_ADMIN = "none", "admin", "no_admin"


def draw_giving(desk: Desk, found: People) -> None:
    """A form that says what somebody is from now on."""
    people, projects = _people(found), {one.id: one.name for one in found.projects}

    @guarded()
    def give() -> None:
        name, role = st.session_state["give-person"], st.session_state["give-role"]
        project = st.session_state["give-project"]
        if role in (ADMIN, NO_ADMIN):
            desk.set_admin(name, role == ADMIN)
            session.notify(text(f"people.given_{role}", person=people[name]))
            return
        desk.set_role(name, None if role == NONE else cast(Role, role), project)
        given = "people.given_none" if role == NONE else "people.given"
        what = "" if role == NONE else text(f"role.{role}")
        session.notify(text(given, person=people[name], role=what, project=projects[project]))

    with st.form("give", width=420):
        st.markdown(f"**{text('people.give')}**")
        st.selectbox(
            text("people.person"), list(people), format_func=people.__getitem__, key="give-person"
        )
        _draw_projects("give-project", projects)
        named = {one: _named(one) for one in (*ROLES, NONE, ADMIN, NO_ADMIN)}
        st.selectbox(
            text("people.role"), list(named), format_func=named.__getitem__, key="give-role"
        )
        st.form_submit_button(text("people.give_yes"), on_click=give, type="primary")


def draw_adding(desk: Desk, found: People) -> None:
    """A form that adds somebody, who finds their role when they sign in for the first time."""
    projects = {one.id: one.name for one in found.projects}

    @guarded()
    def add() -> None:
        name = st.session_state["add-name"].strip()
        shown = st.session_state["add-shown"].strip()
        role, project = st.session_state["add-role"], st.session_state["add-project"]
        desk.add_person(name, shown or name, role, project)
        session.notify(text("people.added", person=shown or name, role=text(f"role.{role}")))
        for key in ("add-name", "add-shown"):
            st.session_state[key] = ""

    with st.form("add", width=420):
        st.markdown(f"**{text('people.add')}**")
        st.text_input(text("people.name"), key="add-name", help=text("people.name_help"))
        st.text_input(text("people.shown"), key="add-shown")
        _draw_projects("add-project", projects)
        named = {role: text(f"role.{role}") for role in ROLES}
        st.selectbox(
            text("people.role"), list(named), format_func=named.__getitem__, key="add-role"
        )
        st.form_submit_button(text("people.add_yes"), on_click=add)


def _draw_projects(key: str, projects: dict[str, str]) -> None:
    st.selectbox(text("people.project"), list(projects), format_func=projects.__getitem__, key=key)


def _named(role: str) -> str:
    return text(f"role.{role}") if role in ROLES else text(f"people.be_{role}")


def _people(found: People) -> dict[str, str]:
    """Everybody there is, once, by name."""
    members = [one for project in found.projects for one in project.members]
    return {
        one.name: f"{one.display_name} ({one.name})" if one.display_name != one.name else one.name
        for one in sorted([*members, *found.admins, *found.without], key=_by_name)
    }


def _by_name(one: Member) -> str:
    return (one.display_name or one.name).casefold()
