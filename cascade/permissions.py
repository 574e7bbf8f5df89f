"""Who may do what: one table of roles for every use case."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from sqlalchemy.orm import Session

from cascade.errors import NotAllowed
from cascade.store import accounts
from cascade.store.accounts import Actor
from cascade.store.tables import Role

Action = Literal["read", "draft", "start", "cancel", "resume", "restore", "approve"]

# Who may do what in a project. The command line's grant, import and db are the operator's and
# are not in it: whoever can run them owns the database.
ALLOWED: Mapping[Action, tuple[Role, ...]] = MappingProxyType(
    {
        "read": ("viewer", "editor", "producer"),
        "draft": ("editor", "producer"),
        "start": ("editor",),
        "cancel": ("editor", "producer"),
        "resume": ("editor",),
        "restore": ("editor",),
        "approve": ("producer",),
    }
)
_IN_WORDS: Mapping[Action, str] = MappingProxyType(
    {
        "read": "read this story",
        "draft": "change this story's curve",
        "start": "start a run on this story",
        "cancel": "cancel a run on this story",
        "resume": "resume a run on this story",
        "restore": "restore texts of this story",
        "approve": "approve a run on this story",
    }
)


def permitted(session: Session, actor: Actor, project_id: str) -> frozenset[Action]:
    """What the actor may do in a project; nothing for one who is no member."""
    role = accounts.role_in(session, actor, project_id)
    return frozenset(action for action, roles in ALLOWED.items() if role in roles)


def permit(session: Session, actor: Actor, action: Action, project_id: str) -> None:
    """Raises NotAllowed unless the actor may do that in the project."""
    if action not in permitted(session, actor, project_id):
        raise NotAllowed(actor.name, _IN_WORDS[action], ALLOWED[action], action)
