"""The newest run that has ended, in the bar of state: what came of it, and what can be done now."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from cascade.service import Desk, Rest, RunView
from cascade.ui.kit import address
from cascade.ui.kit.problems import explain, failure
from cascade.ui.kit.texts import count, text
from cascade.ui.run.details import Details
from cascade.ui.run.restoring import ask_to_restore
from cascade.ui.run.undo import Undoing
from cascade.ui.session import guarded


@dataclass(frozen=True, slots=True)
class Last:
    """A run that has ended, as the bar of state tells of it.

    `title` says exactly what has come of it by now; `undone`, what of it can be put back, is known
    of one that the page shows.
    """

    run: RunView
    title: str
    rest: Rest
    undone: Undoing | None
    details: Details

    @property
    def is_shown(self) -> bool:
        """Whether the page shows this run; else it is only the story's newest."""
        return self.undone is not None

    @property
    def left(self) -> list[str]:
        """The beats that have their new level and lack some of its texts, where it can go on."""
        changes = self.rest.offer.plan.changes if self.rest.offer is not None else ()
        return [one.beat_key for one in changes if one.expected_level == one.new_level]

    def words(self, may: frozenset[str]) -> str:
        """What is left and for how much, why it stopped, then the texts and credits it came to.

        What the bar has no room for is cut off at its end.
        """
        run, rest = self.run, self.rest
        sentences = []
        if rest.offer is not None:
            plan = rest.offer.plan
            sentences.append(
                count("run.last_left", len(plan.steps), credits=plan.estimated_credits)
            )
            if rest.offer.missing and "resume" in may:
                sentences.append(text("run.resume_short", missing=rest.offer.missing))
        if run.failure:
            sentences.append(failure(run.failure))
        if rest.why_not is not None:
            sentences += [text("run.no_resume"), explain(rest.why_not)]
        figures = [count("credits", run.chain.used_credits)]
        if self.undone is not None and self.undone.pieces:
            figures.insert(0, count("undo.texts", len(self.undone.pieces)))
        return " · ".join([" ".join(sentences), *figures] if sentences else figures)

    def draw_buttons(self, desk: Desk, may: frozenset[str], *, is_first: bool) -> None:
        """What can be done with it; `is_first` where nothing is pending that comes before it."""
        run, offer = self.run, self.rest.offer
        if is_first:
            wrote = self.undone.pieces if self.undone is not None else run.chain.used_credits
            if wrote and address.mode() != "review":
                self._draw_review()
            if self.undone is not None and self.undone.is_possible and "restore" in may:
                st.button(
                    text("undo.all"),
                    key=f"restore-{run.id}",
                    icon=":material/undo:",
                    on_click=ask_to_restore,
                    args=(run.id,),
                )
        if offer is not None:
            st.button(
                text("run.resume"),
                key=f"resume-{run.id}",
                type="primary",
                disabled=bool(offer.missing) or "resume" not in may,
                on_click=guarded()(_resume),
                args=(desk, run),
            )
        self.details.draw_button()

    def _draw_review(self) -> None:
        def review() -> None:
            address.go(story=self.run.story_id, run=self.run.id, mode="review", text=None)
            st.rerun()

        st.button(text("run.review"), key=f"review-{self.run.id}", on_click=review)


def _resume(desk: Desk, run: RunView) -> None:
    address.go(story=run.story_id, run=desk.resume(run.id), mode=None)
    st.rerun()
