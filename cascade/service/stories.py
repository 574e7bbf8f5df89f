"""Stories: which there are, one to read, and as a document."""

from __future__ import annotations

from typing import Any

from cascade.formats import json as documents
from cascade.service.access import Action, View
from cascade.store import made, revisions, stories
from cascade.store.revisions import Written
from cascade.store.stories import StorySummary
from cascade.story.stale import Stale
from cascade.story.story import Story


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
