"""Changing a curve: what one person has pending on a story. Saves no level."""

from __future__ import annotations

from collections.abc import Mapping

from cascade.service.access import Gate, View
from cascade.store import drafts
from cascade.store.accounts import Actor
from cascade.store.drafts import Draft
from cascade.story.story import Story


class Drafting(View):
    """The use cases about one's own drafts."""

    _actor: Actor

    def draft(self, story_id: str) -> Draft:
        """What is pending on a story; levels that are saved by now are left out."""
        with self._reading() as gate:
            return drafts.read(gate.session, gate.story(story_id), self._actor.user_id)

    def save_draft(
        self,
        story_id: str,
        levels: Mapping[str, int],
        directions: Mapping[str, str] | None = None,
    ) -> Draft:
        """Keeps these pending levels, and no others, so that a refresh does not lose them.

        Without `directions` those that are kept already stay, as far as their beats are pending.
        """
        with self._writing() as gate:
            story = self._locked(gate, story_id)
            user_id = self._actor.user_id
            if directions is None:
                directions = drafts.read(gate.session, story, user_id).directions
            return drafts.write(gate.session, story, user_id, levels, directions)

    def edit_draft(
        self,
        story_id: str,
        levels: Mapping[str, int],
        directions: Mapping[str, str] | None = None,
    ) -> Draft:
        """Changes some beats of the draft and leaves the others as another tab has them.

        An empty direction takes back the one that is kept.
        """
        with self._writing() as gate:
            story = self._locked(gate, story_id)
            user_id = self._actor.user_id
            kept = drafts.read(gate.session, story, user_id)
            return drafts.write(
                gate.session,
                story,
                user_id,
                {**kept.levels, **levels},
                {**kept.directions, **(directions or {})},
            )

    def _locked(self, gate: Gate, story_id: str) -> Story:
        gate.lock_story(story_id, "draft")
        return gate.story(story_id)
