"""What a story says of itself, whatever is done to it in whatever order, is so.

Marks follow from the texts and their revisions; what is offered is not refused; a chain that is
restored leaves no trace; what is out of date can be brought back in line, all of it and no more.
"""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from cascade.errors import (
    EditedSince,
    NothingToRestore,
    NotResumable,
    SourceOutOfDate,
    StalePlan,
)
from cascade.runs import lifecycle as runs
from cascade.runs import steps
from cascade.service import Desk, Offer, Service
from cascade.store import stories
from cascade.store.inserting import insert_story
from cascade.store.pieces import Stood, new_level, put_back_level
from cascade.store.tables import Revision
from cascade.story.piece import Piece
from cascade.story.stale import digest_of, marked_pieces
from cascade.story.story import Story
from tests.helpers.earlier import save_steps
from tests.helpers.editing import edit
from tests.helpers.machines import LEVELS, STORY
from tests.helpers.seeded_fixtures import database_url

__all__ = ["database_url"]

BEATS = ("you", "need", "go")
KEYS = [
    *(f"{beat}/{kind}" for beat in BEATS for kind in ("beatContent", "keyAction")),
    *(f"need/{kind}/{number}" for kind in ("scenePlot", "script") for number in (2, 3)),
]
# Enough for any run that a machine may think of.
CREDITS = 1_000_000


