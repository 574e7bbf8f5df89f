"""Whose page it is.

It is whoever has signed in; where nobody signs in, and on this machine alone, the user that the
settings name, and of the sample users any other.
"""

from __future__ import annotations

import streamlit as st

from cascade.errors import BadIdentity
from cascade.service import Actor
from cascade.ui import session, signing
from cascade.ui.kit import address
from cascade.ui.kit.html import render
from cascade.ui.kit.prose import escape
from cascade.ui.kit.texts import text
from cascade.ui.shell import announce

_CHOSEN, _LAST = "view-as", "viewed-as"
# How often somebody in no project looks whether they are in one now.
LOOKS_S = 5.0


def find_viewer() -> bool:
    """Finds out whose page it is, and says in the bar who; False where nobody may see any of it.

    Raises UnknownUser, BadIdentity.
    """
    if signing.providers():
        return _find_signed_in()
    if not signing.is_local_request():
        _drop()
        return False
    _find_local()
    return True


def draw_door() -> None:
    """What is shown in place of the page to whoever may not see any of it, and what to do."""
    providers = signing.providers()
    with st.container(key="door"):
        if not providers:
            st.error(text("door.missing"), icon=":material/lock:")
            return
        st.header(text("door.title"), anchor=False)
        st.html(render("shell/door", words=text("door.help"), failed=text("door.failed")))
        for provider in providers:
            name = provider.replace("-", " ").title()
            st.button(
                text("door.sign_in_with", provider=escape(name))
                if provider
                else text("door.sign_in"),
                key=f"sign-in-{provider}",
                type="primary",
                on_click=signing.sign_in,
                args=(provider,),
            )


def draw_no_project() -> None:
    """What is shown to somebody who is known and in no project, and what to do."""
    actor = session.viewer()
    assert actor is not None
    with st.container(key="door"):
        st.header(text("door.no_project"), anchor=False)
        st.html(
            render("shell/door", words=text("door.no_project_help", name=actor.name), failed="")
        )
        # Once somebody has let them in, the page is there.
        session.redraw_when(lambda: "read" in session.desk().may_see(), LOOKS_S)


def _find_signed_in() -> bool:
    found = signing.identity()
    if found is None:
        _drop()
        announce("who", who="")
        return False
    actor = session.viewer()
    if actor is None or not session.is_still_viewer():
        _drop()
        try:
            actor = session.service().sign_in(found)
        except BadIdentity:
            _draw_sign_out()
            raise
        session.set_viewer(actor, by=found)
        if not st.query_params:
            address.begin_at(signing.wanted())
    announce("who", who=actor.user_id)
    with st.popover(escape(actor.display_name), key="who", width="content"):
        st.caption(text("door.signed_in", name=escape(actor.name)))
        _draw_sign_out()
    return True


def _draw_sign_out() -> None:
    st.button(text("door.sign_out"), key="sign-out", on_click=st.logout, icon=":material/logout:")


def _drop() -> None:
    """Forgets whose page it was, and all that was theirs."""
    if session.viewer() is not None:
        session.forget()


def _find_local() -> None:
    actor, others = session.service().viewers()
    if not others:
        st.session_state.pop(_CHOSEN, None)
        _take(actor)
        st.caption(escape(text("head.user", name=actor.display_name)), width="content")
        return
    # Whoever it is at first comes first: until the browser has heard of another, a click that is
    # quick enough says the first.
    names = sorted((one.name for one in others), key=lambda name: name != actor.name)
    shown = {one.name: one.display_name for one in others}
    if st.session_state.get(_CHOSEN) not in names:
        # A way to another page, taken by the program, leaves a field without what was chosen in it.
        last = st.session_state.get(_LAST)
        st.session_state[_CHOSEN] = last if last in names else actor.name
    chosen = st.selectbox(
        text("head.view_as"),
        names,
        format_func=lambda name: shown[name],
        key=_CHOSEN,
        label_visibility="collapsed",
        width=160,
    )
    st.session_state[_LAST] = chosen
    _take(next(one for one in others if one.name == chosen))


def _take(actor: Actor) -> None:
    before = session.viewer()
    session.set_viewer(actor)
    if before is not None and before.user_id != actor.user_id:
        # What the one before had open and pending is not this one's.
        session.forget(but=(_CHOSEN, _LAST))
        session.set_viewer(actor)
