"""What the page of a story shows, read once, as one value of one moment; and its parts by itself.

A part that cannot be read takes no other along: it carries why, and says so when it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from cascade import samples
from cascade.errors import Refused, StoryGone
from cascade.runs import events, reading, restore
from cascade.runs.reading import Run, RunSummary, RunView
from cascade.runs.restore import Replaced
from cascade.service.access import Action, Gate
from cascade.service.offers import Funds, Offer, funds_of
from cascade.service.planning import Planning
from cascade.service.requesting import OwnRequest, Requested, count_for
from cascade.store import calls, drafts, made, pulse, revisions, stories
from cascade.store.accounts import Actor
from cascade.store.database import FAULTS
from cascade.store.drafts import Draft
from cascade.store.pulse import Pulse
from cascade.store.revisions import Written
from cascade.store.stories import StorySummary
from cascade.story.plan import Change
from cascade.story.stale import Stale
from cascade.story.story import Language, Story

T = TypeVar("T")
# How many runs of a story are listed, unless all are asked for.
LISTED = 5


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A part of a page, or why it could not be read."""

    _value: T | None
    _error: Exception | None = None

    def get(self) -> T:
        """The part. Raises what went wrong when it was read."""
        if self._error is not None:
            raise self._error
        return cast(T, self._value)


@dataclass(frozen=True, slots=True)
class Progress:
    """A run as it is now: its view, its events, the texts that are growing, and its story.

    `expected_s` is how many seconds its own plan was expected to take, while it is at work.
    """

    run: RunView
    events: Sequence[Mapping[str, Any]]
    growing: Mapping[str, str]
    story: Story
    expected_s: float | None = None


@dataclass(frozen=True, slots=True)
class Rest:
    """What is left of a run that stopped early: what resuming it costs, or why it cannot be."""

    offer: Offer | None = None
    why_not: Refused | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """The run that a page shows; of one that has ended also what its chain wrote, and what is left.

    `levels` are the changes of level that stand and nobody has touched since; `rest` is of a run
    that stopped early.
    """

    progress: Progress
    replaced: Sequence[Replaced] = ()
    levels: Sequence[Change] = ()
    rest: Rest | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """A story's newest run, the one at work on it with its events, and the newest in a list.

    `has_more` where there are older ones that are not listed.
    """

    newest: RunView | None = None
    active: RunView | None = None
    events: Sequence[Mapping[str, Any]] = ()
    listed: Sequence[RunSummary] = ()
    has_more: bool = False


