"""Stories: which there are, one to read, and as a document."""

from __future__ import annotations

from typing import Any

from cascade.errors import CannotImport
from cascade.formats import json as documents
from cascade.service.access import Action, Gate, View
from cascade.store import accounts, inserting, made, revisions, stories
from cascade.store.accounts import Actor
from cascade.store.revisions import Written
from cascade.store.stories import StorySummary
from cascade.story.stale import Stale
from cascade.story.story import Story


def insert_document(gate: Gate, project_id: str, story: Story) -> str:
    """Makes a new story in a project; its id.

    Raises CannotImport where the product's tables need more than it gives.
    """
    if cannot := inserting.cannot_fill(gate.session):
        raise CannotImport(cannot)
    return inserting.insert_story(gate.session, project_id, story)


class Importing(View):
    """The use case of bringing a story in."""

    _actor: Actor

    def import_document(self, name: str, data: bytes, beside: str | None = None) -> str:
        """Makes a new story from a JSON file's name and bytes; its id.

        In the project of the story that it comes `beside`, else in the oldest where they may.
        Raises UnknownStory, NotAllowed, BadDocument, CannotImport.
        """
        with self._writing() as gate:
            if beside is not None:
                project_id = gate.project(beside)
            else:
                own = gate.projects_for("import")
                project_id = (
                    accounts.first_project(gate.session) if own is None else next(iter(own), "")
                )
            gate.permit_in("import", project_id)
            return insert_document(gate, project_id, documents.decode_document(data, name))

    def may_import(self) -> bool:
        """Whether there is a project of theirs into which they may bring a story."""
        with self._reading() as gate:
            return gate.sees_all or bool(gate.projects_for("import"))


class Stories(View):
    """The use cases about stories."""

    def stories(self) -> list[StorySummary]:
        """The stories, the oldest first."""
        with self._reading() as gate:
            return stories.summaries(gate.session, gate.projects)

    def story(self, reference: str) -> Story:
        """A story by its id or title. Raises UnknownStory, AmbiguousStory, UnreadableStory."""
        with self._reading() as gate:
            return stories.read_story(gate.session, gate.story_id(reference))

    def document(self, reference: str) -> dict[str, Any]:
        """A story as the JSON document that `show` prints and `import` takes."""
        with self._reading() as gate:
            story = stories.read_story(gate.session, gate.story_id(reference))
            return documents.story_document(story, made.out_of_date(gate.session, story))

    def out_of_date(self, story_id: str) -> dict[str, Stale]:
        """The pieces of a story that are out of date and why, by key. Raises UnknownStory."""
        with self._reading() as gate:
            return made.out_of_date(gate.session, gate.story(story_id))

    def writers(self, story_id: str) -> dict[str, Written]:
        """Which run and model wrote the texts that still stand as a run wrote them, by key."""
        with self._reading() as gate:
            return revisions.writers(gate.session, gate.story(story_id))

    def permitted(self, story_id: str) -> frozenset[Action]:
        """What may be done on a story, so that a page offers nothing else. Raises UnknownStory."""
        with self._reading() as gate:
            return gate.permitted(story_id)
