"""A start as a program asks for it: what it has seen of the story, checked against what is there.

A page makes a plan and starts it. A program sends changes with the levels that it knows, and may
send the hash of a plan that it was shown: what it has not seen it does not start. It may also give
its start a key, so that asking twice starts one run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cascade.errors import BadField, StalePlan, UnknownStory, WrongStructure
from cascade.service.access import Action, Gate
from cascade.service.offers import Offer
from cascade.service.running import Running
from cascade.store import startkeys, stories
from cascade.store.startkeys import Key
from cascade.story.story import Part, Story
from cascade.story.tension import check_level


@dataclass(frozen=True, slots=True)
class OrderedChange:
    """One beat's change as a program sends it; with equal levels what is out of date is meant."""

    beat_key: str
    previous_level: int
    new_level: int
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """What a program asks for on a story; `plan_hash` is of the plan that it was shown."""

    story_id: str
    structure_type: str
    changes: tuple[OrderedChange, ...]
    project_id: str | None = None
    plan_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """The run that an order has come to; not `is_new` where its key had started it before."""

    run_id: str
    is_new: bool


def _always() -> None:
    """Lets every start be made."""


class Ordering(Running):
    """The use cases of a program that sends orders. What is wrong with one is told in a set order.

    First that the story is not there or not theirs, then what its changes name, then that they are
    of another story than stands there today, then credits.
    """

    def propose(self, order: Order) -> Offer:
        """What an order would do and cost.

        Raises UnknownStory, NotAllowed, WrongStructure, UnknownBeat, BadLevel, BadField, StalePlan
        and what `plan` raises.
        """
        with self._reading() as gate:
            _admit(gate, order, "read")
            story = stories.read_story(gate.session, order.story_id)
            _check(story, order)
            return self._offered(gate, story, order)

    def place(
        self, order: Order, key: Key | None = None, may_start: Callable[[], None] = _always
    ) -> Placed:
        """Starts what was ordered; the run that the key stands for, where the same was before.

        `may_start` is asked last of all. Raises what `propose` and `start` raise, and KeyReused;
        then nothing was changed.
        """
        with self._reading() as gate:
            _admit(gate, order, "start")
            known = self._known(gate, key)
            if known is not None and known.is_same:
                return Placed(known.run_id, is_new=False)
            story = stories.read_story(gate.session, order.story_id)
            _check(story, order)
            if known is not None:
                known.check()
            plan = self._offered(gate, story, order).plan

        def start(gate: Gate) -> str:
            project_id = gate.lock_story(order.story_id, "start")
            return self._start(gate, plan, project_id)

        def lock(gate: Gate) -> None:
            gate.lock_story(order.story_id, "start")

        return self._once(key, may_start, lock, start)

    def take_up(
        self, run_id: str, key: Key | None = None, may_start: Callable[[], None] = _always
    ) -> Placed:
        """Resumes a run; by a key as `place`. Raises what `resume` raises, and KeyReused."""
        with self._reading() as gate:
            gate.run(run_id, "resume")
            known = self._known(gate, key)
            if known is not None:
                return Placed(known.check(), is_new=False)

        def lock(gate: Gate) -> None:
            gate.lock_run(run_id, "resume")

        def resume(gate: Gate) -> str:
            return self._start_rest(gate, run_id, None)

        return self._once(key, may_start, lock, resume)

    def _once(
        self,
        key: Key | None,
        may_start: Callable[[], None],
        lock: Callable[[Gate], None],
        start: Callable[[Gate], str],
    ) -> Placed:
        try:
            with self._starting() as gate:
                if key is not None:
                    # Who asks for the same at the same time waits here, and then finds the run.
                    lock(gate)
                    known = self._known(gate, key)
                    if known is not None:
                        return Placed(known.check(), is_new=False)
                run_id = start(gate)
                if key is not None:
                    startkeys.keep(gate.session, self._actor.user_id, key, run_id)
                may_start()
                return Placed(run_id, is_new=True)
        except startkeys.Taken:
            # By a start of something else, in the same moment.
            with self._reading() as gate:
                known = self._known(gate, key)
                assert known is not None
                return Placed(known.check(), is_new=False)

    def _known(self, gate: Gate, key: Key | None) -> startkeys.Known | None:
        return startkeys.find(gate.session, self._actor.user_id, key) if key is not None else None

    def _offered(self, gate: Gate, story: Story, order: Order) -> Offer:
        for change in order.changes:
            if story.curve[change.beat_key] != change.previous_level:
                level = Part("level", change.beat_key)
                raise StalePlan(level.describe(story.structure), **level.fields)
        changed = [one for one in order.changes if one.new_level != one.previous_level]
        offer = self._plan(
            gate,
            story,
            {one.beat_key: one.new_level for one in changed},
            {one.beat_key: one.direction for one in order.changes},
            [one.beat_key for one in order.changes if one not in changed],
        )
        if order.plan_hash is not None and order.plan_hash != offer.plan.hash:
            raise StalePlan
        return offer


def _admit(gate: Gate, order: Order, action: Action) -> None:
    if order.project_id not in (None, gate.project(order.story_id)):
        raise UnknownStory(order.story_id)
    gate.permit(action, order.story_id)


def _check(story: Story, order: Order) -> None:
    """Raises what is wrong with an order whatever the story's texts and levels are."""
    if order.structure_type != story.structure_type:
        raise WrongStructure(order.structure_type, story.structure_type)
    seen = set()
    for n, change in enumerate(order.changes):
        story.structure.beat(change.beat_key)
        if change.beat_key in seen:
            raise BadField(f"changes.{n}.beatKey", "this beat stands there twice")
        seen.add(change.beat_key)
        check_level(change.previous_level, change.beat_key)
        check_level(change.new_level, change.beat_key)