@dataclass(frozen=True, slots=True)
class Beats:
    """A story to read: what of it is out of date, and what wrote the texts that a run wrote."""

    story: Story
    out_of_date: Mapping[str, Stale]
    writers: Mapping[str, Written]


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above a story: the reader's credits, and whether they may reset the demo.

    `elsewhere` are the runs under way on other stories of theirs, by story; `waiting` is how many
    requests wait for the reader's decision.
    """

    funds: Funds
    may_reset: bool
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Studio:
    """The page of one story at one moment.

    `rights` are the reader's anywhere, `may` what they may do on this story. `trouble` is what of
    the address there is not. `shown` is the run that was asked for, else the
    one at work; where there is neither, `rest` is of the newest if that stopped early. `offer` is
    what the pending changes would do and cost, where there are any. `request` is the reader's
    newest request for this story, whatever came of it.
    """

    stories: Sequence[StorySummary]
    story_id: str
    rights: frozenset[Action]
    may: frozenset[Action]
    pulse: Pulse
    trouble: Sequence[Exception]
    head: Part[Head]
    story: Part[Story]
    draft: Part[Draft]
    beats: Part[Beats]
    runs: Part[Runs]
    shown: Part[Shown | None]
    rest: Part[Rest | None]
    offer: Part[Offer | None]
    request: Part[OwnRequest | None]


class Studying(Planning, Requested):
    """The use cases of the story's page."""

    _actor: Actor

    def studio(
        self,
        story: str | None = None,
        run: str | None = None,
        *,
        language: Language | None = None,
        all_runs: bool = False,
    ) -> Studio | None:
        """The page that an address asks for by a story and a run; None where there is no story.

        Without them, or where there is no such thing, that of the first story in the reader's
        language, else of the first. It lists the newest runs of the story, or `all_runs`.
        """
        with self._reading() as gate:
            listed = stories.summaries(gate.session, gate.projects)
            if not listed:
                return None
            ids = {one.id for one in listed}
            trouble: list[Exception] = []
            own = (one.id for one in listed if one.language == language)
            story_id, view = next(own, listed[0].id), None
            if run is not None:
                asked = _part(lambda: self._asked(gate, run, ids))
                view = _or_trouble(asked, trouble)
            if view is not None:
                story_id = view.story_id
            elif story is not None:
                found = _part(lambda: story if story in ids else gate.story_id(story))
                story_id = _or_trouble(found, trouble) or story_id
            return self._studio(gate, listed, story_id, view, trouble, all_runs=all_runs)

    def _asked(self, gate: Gate, run: str, ids: set[str]) -> RunView:
        run_id = reading.find(gate.session, run, gate.projects)
        view = reading.run_view(gate.session, gate.run(run_id))
        if view.story_id not in ids:
            raise StoryGone(view.id)
        return view

    def _studio(
        self,
        gate: Gate,
        listed: Sequence[StorySummary],
        story_id: str,
        asked: RunView | None,
        trouble: Sequence[Exception],
        *,
        all_runs: bool,
    ) -> Studio:
        session, user_id = gate.session, self._actor.user_id
        project_id = gate.project(story_id)
        may = gate.permitted_in(project_id)
        gate.permit_in("read", project_id)
        known = {asked.id: asked} if asked is not None else {}
        story = _part(lambda: stories.read_story(session, story_id))
        runs = _part(lambda: _runs(gate, story_id, known, all_runs=all_runs))
        draft = _part(lambda: drafts.read(session, story.get(), user_id))

        def rest() -> Rest | None:
            newest = runs.get().newest
            is_shown = asked is not None or runs.get().active is not None
            if newest is None or is_shown:
                return None
            return self._what_is_left(gate, newest, story.get())

        return Studio(
            stories=listed,
            story_id=story_id,
            rights=gate.rights(),
            may=may,
            pulse=pulse.take(session, self._actor, story_id, may),
            trouble=trouble,
            head=_part(lambda: self._head(gate, project_id, story_id, may)),
            story=story,
            draft=draft,
            beats=_part(lambda: _beats(gate, story.get())),
            runs=runs,
            shown=_part(lambda: self._shown(gate, asked or runs.get().active, story.get())),
            rest=_part(rest),
            offer=_part(lambda: self._price(gate, story.get(), draft.get())),
            request=_part(lambda: self._own_request(gate, story.get())),
        )

    def _head(self, gate: Gate, project_id: str, story_id: str, may: frozenset[Action]) -> Head:
        # Where a model writes there is work of somebody's in it, whatever the tables say.
        asks = self._house.writer.is_offline and "start" in may
        return Head(
            funds=funds_of(gate.purses(self._actor, project_id)),
            waiting=count_for(gate, self._actor),
            may_reset=asks and samples.whose(gate.session) is None,
            elsewhere={
                story: run
                for story, run in reading.at_work(gate.session, gate.projects).items()
                if story != story_id
            },
        )

    def _shown(self, gate: Gate, run: RunView | None, story: Story) -> Shown | None:
        if run is None:
            return None
        progress = self._progress_of(gate, run, story)
        if run.is_active:
            return Shown(progress)
        row = gate.run(run.id)
        texts, levels = restore.replaced(gate.session, row, story)
        return Shown(progress, texts, levels, self._what_is_left(gate, run, story, row))

    def _what_is_left(
        self, gate: Gate, run: RunView, story: Story, row: Run | None = None
    ) -> Rest | None:
        if not run.is_resumable:
            return None
        try:
            return Rest(self._rest(gate, run.id, story, row))
        except Refused as error:
            return Rest(why_not=error)

    # The parts that are drawn again by themselves

    def curve(self, story_id: str) -> tuple[Story, Draft]:
        """A story and what is pending on it. Raises UnknownStory."""
        with self._reading() as gate:
            story = gate.story(story_id)
            return story, drafts.read(gate.session, story, self._actor.user_id)

    def pending(self, story_id: str) -> tuple[Story, Draft, Part[Offer | None]]:
        """A story, what is pending on it, and what that would do and cost. Raises UnknownStory."""
        with self._reading() as gate:
            story = gate.story(story_id)
            draft = drafts.read(gate.session, story, self._actor.user_id)
            return story, draft, _part(lambda: self._price(gate, story, draft))

    def _price(self, gate: Gate, story: Story, draft: Draft) -> Offer | None:
        if not draft.levels:
            return None
        return self._plan(gate, story, draft.levels, draft.directions)

    def beats(self, story_id: str) -> Beats:
        """A story to read. Raises UnknownStory."""
        with self._reading() as gate:
            return _beats(gate, gate.story(story_id))

    def progress(self, run_id: str) -> Progress:
        """A run as it is now, or was half a second ago. Raises UnknownRun, UnknownStory.

        However many pages look at it, it is read once for all of them; what each may see is asked
        for each. One that has been cancelling for too long is ended by whoever looks.
        """
        with self._reading() as gate:
            gate.permit_run("read", run_id)
        found: Progress = self._house.looks.get(run_id, lambda: self._progress(run_id))
        if found.run.status == "cancelling" and self._house.cancels.seen(run_id):
            return self._progress(run_id)
        return found

    def _progress(self, run_id: str) -> Progress:
        with self._reading() as gate:
            view = reading.run_view(gate.session, gate.run(run_id))
            return self._progress_of(gate, view, gate.story(view.story_id))

    def _progress_of(self, gate: Gate, run: RunView, story: Story) -> Progress:
        told = events.read(gate.session, run.id)
        if not run.is_active:
            return Progress(run, told, {}, story)
        growing = calls.growing(gate.session, run.id)
        return Progress(run, told, growing, story, self._expected_seconds(gate, run.plan))

    def offer(
        self, story_id: str, stale_beats: Collection[str] = (), *, left: Collection[str] = ()
    ) -> tuple[Story, Draft, Offer]:
        """What is pending on a story, and what it would do and cost. Raises UnknownStory.

        With `stale_beats` what rewriting what is out of date under them would, and no new level;
        with `left` what is pending and that. Raises UnreadablePieces.
        """
        with self._reading() as gate:
            story = gate.story(story_id)
            draft = drafts.read(gate.session, story, self._actor.user_id)
            if stale_beats:
                here = [key for key in stale_beats if key in story.structure.keys]
                return story, draft, self._plan(gate, story, {}, None, here)
            here = [key for key in left if key in story.structure.keys]
            return story, draft, self._plan(gate, story, draft.levels, draft.directions, here)


def _runs(gate: Gate, story_id: str, known: dict[str, RunView], *, all_runs: bool) -> Runs:
    newest, active = (
        known.get(row.id) or known.setdefault(row.id, reading.run_view(gate.session, row))
        if row is not None
        else None
        for row in reading.latest(gate.session, story_id)
    )
    most = None if all_runs else LISTED
    listed = reading.summaries(gate.session, story_id, gate.projects, limit=most and most + 1)
    return Runs(
        newest,
        active,
        events.read(gate.session, active.id) if active else (),
        listed[:most],
        has_more=len(listed) > len(listed[:most]),
    )


def _beats(gate: Gate, story: Story) -> Beats:
    stale = made.out_of_date(gate.session, story)
    return Beats(story, stale, revisions.writers(gate.session, story))


def _part(read: Callable[[], T]) -> Part[T]:
    try:
        return Part(read())
    except FAULTS:
        raise  # The transaction is over: no other part can be read in it either.
    except Exception as error:
        return Part(None, error)


def _or_trouble(part: Part[T], trouble: list[Exception]) -> T | None:
    try:
        return part.get()
    except Exception as error:
        trouble.append(error)
        return None
