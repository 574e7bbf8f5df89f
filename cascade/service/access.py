"""Who may see and do what: one table of roles, and the gate that every use case goes through."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from cascade.errors import NotAllowed, StoryGone, UnknownRun, UnknownStory
from cascade.runs import lifecycle, reading
from cascade.runs.reading import Run
from cascade.service.house import House
from cascade.store import accounts, stories
from cascade.store.accounts import Actor, Role
from cascade.store.database import Session
from cascade.store.stories import Projects
from cascade.story.story import Story

Action = Literal[
    "read", "draft", "start", "cancel", "resume", "restore", "fits", "import", "approve"
]

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
        "fits": ("editor",),
        "import": ("editor",),
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
        "fits": "say that a text of this story fits",
        "import": "import a story",
        "approve": "approve a run on this story",
    }
)


def permit(actor: Actor | None, role: str | None, action: Action) -> None:
    """Raises NotAllowed where somebody of that role may not do it; the operator may."""
    if actor is not None and role not in ALLOWED[action]:
        raise NotAllowed(actor.name, _IN_WORDS[action], ALLOWED[action], action)


@dataclass(frozen=True, slots=True)
class Gate:
    """One transaction of one person, with their roles as they are in it.

    A story or run of a project of which they are no member is unknown, like one that is not there;
    what their role in it does not cover is refused. Without an `actor` it is the operator's, and
    everything is there and allowed.
    """

    session: Session
    actor: Actor | None
    roles: Mapping[str, str]

    @property
    def projects(self) -> Projects:
        """The projects whose rows are there for this person."""
        return None if self.actor is None else self.roles.keys()

    def permitted(self, story_id: str) -> frozenset[Action]:
        """What may be done on a story. Raises UnknownStory."""
        return self.permitted_in(self.project(story_id))

    def project(self, story_id: str) -> str:
        """The project of a story. Raises UnknownStory."""
        project_id = stories.project_of(self.session, story_id)
        if self.actor is not None and project_id not in self.roles:
            raise UnknownStory(story_id)
        return project_id

    def story_id(self, reference: str) -> str:
        """The id of a story by its id or title. Raises UnknownStory, AmbiguousStory, NotAllowed."""
        story_id = stories.find_story_id(self.session, reference, self.projects)
        self.permit("read", story_id)
        return story_id

    def story(self, story_id: str, action: Action = "read") -> Story:
        """A story to do something with. Raises UnknownStory, NotAllowed, UnreadableStory."""
        self.permit(action, story_id)
        return stories.read_story(self.session, story_id)

    def lock_story(self, story_id: str, action: Action) -> str:
        """Locks a story for something; its project. Raises UnknownStory, NotAllowed."""
        self.permit(action, story_id)
        return stories.lock_story(self.session, story_id).project_id or ""

    def lock_story_of(self, run: Run, action: Action) -> str:
        """Locks the story of a run for something; its project. Raises StoryGone, NotAllowed."""
        try:
            return self.lock_story(run.story_version_id, action)
        except UnknownStory:
            # Whoever may see the run may know that its story is no more.
            raise StoryGone(run.id) from None

    def run(self, run_id: str, action: Action = "read") -> Run:
        """A run to read, or to do something with. Raises UnknownRun, NotAllowed."""
        return self._run(run_id, action)

    def permit_run(self, action: Action, run_id: str) -> None:
        """Raises UnknownRun, NotAllowed; of the run it reads who pays and no more."""
        self._permit_run(action, run_id, reading.project_of(self.session, run_id))

    def lock_run(self, run_id: str, action: Action) -> Run:
        """Locks a run for something. Raises UnknownRun, NotAllowed."""
        self._run(run_id, action)
        return lifecycle.lock_run(self.session, run_id)

    def lock_chain(self, run_id: str, action: Action) -> Run:
        """Locks the chain of a run for something, by its first one. Raises UnknownRun, NotAllowed.

        Always that one row: two who locked several could wait for each other.
        """
        run = self._run(run_id, action)
        lifecycle.lock_run(self.session, run.chain_id)
        return run

    def _run(self, run_id: str, action: Action) -> Run:
        run, project_id = reading.row(self.session, run_id)
        self._permit_run(action, run_id, project_id)
        return run

    def _permit_run(self, action: Action, run_id: str, project_id: str) -> None:
        if self.actor is not None and project_id not in self.roles:
            raise UnknownRun(run_id)
        self.permit_in(action, project_id)

    def permit(self, action: Action, story_id: str) -> None:
        """Raises UnknownStory, and NotAllowed where it may not be done on the story."""
        self.permit_in(action, self.project(story_id))

    def permit_everywhere(self, action: Action) -> None:
        """Raises NotAllowed unless it may be done in every project that there is."""
        for project_id in accounts.all_projects(self.session):
            self.permit_in(action, project_id)

    def permitted_in(self, project_id: str) -> frozenset[Action]:
        """What may be done in a project."""
        if self.actor is None:
            return frozenset(ALLOWED)
        role = self.roles.get(project_id)
        return frozenset(action for action, roles in ALLOWED.items() if role in roles)

    def permit_in(self, action: Action, project_id: str) -> None:
        """Raises NotAllowed where it may not be done in the project."""
        permit(self.actor, self.roles.get(project_id), action)


class View:
    """What every area of use cases stands on: the house, and one person's gate a transaction."""

    def __init__(self, house: House, actor: Actor | None) -> None:
        self._house = house
        self._actor = actor

    @contextmanager
    def _reading(self) -> Iterator[Gate]:
        with self._house.database.read() as session:
            yield self._gate(session)

    @contextmanager
    def _writing(self) -> Iterator[Gate]:
        with self._house.database.write() as session:
            yield self._gate(session)

    def _gate(self, session: Session) -> Gate:
        roles = {} if self._actor is None else accounts.roles_of(session, self._actor)
        return Gate(session, self._actor, roles)
