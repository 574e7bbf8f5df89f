"""The sample users and stories that an empty database gets, so that there is something to show."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import NotADemo, UnknownUser
from cascade.formats.json import read_document
from cascade.store import accounts, inserting
from cascade.store.accounts import Actor
from cascade.store.tables import (
    ACTIVE,
    PRODUCT_TABLES,
    AuditRow,
    CreditAccount,
    CreditEntry,
    Draft,
    LiveText,
    Made,
    ModelCall,
    OutboxMessage,
    Piece,
    Project,
    ProjectMember,
    ProjectRules,
    Request,
    Revision,
    Role,
    Run,
    RunEvent,
    RunStep,
    ScenePlot,
    SceneShot,
    StartKey,
    StoryVersion,
    Token,
    User,
)

# What in a database is not the samples', as `NotADemo` names it.
Cause = Literal["tables", "projects", "users", "stories"]
_NOT_OURS: Mapping[Cause, str] = {
    "tables": "its story tables were there before the program and belong to another one",
    "projects": "it has projects of its own, or lacks the samples'",
    "users": "it has users of its own, or lacks the samples'",
    "stories": "it has stories of its own, or lacks the samples'",
}

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
    """Adds the users, the editor's credits, and the stories through the code of `import`.

    Every row of them is noted, so that a reset takes away these and no others.
    """
    project_id = accounts.add_project(session, PROJECT)
    made = [Made(kind="project", id=project_id)]
    for name, display_name, role in USERS:
        actor = accounts.add_user(session, name, display_name, role, project_id)
        account = accounts.open_account(session, actor, project_id)
        if role == "editor":
            ledger.grant(session, account.id, EDITOR_CREDITS)
        made.append(Made(kind="user", id=actor.user_id))
    for name in STORIES:
        story = read_document(Path(__file__).parent / name)
        made.append(Made(kind="story", id=inserting.insert_story(session, project_id, story)))
    session.add_all(made)
    session.flush()


def user_and_others(session: Session, name: str) -> tuple[Actor, list[Actor]]:
    """The user of that name, and where that is a sample user, all of them that are there.

    Raises UnknownUser.
    """
    made = sa.select(Made.id).where(Made.kind == "user")
    is_sample = User.id.in_(made)
    found = session.execute(sa.select(User, is_sample).where((User.name == name) | is_sample))
    actors = {
        user.name: (Actor(user.id, user.name, user.display_name), bool(made_here))
        for user, made_here in found
    }
    if name not in actors:
        raise UnknownUser(name)
    actor, is_one = actors[name]
    places = {one: place for place, (one, _, _) in enumerate(USERS)}
    ours = [one for one, made_here in actors.values() if made_here and one.name in places]
    return actor, sorted(ours, key=lambda one: places[one.name]) if is_one else []


def whose(session: Session) -> Cause | None:
    """What in the database is not the samples'; None where a reset may take all there is.

    The tables themselves come first: in those that a product has made nothing is ever deleted.
    """
    made: dict[str, set[str]] = {}
    for kind, id_ in session.execute(sa.select(Made.kind, Made.id)):
        made.setdefault(kind, set()).add(id_)
    if not made.get("table", set()).issuperset(PRODUCT_TABLES):
        return "tables"
    kinds: Mapping[str, tuple[Cause, Any]] = {
        "project": ("projects", Project.id),
        "user": ("users", User.id),
        "story": ("stories", StoryVersion.id),
    }
    there: dict[str, set[str]] = {}
    asked = (sa.select(sa.literal(kind), column) for kind, (_, column) in kinds.items())
    for kind, id_ in session.execute(sa.union_all(*asked)):
        there.setdefault(kind, set()).add(id_)
    # Where a sample was taken away by hand, what is left is no demo either.
    return next(
        (cause for kind, (cause, _) in kinds.items() if there.get(kind) != made.get(kind)), None
    )


def reset(session: Session) -> None:
    """Takes away the samples with all that was done to them, and loads them again.

    Raises NotADemo unless there is nothing but the samples and no run is under way: nobody's work
    or money is thrown away by a button.
    """
    cause = whose(session)
    if cause is not None:
        raise NotADemo(_NOT_OURS[cause], cause)
    if session.scalar(sa.select(Run.id).where(Run.status.in_(ACTIVE)).limit(1)) is not None:
        raise NotADemo("a run is under way; wait until it has ended, or cancel it", "run_active")
    with accounts.without_append_only(session):
        _delete_samples(session)
    load(session)


def _delete_samples(session: Session) -> None:
    """Deletes the samples' rows by their ids, and what hangs off them, the last made first.

    What is left of a story or project that is gone by now hangs off the samples' users.
    """
    project, story, user = (
        sa.select(Made.id).where(Made.kind == kind) for kind in ("project", "story", "user")
    )
    is_ours = CreditAccount.user_id.in_(user) | CreditAccount.project_id.in_(project)
    account = sa.select(CreditAccount.id).where(is_ours)
    run = sa.select(Run.id).where(Run.account_id.in_(account))
    scene = sa.select(ScenePlot.id).where(ScenePlot.story_version_id.in_(story))
    there = sa.select(StoryVersion.id)
    for table, its in (
        # Whose all of it is: nobody else is there, and no other project.
        (AuditRow, sa.true()),
        (Draft, Draft.user_id.in_(user)),
        (Token, Token.user_id.in_(user)),
        (StartKey, StartKey.user_id.in_(user)),
        (RunEvent, RunEvent.run_id.in_(run)),
        (LiveText, LiveText.run_id.in_(run)),
        (ModelCall, ModelCall.run_id.in_(run)),
        (RunStep, RunStep.run_id.in_(run)),
        (Piece, Piece.story_version_id.in_(story) | Piece.story_version_id.not_in(there)),
        (Revision, Revision.story_version_id.in_(story) | Revision.story_version_id.not_in(there)),
        (Request, Request.run_id.in_(run)),
        (Run, Run.account_id.in_(account)),
        (CreditEntry, CreditEntry.account_id.in_(account)),
        (CreditAccount, is_ours),
        (SceneShot, SceneShot.scene_plot_id.in_(scene)),
        (ScenePlot, ScenePlot.story_version_id.in_(story)),
        (StoryVersion, StoryVersion.id.in_(story)),
        (ProjectMember, ProjectMember.user_id.in_(user)),
        (OutboxMessage, OutboxMessage.project_id.in_(project)),
        (ProjectRules, ProjectRules.project_id.in_(project)),
        (User, User.id.in_(user)),
        (Project, Project.id.in_(project)),
        (Made, Made.kind.in_(("project", "story", "user"))),
    ):
        session.execute(sa.delete(table).where(its).execution_options(synchronize_session=False))
    session.expunge_all()
