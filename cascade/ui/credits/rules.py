"""What a project allows, in a form: threshold, budget, the zone of its months, and writers."""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from collections.abc import Mapping
from functools import cache
from typing import Any, cast, get_args

import streamlit as st

from cascade.errors import BadRule
from cascade.service import (
    MOST_OF_A_RULE,
    Desk,
    ProjectView,
    Rule,
    RuleChange,
    Rules,
)
from cascade.ui import session
from cascade.ui.kit.expanders import box
from cascade.ui.kit.html import render
from cascade.ui.kit.texts import number, text
from cascade.ui.session import guarded

NAMES: tuple[Rule, ...] = get_args(Rule)
UTC, OFFLINE = "UTC", "offline"
# Credits are whole: a point or comma can only set thousands apart, as one or the other language.
_CREDITS, _APART = re.compile(r"[0-9]{1,12}|[0-9]{1,3}([.,][0-9]{3}){1,3}"), re.compile("[.,]")


def draw_rules(desk: Desk, projects: tuple[ProjectView, ...]) -> None:
    """The form for one of some projects; what was typed stays where it is refused."""
    with box(text("rules.title"), key="rules-box"):
        named = {one.id: one for one in projects}
        chosen = projects[0].id
        if len(projects) > 1:
            chosen = st.selectbox(
                text("credits.project"),
                list(named),
                format_func=lambda one: named[one].name,
                key="rules-project",
                width=420,
            )
        _draw_form(desk, named[chosen])
        session.show_problem("rules")
        session.show_notice("rules")


def _draw_form(desk: Desk, project: ProjectView) -> None:
    set_ = project.rules
    keys = _keys(project)

    @guarded("rules")
    def save() -> None:
        change = _change(_typed(keys), set_)
        after = desk.set_project(project.id, change)
        # Of what was sent, how a name is spelled may be all that was other.
        other = (one for one in NAMES if one in change and _is_other(one, set_, after))
        changes = [_told(one, set_, after) for one in other]
        words = text("rules.changed", project=project.name, changes="; ".join(changes))
        session.notify(words if changes else text("rules.same"), "rules")

    with st.form("rules", width=560, border=False):
        st.html(render("kit/about", words=text("rules.about")))
        amounts: tuple[Rule, ...] = ("approve_above", "budget")
        for name in amounts:
            credits = getattr(set_, name)
            # A field for numbers that shows one from the first can never be emptied again.
            st.text_input(
                text(f"rules.{name}"),
                "" if credits is None else str(credits),
                key=keys[name],
                placeholder=text("rules.none"),
                help=text(f"rules.{name}_help"),
            )
        known = sorted({*zones(), set_.time_zone}, key=lambda one: (one != UTC, one))
        st.selectbox(
            text("rules.time_zone"),
            known,
            known.index(set_.time_zone),
            key=keys["time_zone"],
            help=text("rules.time_zone_help"),
        )
        st.multiselect(
            text("rules.writers"),
            sorted({OFFLINE, desk.writer.server or OFFLINE, *(set_.writers or ())}),
            set_.writers or (),
            key=keys["writers"],
            accept_new_options=True,
            placeholder=text("rules.all_writers"),
            help=text("rules.writers_help"),
        )
        st.form_submit_button(text("rules.save"), on_click=save, type="primary")


@cache
def zones() -> frozenset[str]:
    """The zones that people know by a place, and UTC; what else has a name is an older one."""
    places = {one for one in zoneinfo.available_timezones() if "/" in one}
    return frozenset({UTC, *(one for one in places if not one.startswith("Etc/"))})


def _keys(project: ProjectView) -> Mapping[Rule, str]:
    """The keys of the fields: others as soon as something else is set, which they show then.

    They are not filled through the session: a page that is drawn twice at its start may show them
    empty, and would send that.
    """
    of = hashlib.sha256(repr((project.id, project.rules)).encode()).hexdigest()[:8]
    return {name: f"rules-{name}-{of}" for name in NAMES}


def _typed(keys: Mapping[Rule, str]) -> Rules:
    """What the fields hold, as rules are kept. Raises BadRule."""
    above, budget, zone, writers = (st.session_state[keys[name]] for name in NAMES)
    return Rules(
        _credits("approve_above", above), _credits("budget", budget), zone, tuple(writers) or None
    )


def _credits(name: Rule, typed: str) -> int | None:
    """How many credits somebody has typed, with their thousands set apart or not; None for none.

    Raises BadRule.
    """
    signs = "".join(typed.split())
    if not signs:
        return None
    if not _CREDITS.fullmatch(signs):
        raise BadRule(name, "it is to be a whole number, or none", MOST_OF_A_RULE)
    return int(_APART.sub("", signs))


def _change(typed: Rules, set_: Rules) -> RuleChange:
    """What was typed that is other than what the fields were filled with."""
    other = (name for name in NAMES if _is_other(name, set_, typed))
    return cast(RuleChange, {name: getattr(typed, name) for name in other})


def _is_other(name: Rule, before: Rules, after: Rules) -> bool:
    return bool(getattr(before, name) != getattr(after, name))


def _told(name: Rule, before: Rules, after: Rules) -> str:
    """What became of a rule: `Budget a month: none → 500`."""
    was, is_ = (_words(name, getattr(one, name)) for one in (before, after))
    return f"{text(f'rules.{name}')}: {was} → {is_}"


def _words(name: Rule, value: Any) -> str:
    if value is None:
        return text("rules.all_writers" if name == "writers" else "rules.none")
    if name == "writers":
        return ", ".join(value)
    return number(value) if isinstance(value, int) else str(value)
