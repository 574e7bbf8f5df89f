"""What was done, in words: an entry of the audit as it is read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cascade.display import to_json
from cascade.service import AuditEntry
from cascade.story.story import Part
from cascade.ui import session
from cascade.ui.kit.problems import beat_label, named_part
from cascade.ui.kit.texts import moment, text

# What stands for nothing at all.
NOTHING = "–"


def deed(action: str) -> str:
    """What was done: `Role given`; as it is kept where it is a deed that has no words."""
    try:
        return text(f"audit.action.{action.replace('.', '_')}")
    except KeyError:
        return action


def on_what(one: AuditEntry, titles: Mapping[str, str]) -> str:
    """What it was done to: a person, a token, a piece of a story by its title."""
    story, slash, key = one.object.partition("/")
    return f"{titles[story]}: {_part(key)}" if slash and story in titles else one.object


def _part(key: str) -> str:
    """A beat or one of its texts as people name it; its key where that is neither."""
    try:
        return named_part(Part("piece", key)) if "/" in key else beat_label(key)
    except (KeyError, ValueError):
        return key


def change(one: AuditEntry) -> str:
    """What was there before and after; empty where neither is kept.

    Of a text the digests are, which tell nobody anything but a program: the file has them.
    """
    if one.action == "text.restore":
        return text("audit.text_back")
    if one.before is None and one.after is None:
        return ""
    return f"{_value(one.before)} → {_value(one.after)}"


def _value(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, Mapping) and "expiresAt" in value:
        # A token: for whom, and until when.
        until = moment(datetime.fromisoformat(str(value["expiresAt"])), session.zone())
        return text("audit.token", user=value.get("user", ""), when=until)
    return value if isinstance(value, str) else to_json(value)
