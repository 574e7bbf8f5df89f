"""Who may see and do what: one table of roles, and the gate that every use case goes through."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Protocol, TypeVar

from cascade.errors import NotAllowed, StoryGone, UnknownProject, UnknownRun, UnknownStory
from cascade.runs import lifecycle, reading
from cascade.runs.reading import Run
from cascade.runs.requests import Terms
from cascade.service.house import House
from cascade.store import accounts, rules, stories
from cascade.store.accounts import ADMIN, Actor, Purses, Roles, Standing
from cascade.store.database import Session
from cascade.store.rules import Rules
from cascade.store.stories import Projects
from cascade.story.story import Story

Action = Literal[
    "read",
    "draft",
    "start",
    "cancel",
    "resume",
    "restore",
    "fits",
    "import",
    "approve",
    "withdraw",
    "people",
    "roles",
    "audit",
    "grant",
    "statement",
    "rules",
]

# Who may do what in a project; an admin all of it in each, and alone what stands above projects.
# The command line's own orders are the operator's and are not in it: whoever can run them owns the
# database.
ALLOWED: Mapping[Action, tuple[Standing, ...]] = MappingProxyType(
    {
        "read": ("viewer", "editor", "producer", "admin"),
        "draft": ("editor", "producer", "admin"),
        "start": ("editor", "admin"),
        "cancel": ("editor", "producer", "admin"),
        "resume": ("editor", "admin"),
        "restore": ("editor", "admin"),
        "fits": ("editor", "admin"),
        "import": ("editor", "admin"),
        "approve": ("producer", "admin"),
        "withdraw": ("editor", "admin"),
        "people": ("producer", "admin"),
        "roles": ("admin",),
        "audit": ("producer", "admin"),
        "grant": ("producer", "admin"),
        "statement": ("producer", "admin"),
        "rules": ("producer", "admin"),
    }
)
# How many projects an error names.
MOST_NAMED = 10
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
        "approve": "decide what is asked for on this story",
        "withdraw": "withdraw what is asked for on this story",
        "people": "see who works here",
        "roles": "add people, give roles, or make and revoke the tokens of others",
        "audit": "see who did what",
        "grant": "grant credits",
        "statement": "see the credits of others",
        "rules": "say what a project allows",
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
    what their role in it does not cover is refused. To an admin every project is there. Without an
    `actor` it is the operator's, and everything is there and allowed.
    """

    session: Session
    actor: Actor | None
    roles: Roles
    # What of the transaction's moment is asked for again and again.
    _projects: dict[str, str] = field(default_factory=dict, repr=False)
    _rules: dict[str, Rules] = field(default_factory=dict, repr=False)
    _purses: dict[tuple[str, str], Purses] = field(default_factory=dict, repr=False)

    @property
    def sees_all(self) -> bool:
        """Whether every project is there for this person, and what is of none."""
        return self.actor is None or self.roles.is_admin

    @property
    def projects(self) -> Projects:
        """The projects whose rows are there for this person."""
        return None if self.sees_all else self.roles.by_project.keys()

    def projects_for(self, action: Action) -> Projects:
        """Of these the ones in which something may be done."""
        if self.sees_all:
            return None
        own = self.roles.by_project.items()
        return [project_id for project_id, role in own if role in ALLOWED[action]]

    def permitted(self, story_id: str) -> frozenset[Action]:
        """What may be done on a story. Raises UnknownStory."""
        return self.permitted_in(self.project(story_id))

    def project(self, story_id: str) -> str:
        """The project of a story. Raises UnknownStory."""
        project_id = self._projects.get(story_id)
        if project_id is None:
            project_id = stories.project_of(self.session, story_id)
            self._projects[story_id] = project_id
        if not self.is_there(project_id):
            raise UnknownStory(story_id)
        return project_id

    def purses(self, actor: Actor, project_id: str) -> Purses:
        """What could pay a run of somebody in a project."""
        place = (actor.user_id, project_id)
        if place not in self._purses:
            self._purses[place] = accounts.purses_of(self.session, actor, project_id)
        return self._purses[place]

    def terms(self, actor: Actor, project_id: str, *, wished: bool = False) -> Terms:
        """What says whether somebody may start a plan in a project, or has to ask for it."""
        its = self.purses(actor, project_id)
        above = self.rules(project_id).approve_above
        return Terms(its.available, its.shared_available, above, wished)

    def rules(self, project_id: str) -> Rules:
        """What a project allows."""
        if project_id not in self._rules:
            self._rules[project_id] = rules.of(self.session, project_id)
        return self._rules[project_id]

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
        if not self.is_there(project_id):
            raise UnknownRun(run_id)
        self.permit_in(action, project_id)

    def is_there(self, project_id: str) -> bool:
        """Whether a project is there for this person."""
        return self.sees_all or project_id in self.roles.by_project

    def permit_project(self, action: Action, project_id: str) -> None:
        """Raises UnknownProject where a project is not there for them, and NotAllowed."""
        if project_id not in accounts.all_projects(self.session) or not self.is_there(project_id):
            raise self.unknown_project(project_id)
        self.permit_in(action, project_id)

    def meant(self, there: Mapping[str, str], said: str | None) -> str:
        """The project that is meant: by its id or name, else the only one of theirs.

        Raises UnknownProject.
        """
        own = [id_ for id_ in there if self.is_there(id_)]
        found = own if said is None else [id_ for id_ in own if said in (id_, there[id_])]
        if len(found) != 1:
            raise self.unknown_project(said)
        return found[0]

    def unknown_project(self, said: str | None) -> UnknownProject:
        """That a project is not there, or which is not said, with the first few that are."""
        there = accounts.named_projects(self.session).items()
        named = [f"{id_} ({called})" for id_, called in there if self.is_there(id_)]
        return UnknownProject(said, named[:MOST_NAMED])

    def permit(self, action: Action, story_id: str) -> None:
        """Raises UnknownStory, and NotAllowed where it may not be done on the story."""
        self.permit_in(action, self.project(story_id))

    def permit_everywhere(self, action: Action) -> None:
        """Raises NotAllowed unless it may be done in every project that there is."""
        for project_id in accounts.all_projects(self.session):
            self.permit_in(action, project_id)

    def may_somewhere(self, action: Action) -> bool:
        """Whether something may be done in any project of theirs."""
        return self.sees_all or bool(self.projects_for(action))

    def rights(self) -> frozenset[Action]:
        """What of it that pages ask for may be done in any project of theirs."""
        wanted: tuple[Action, ...] = ("read", "approve", "people", "audit")
        return frozenset(one for one in wanted if self.may_somewhere(one))

    def permit_somewhere(self, action: Action) -> None:
        """Raises NotAllowed unless it may be done in any project of theirs."""
        if not self.may_somewhere(action):
            permit(self.actor, None, action)

    def permit_above(self, action: Action) -> None:
        """Raises NotAllowed where it may not be done above all projects: an admin may."""
        permit(self.actor, ADMIN if self.sees_all else None, action)

    def permitted_in(self, project_id: str) -> frozenset[Action]:
        """What may be done in a project."""
        if self.sees_all:
            return frozenset(ALLOWED)
        role = self.roles.get(project_id)
        return frozenset(action for action, roles in ALLOWED.items() if role in roles)

    def permit_in(self, action: Action, project_id: str) -> None:
        """Raises NotAllowed where it may not be done in the project."""
        permit(self.actor, self.roles.get(project_id), action)


class Numbered(Protocol):
    """What is read in portions: rows in the order of their ids."""

    @property
    def id(self) -> int:
        """The id of the row."""
        ...


Entry = TypeVar("Entry", bound=Numbered)


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

    def _in_portions(
        self, read: Callable[[Gate, int | None], Sequence[Entry]], most: int
    ) -> Iterator[Entry]:
        """All that `read` gives, a transaction for each so many, as they are taken.

        It is told the id of the last one it gave; roles are those of each moment.
        """
        last: int | None = None
        while True:
            with self._reading() as gate:
                found = read(gate, last)
            yield from found
            if len(found) < most:
                return
            last = found[-1].id

    @property
    def _by(self) -> str | None:
        """Who is kept as having done it; None for the operator."""
        return None if self._actor is None else self._actor.user_id

    def _gate(self, session: Session) -> Gate:
        roles = Roles() if self._actor is None else accounts.roles_of(session, self._actor)
        return Gate(session, self._actor, roles)
