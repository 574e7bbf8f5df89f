"""The sample users and stories that an empty database gets, so that there is something to show."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import NotADemo
from cascade.store import accounts, stories
from cascade.store.documents import read_document
from cascade.store.tables import ACTIVE, Base, Role, Run, User

USERS: tuple[tuple[str, str, Role], ...] = (
    ("editor", "Sample Editor", "editor"),
    ("producer", "Sample Producer", "producer"),
    ("viewer", "Sample Viewer", "viewer"),
)
PROJECT = "Sample Project"
EDITOR_CREDITS = 500
# In the order in which a new database gets them; the page opens on the first.
STORIES = (
    "tinggi-muka-air.json",
    "a-hundred-diameters.json",
    "maximum-permissible-error.json",
)


def load(session: Session) -> None:
    """Adds the users, the editor's credits, and the stories through the code of `import`."""
    project_id = accounts.add_project(session, PROJECT)
    for name, display_name, role in USERS:
        actor = accounts.add_user(session, name, display_name, role, project_id)
        account = accounts.open_account(session, actor, project_id)
        if role == "editor":
            ledger.grant(session, account.id, EDITOR_CREDITS)
    for name in STORIES:
        story = read_document(Path(__file__).parent / name)
        stories.insert_story(session, project_id, story)


def are_alone(session: Session) -> bool:
    """True where the users are the samples' and nobody else's."""
    return set(session.scalars(sa.select(User.name))) == {name for name, _, _ in USERS}


def reset(session: Session) -> None:
    """Empties the database and loads the samples again.

    Raises NotADemo unless the users are the samples' and no run is under way: nobody's work or
    money is thrown away by a button.
    """
    if not are_alone(session):
        raise NotADemo("it has users of its own", "users")
    if session.scalar(sa.select(Run.id).where(Run.status.in_(ACTIVE)).limit(1)) is not None:
        raise NotADemo("a run is under way; wait until it has ended, or cancel it", "run_active")
    with accounts.without_append_only(session):
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(sa.delete(table))
    load(session)
