"""A field that the page writes into: an edit is heard once, what the page said itself is not."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def _page() -> None:
    import streamlit as st

    from cascade.ui.kit.field import showing

    state = st.session_state
    shown = showing("wish", state.setdefault("kept", "old"))
    state.setdefault("fields", []).append(shown)

    def take() -> None:
        said = shown.heard()
        state.setdefault("heard", []).append(said)
        if said is not None:
            state["kept"] = said

    st.text_input("Wish", key=shown.key, on_change=take)


def test_an_edit_is_heard_and_keeps_its_field() -> None:
    page = AppTest.from_function(_page).run()
    page.text_input[0].input("new").run()
    assert page.session_state["heard"] == ["new"]
    assert [one.key for one in page.session_state["fields"]] == ["wish-0", "wish-0"]
    assert page.text_input[0].value == "new"


def test_what_came_from_elsewhere_makes_another_field() -> None:
    page = AppTest.from_function(_page).run()
    page.session_state["kept"] = "theirs"
    page.run()
    assert page.session_state["fields"][-1].key == "wish-1"
    assert page.text_input[0].value == "theirs"


def _echo() -> None:
    import streamlit as st

    from cascade.ui.kit.field import Field, showing

    old = showing("wish", "old")
    st.session_state["forgotten"] = Field("elsewhere", 0, "old").heard()
    showing("wish", "theirs")
    # What the browser sent before it heard of that.
    st.session_state[old.key] = "older"
    st.session_state["heard"] = old.heard()


def test_what_an_old_one_says_is_not_heard() -> None:
    page = AppTest.from_function(_echo).run()
    assert page.session_state["heard"] is None
    assert page.session_state["forgotten"] is None
