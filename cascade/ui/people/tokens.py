"""The tokens of the people one sees: what programs show to act for them over HTTP."""

from __future__ import annotations

import streamlit as st

from cascade.service import MOST_DAYS, USUAL_DAYS, Desk, People, TokenView
from cascade.ui import session
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import moment, text
from cascade.ui.session import guarded

# A token that was just made: nobody can show it a second time.
_MADE = "made-token"


def draw_tokens(desk: Desk, found: People) -> None:
    """The tokens there are, a form for another, and a way to take one back."""
    st.subheader(text("tokens.title"), anchor=False)
    if made := st.session_state.get(_MADE):
        _draw_made(*made)
    if found.tokens:
        rows = [_row(one) for one in found.tokens]
        st.html(render("people/tokens", name=text("tokens.title"), rows=rows))
    else:
        st.caption(text("tokens.none"))
    with st.container(horizontal=True, key="token-forms"):
        _draw_making(desk, found)
        good = [one for one in found.tokens if one.is_good and _may(desk, found, one)]
        if good:
            _draw_revoking(desk, good)


def _draw_made(user: str, token: str) -> None:
    with st.container(border=True, key="made-token"):
        st.markdown(text("tokens.made", user=user))
        st.code(token, language=None)
        st.button(text("tokens.kept"), key="token-kept", on_click=_forget)


def _forget() -> None:
    st.session_state.pop(_MADE, None)


def _draw_making(desk: Desk, found: People) -> None:
    names = [desk.actor.name]
    if found.may_give:
        members = [one.name for project in found.projects for one in project.members]
        names = sorted({*names, *members, *(one.name for one in found.admins)}, key=str.casefold)

    @guarded()
    def make() -> None:
        user, days = st.session_state["token-user"], st.session_state["token-days"]
        st.session_state[_MADE] = (user, desk.create_token(user, days))

    with st.form("make-token", width=420):
        st.markdown(f"**{text('tokens.make')}**")
        st.selectbox(text("tokens.user"), names, key="token-user")
        st.number_input(
            text("tokens.days"),
            min_value=1,
            max_value=MOST_DAYS,
            value=USUAL_DAYS,
            key="token-days",
        )
        st.form_submit_button(text("tokens.make_yes"), on_click=make)


def _draw_revoking(desk: Desk, good: list[TokenView]) -> None:
    zone = session.zone()
    named = {
        one.id: text("tokens.one", user=one.user, when=moment(one.created_at, zone)) for one in good
    }

    @guarded()
    def revoke() -> None:
        one = desk.revoke_token(st.session_state["token-revoked"])
        session.notify(text("tokens.revoked", user=one.user))

    with st.form("revoke-token", width=420):
        st.markdown(f"**{text('tokens.revoke')}**")
        st.selectbox(
            text("tokens.which"), list(named), format_func=named.__getitem__, key="token-revoked"
        )
        st.form_submit_button(text("tokens.revoke_yes"), on_click=revoke)


def _may(desk: Desk, found: People, one: TokenView) -> bool:
    return found.may_give or one.user == desk.actor.name


def _row(one: TokenView) -> dict[str, str]:
    zone = session.zone()
    state = "good" if one.is_good else "revoked" if one.revoked_at else "expired"
    return {
        "user": one.user,
        "state": state,
        "state_words": text(f"tokens.state.{state}"),
        "made": moment(one.created_at, zone),
        "until": moment(one.expires_at, zone),
        "used": moment(one.last_used_at, zone) if one.last_used_at else text("tokens.never"),
    }
