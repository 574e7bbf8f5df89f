"""An editor's own request for the story, as the bar of state tells of it while it waits."""

from __future__ import annotations

import streamlit as st

from cascade.service import Desk, OwnRequest
from cascade.ui import session
from cascade.ui.kit.problems import explain
from cascade.ui.kit.texts import count, moment, text
from cascade.ui.session import guarded
from cascade.ui.studio.bending import Bending


def waiting_request(bending: Bending) -> OwnRequest | None:
    """The request that waits; one that holds no more ends here, where its editor sees why."""
    found = bending.request
    if found is None or not found.asked.is_waiting:
        return None
    if found.why_not is not None:
        bending.desk.look_at_request(found.asked.run_id)
    return found


def request_words(one: OwnRequest) -> tuple[str, str]:
    """What is said of it: that it waits or why no more, its price, since when, and the answers."""
    asked, zone = one.asked, session.zone()
    if one.why_not is not None:
        return text("run.title.rejected"), explain(one.why_not)
    price = count("credits", asked.estimated_credits)
    parts = [price, text("requested.since", when=moment(asked.asked_at, zone))]
    if asked.comments:
        last = asked.comments[-1]
        parts.append(text("requested.changes", user=last.by, words=last.text))
    return text("run.title.awaiting_approval"), " · ".join(parts)


def draw_withdraw(desk: Desk, one: OwnRequest) -> None:
    """The way back."""

    @guarded()
    def withdraw() -> None:
        desk.withdraw(one.asked.run_id)
        session.remark(text("requested.withdrawn"))

    st.button(text("requested.withdraw"), key="withdraw", on_click=withdraw)