class TruthMachine(RuleBasedStateMachine):
    """One story: the product's edits, whole and broken runs, resumes, restores, marks taken off."""

    service: ClassVar[Service]
    chains = Bundle("chains")

    @initialize()
    def open(self) -> None:
        self.desk: Desk = self.service.desk(self.service.actor("editor"))
        with self.service.database.write() as session:
            project_id = stories.project_of(session, self.desk.stories()[0].id)
            self.story_id = insert_story(session, project_id, STORY)
        # By the chain's first run: the story as it was before it, as long as nothing else was done.
        self.before: dict[str, Any] = {}
        # By beat: the chain that has given it its level last.
        self.level_by: dict[str, str] = {}
        self.edits = 0

    @property
    def story(self) -> Story:
        return self.desk.story(self.story_id)

    def document(self) -> dict[str, Any]:
        return self.desk.document(self.story_id)

    def stale_texts(self) -> list[str]:
        return [key for key in self.desk.out_of_date(self.story_id) if "/shots/" not in key]

    def others_acted(self, *, but: str = "") -> None:
        """Something else was done: no other chain goes back to a story of before it."""
        self.before = {chain: kept for chain, kept in self.before.items() if chain == but}

    def execute(self, run_id: str, count: int, end: str) -> None:
        """Saves so many steps, and ends the run in one of the ways in which runs end."""
        left = save_steps(self.service, run_id, count, by=f" by {run_id}")
        with self.service.database.write() as session:
            if end == "fail" and left:
                steps.announce(session, run_id, left[0])
                steps.fail(session, run_id, left[0], runs.INTERRUPTED)
            if end == "cancel":
                runs.cancel(session, run_id)
            runs.finish(session, run_id)
        for change in self.desk.run(run_id).plan.changes:
            first = self.desk.run(run_id).plan.steps_of(change.beat_key)[0]
            is_new = change.expected_level != change.new_level
            if is_new and first.key in self.desk.run(run_id).chain.saved:
                self.level_by[change.beat_key] = self.desk.run(run_id).chain.parts[0].id
        whole = not left and end != "cancel"
        assert (self.desk.run(run_id).status == "done") == whole
        chain = self.desk.run(run_id).chain
        assert chain.used_credits == sum(
            step.credits for step in chain.plan.steps if step.key in chain.saved
        )
        assert chain.released_credits == chain.estimated_credits - chain.used_credits

    def enter(self, offer: Offer, count: int, end: str) -> Any:
        plan = offer.plan
        if not plan.steps:
            return multiple()
        self.others_acted()
        kept = self.document()
        run_id = self.desk.start(plan)
        self.before[run_id] = kept
        self.execute(run_id, count, end)
        return run_id

    ends = st.sampled_from(["finish", "cancel", "fail", "die"])
    counts = st.sampled_from([0, 1, 2, 3, 5, 7, 99, 99])

    @rule(target=chains, levels=LEVELS, count=counts, end=ends)
    def run_(self, levels: dict[str, int], count: int, end: str) -> Any:
        return self.enter(self.desk.plan(self.story_id, levels), count, end)

    @rule(target=chains, beats=st.sets(st.sampled_from(BEATS), min_size=1), count=counts, end=ends)
    def rewrite(self, beats: set[str], count: int, end: str) -> Any:
        """What is out of date is planned, all of it and no more, and is not after it."""
        marked = {key for key in self.stale_texts() if Piece.parse(key).beat in beats}
        offer = self.desk.plan(self.story_id, {}, stale_beats=sorted(beats))
        assert {step.key for step in offer.plan.steps} == marked
        levels = self.story.levels
        run_id = self.enter(offer, count, end)
        assert self.story.levels == levels
        if not marked or self.desk.run(run_id).status == "done":
            assert not [key for key in self.stale_texts() if Piece.parse(key).beat in beats]
        return run_id

    @rule(chain=chains, count=counts, end=ends)
    def resume(self, chain: str, count: int, end: str) -> None:
        """What is offered is not refused, and does what it says."""
        newest = self.desk.run(chain).chain.parts[-1].id
        try:
            offer = self.desk.offer_to_resume(newest)
        except (NotResumable, StalePlan) as refusal:
            with pytest.raises(type(refusal)):
                self.desk.resume(newest)
            return
        assert self.desk.run(newest).is_resumable
        run_id = self.desk.resume(newest)
        assert [step.key for step in self.desk.run(run_id).plan.steps] == [
            step.key for step in offer.plan.steps
        ]
        self.others_acted(but=chain)
        self.execute(run_id, count, end)
        assert len(self.desk.run(run_id).chain.parts) >= 2

    @rule(chain=chains, of=st.integers(0, 5))
    def restore(self, chain: str, of: int) -> None:
        parts = self.desk.run(chain).chain.parts
        run_id = parts[of % len(parts)].id
        before = self.story
        replaced = self.desk.replaced(run_id)
        assert {one.key for one in replaced} == self.desk.run(chain).chain.saved
        try:
            restored = self.desk.restore_run(run_id)
        except (NothingToRestore, EditedSince):
            assert not any(one.stands for one in replaced)
            assert self.story == before
            return
        after = self.story
        assert list(restored.keys) == [one.key for one in replaced if one.stands]
        for one in replaced:
            assert after.text(one.key) == (one.before if one.stands else before.text(one.key))
        changes = {change.beat_key: change for change in self.desk.run(chain).chain.plan.changes}
        for beat in BEATS:
            back = beat in restored.levels
            expected = changes[beat].previous_level if back else before.curve[beat]
            assert after.curve[beat] == expected
        assert all(self.level_by[beat] == chain for beat in restored.levels)
        named = {one.key for one in replaced if not one.stands and not one.is_back}
        assert {part.key for part in restored.left if part.cause == "piece"} == named
        if chain in self.before:
            assert self.document() == self.before[chain], "it left a trace"
        with pytest.raises((NotResumable, StalePlan)):
            self.desk.offer_to_resume(parts[-1].id)
        self.others_acted()

    @rule(chain=chains, at=st.integers(0, 9))
    def restore_piece(self, chain: str, at: int) -> None:
        standing = [one for one in self.desk.replaced(chain) if one.stands]
        if not standing:
            return
        one = standing[at % len(standing)]
        self.desk.restore_piece(chain, one.key)
        assert self.story.text(one.key) == one.before
        # The whole of it can still go back: what is back already stays so.
        self.others_acted(but=chain)

    @rule(key=st.sampled_from(KEYS), back=st.booleans())
    def edit(self, key: str, back: bool) -> None:
        """The product changes a text; now and then back to what it was in the beginning."""
        self.edits += 1
        text = STORY.text(key) if back else f"{key} by the product, {self.edits}"
        edit(self.service, self.story_id, key, text)
        self.others_acted()

    @rule(beat=st.sampled_from(BEATS), level=st.integers(1, 5))
    def set_level(self, beat: str, level: int) -> None:
        """The product changes a level."""
        with self.service.database.write() as session:
            row = stories.lock_story(session, self.story_id)
            stood: Stood = new_level(row, beat, level)
            put_back_level(session, row, beat, stood)
        self.others_acted()

    @rule(what=st.sampled_from([*BEATS, "scene/2", "scene/1"]))
    def look(self, what: str) -> None:
        """Somebody finds that a beat, or a scene, fits; from the top down nothing is in the way."""
        before = self.story
        try:
            noted = self.desk.fits(self.story_id, what, "It does.")
        except SourceOutOfDate:
            assert what.startswith("scene/")
            return
        if noted:
            self.others_acted()
        marked = self.desk.out_of_date(self.story_id)
        if what in BEATS:
            assert not [key for key in marked if Piece.parse(key).beat == what]
        else:
            number = int(what.partition("/")[2])
            assert not [key for key in marked if Piece.parse(key).scene == number]
        assert self.story == before

    @invariant()
    def marks_follow_from_texts_and_revisions(self) -> None:
        """The rule, said a second time and plainly."""
        story = self.story
        with self.service.database.read() as session:
            kept = session.execute(
                sa.select(Revision.key, Revision.digest, Revision.sources).where(
                    Revision.story_version_id == self.story_id
                )
            ).all()
        marked: set[str] = set()
        for beat in story.structure.keys:
            level = digest_of(story, Piece(beat, "level"))
            for piece in marked_pieces(story, beat):
                above = {"level": Piece(beat, "level")}
                names = ["beatContent", "keyAction", "scenePlot", "script", "shots"]
                for name in names[: names.index(piece.kind)]:
                    kind = Piece.parse(f"{beat}/{name}").text_kind
                    if kind in ("beatContent", "keyAction") or piece.scene is not None:
                        above[name] = piece.beside(kind)
                if piece.kind == "script" or piece.kind == "scenePlot":
                    above.pop("script" if piece.kind == "script" else "scenePlot", None)
                today = {
                    name: level if name == "level" else digest_of(story, one)
                    for name, one in above.items()
                }
                own = digest_of(story, piece)
                known = [
                    sources
                    for key, digest, sources in kept
                    if key == str(piece) and digest == own and sources
                ]
                stands = not known or any(
                    all(sources.get(name, now) == now for name, now in today.items())
                    for sources in known
                )
                if not stands or any(str(one) in marked for one in above.values()):
                    marked.add(str(piece))
        assert set(self.desk.out_of_date(self.story_id)) == marked


def test_whatever_is_done_what_is_said_is_so(service: Service) -> None:
    editor = service.actor("editor")
    service.operator().grant(editor.name, CREDITS)
    TruthMachine.service = service
    on_sqlite = service.database.is_sqlite
    run_state_machine_as_test(
        TruthMachine,
        settings=settings(
            max_examples=30 if on_sqlite else 10,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
