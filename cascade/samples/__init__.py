"""The sample users and stories that an empty database gets, so that there is something to show."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.orm import Session

from cascade import ledger
from cascade.store import accounts, stories
from cascade.store.documents import read_document
from cascade.store.tables import Role

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
