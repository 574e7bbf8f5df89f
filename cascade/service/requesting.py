"""Requests: plans that wait for a second person's decision, seen, asked about and decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cascade.display import is_storable
from cascade.errors import BadField, NotARequest, ReasonMissing, Refused
from cascade.runs import requests, writers
from cascade.runs import waiting as reading
from cascade.runs.reading import project_of
from cascade.runs.validity import Keeping
from cascade.runs.waiting import Asked, Went
from cascade.service.access import ALLOWED, Gate, View
from cascade.service.planning import seconds_in
from cascade.store import accounts, people, pulse, stories
from cascade.store.accounts import ADMIN, Actor, Purses
from cascade.story.story import Story

# A note, a comment or a reason, in characters.
MOST_OF_A_NOTE = 1_000
# How many of the last runs of a story are told with a request.
LAST_RUNS = 3
# How many requests are told at a time, the oldest first.
MOST_WAITING = 200


@dataclass(frozen=True, slots=True)
class Payer:
    """Whose account pays a request, the project's or its editor's, and what it has available.

    `after` is what is left of that when it has paid; fewer than none are missing.
    """

    is_project: bool
    name: str
    available: int
    after: int


@dataclass(frozen=True, slots=True)
class RequestView:
    """A request with all that is read before it is decided.

    `why_not` is why it can be approved no more, where it cannot. `deciders` are what those are
    called who may decide it, `may_decide` whether whoever reads is one of them. `payer` is told to
    who may see the credits of others, and to its editor where those are their own. `curve` are the
    story's saved levels by beat, in structure order, none where it cannot be read; `seconds` is how
    long it takes.
    """

    asked: Asked
    title: str
    project: str
    expires_at: datetime
    why_not: Refused | None
    deciders: tuple[str, ...]
    may_decide: bool
    is_own: bool
    payer: Payer | None
    last_runs: tuple[Went, ...]
    curve: Mapping[str, int]
    seconds: float

    @property
    def valid(self) -> bool:
        """Whether it can still be approved, as far as its plan and its age go."""
        return self.asked.is_waiting and self.why_not is None


@dataclass(frozen=True, slots=True)
class OwnRequest:
    """An editor's own request for a story, as the bar of state says it; `why_not` as above."""

    asked: Asked
    expires_at: datetime
    why_not: Refused | None

    @property
    def valid(self) -> bool:
        """Whether it still waits and can be approved."""
        return self.asked.is_waiting and self.why_not is None


class Requested(View):
    """The use cases of seeing what waits for a decision. They write nothing."""

    def waiting(self, most: int = MOST_WAITING) -> list[RequestView]:
        """The requests that wait in projects of theirs, the oldest first.

        Those that hold no more are among them until somebody whom it concerns looks at them.
        """
        with self._reading() as gate:
            return self._views(gate, reading.waiting(gate.session, gate.projects, most=most))

    def request(self, run_id: str) -> RequestView:
        """The request that a run is or was, whatever came of it. Raises UnknownRun, NotARequest."""
        with self._reading() as gate:
            gate.run(run_id)
            return self._one(gate, run_id)

    def _one(self, gate: Gate, run_id: str) -> RequestView:
        found = reading.one(gate.session, run_id)
        if found is None:
            raise NotARequest(run_id)
        return self._views(gate, [found])[0]

    def _views(self, gate: Gate, found: list[Asked]) -> list[RequestView]:
        if not found:
            return []
        session, keeping = gate.session, self._keeping
        there = stories.read_several(session, {one.story_id for one in found})
        over = reading.why_not(session, [one for one in found if one.is_waiting], there, keeping)
        named = accounts.named_projects(session)
        deciders = _deciders(gate, {one.project_id for one in found})
        purses = accounts.purses_in(session, {one.project_id for one in found})
        seconds = seconds_in(gate, self._house)
        went = reading.went(session, {one.story_id for one in found}, LAST_RUNS)
        views = []
        for one in found:
            story = there.get(one.story_id)
            views.append(
                RequestView(
                    asked=one,
                    title=story.title if story is not None else one.story_id,
                    project=named.get(one.project_id, one.project_id),
                    expires_at=one.expires_at(keeping),
                    why_not=over.get(one.run_id),
                    deciders=tuple(
                        called
                        for name, called in deciders.get(one.project_id, {}).items()
                        if name != one.user
                    ),
                    may_decide=one.is_waiting
                    and self._by not in (None, one.user_id)
                    and "approve" in gate.permitted_in(one.project_id),
                    is_own=one.user_id == self._by,
                    payer=self._payer_of(gate, one, purses, named),
                    last_runs=tuple(went.get(one.story_id, ())),
                    curve=story.curve if story is not None else {},
                    seconds=seconds(one.plan),
                )
            )
        return views

    def _payer_of(
        self,
        gate: Gate,
        asked: Asked,
        purses: Callable[[str, str], Purses],
        named: Mapping[str, str],
    ) -> Payer | None:
        its, price = purses(asked.project_id, asked.user_id), asked.estimated_credits
        pays = its.available < price and its.shared is not None
        sees = "statement" in gate.permitted_in(asked.project_id)
        if not asked.is_waiting or not (sees or (asked.user_id == self._by and not pays)):
            return None
        if pays:
            has, name = its.shared_available, named.get(asked.project_id, asked.project_id)
        else:
            has, name = its.available, asked.display_name
        return Payer(pays, name, has, has - price)

    @property
    def _keeping(self) -> Keeping:
        house = self._house
        return Keeping(house.settings.request_days, house.provider.prompt_version)

    def _own_request(self, gate: Gate, story: Story) -> OwnRequest | None:
        """The newest request of whoever reads for a story that has been read already."""
        if self._by is None:
            return None
        asked = reading.newest_of(gate.session, self._by, story.id)
        if asked is None:
            return None
        keeping, over = self._keeping, None
        if asked.is_waiting:
            there = {story.id: story}
            over = reading.why_not(gate.session, [asked], there, keeping).get(asked.run_id)
        return OwnRequest(asked, asked.expires_at(keeping), over)


class Deciding(Requested):
    """The orders about requests, and what of them concerns whoever asks."""

    _actor: Actor

    def count_waiting(self) -> int:
        """How many requests wait that are theirs to decide; cheap, for the bar of every page."""
        with self._reading() as gate:
            return count_for(gate, self._actor)

    def signs_of_waiting(self) -> frozenset[str]:
        """A few signs that change whenever a page of what waits has something new to show.

        None where nothing waits. Cheap: it is asked every few seconds by every such page. A text
        that another program writes leaves no sign until the request is looked at or decided.
        """
        with self._reading() as gate:
            overdue = datetime.now(UTC) - timedelta(days=self._keeping.days)
            deciding = gate.projects_for("approve")
            return pulse.of_requests(gate.session, gate.projects, deciding, overdue, MOST_WAITING)

    def own_request(self, story_id: str) -> OwnRequest | None:
        """Their newest request for a story, whatever came of it. Raises UnknownStory."""
        with self._reading() as gate:
            return self._own_request(gate, gate.story(story_id))

    def approve(self, run_id: str) -> None:
        """Holds the credits of a request and queues its run; executes nothing.

        Raises UnknownRun, NotAllowed, NotARequest, AlreadyDecided, OwnRequest, RequestVoid,
        RequestExpired, RunActive, WriterNotAllowed, BudgetExceeded, InsufficientCredits.
        """
        self._house.get_ready()
        with self._writing() as gate:
            gate.permit_run("approve", run_id)
            writers.permit(gate.session, project_of(gate.session, run_id), self._house.provider)
            over = requests.approve(
                gate.session,
                run_id,
                by=self._actor.user_id,
                keeping=self._keeping,
                enqueue=self._house.queue.enqueue,
            )
        _refuse(over)

    def decline(self, run_id: str, reason: str) -> None:
        """Ends a request for a reason, which its editor is told.

        Raises ReasonMissing, BadField, UnknownRun, NotAllowed, NotARequest, AlreadyDecided,
        OwnRequest, RequestVoid, RequestExpired.
        """
        self._answer(requests.decline, run_id, reason)

    def ask_for_changes(self, run_id: str, comment: str) -> None:
        """Tells a request's editor what is to be changed; it goes on waiting.

        Raises what `decline` raises.
        """
        self._answer(requests.ask_for_changes, run_id, comment)

    def _answer(self, answer: Callable[..., Refused | None], run_id: str, words: str) -> None:
        said = _needed(words)
        by, name = self._actor.user_id, self._actor.display_name
        with self._writing() as gate:
            gate.permit_run("approve", run_id)
            over = answer(gate.session, run_id, said, by=by, name=name, keeping=self._keeping)
        _refuse(over)

    def withdraw(self, run_id: str) -> None:
        """Takes a request of their own back.

        Raises UnknownRun, NotAllowed, NotARequest, AlreadyDecided, NotAsker, RequestVoid,
        RequestExpired.
        """
        with self._writing() as gate:
            gate.permit_run("withdraw", run_id)
            over = requests.withdraw(
                gate.session, run_id, by=self._actor.user_id, keeping=self._keeping
            )
        _refuse(over)

    def look_at_request(self, run_id: str) -> RequestView:
        """A request as `request` gives it; one that holds no more ends where its editor looks.

        So it does where one looks who may decide it. Raises UnknownRun, NotARequest.
        """
        view = self.request(run_id)
        if view.asked.is_waiting and view.why_not is not None and (view.is_own or view.may_decide):
            with self._writing() as gate:
                gate.permit_run("read", run_id)
                requests.look(gate.session, run_id, self._keeping)
            view = self.request(run_id)
        return view


def count_for(gate: Gate, actor: Actor) -> int:
    """How many requests wait for somebody's decision."""
    if not gate.may_somewhere("approve"):
        return 0
    return reading.count(gate.session, gate.projects_for("approve"), actor.user_id)


def checked_note(said: str, field: str = "note") -> str | None:
    """A note as it is kept, on one line; None where there is none. Raises BadField."""
    kept = " ".join(said.split())
    if len(kept) > MOST_OF_A_NOTE or not is_storable(kept):
        raise BadField(field, f"it is to have {MOST_OF_A_NOTE:,} characters that show at most")
    return kept or None


def _needed(reason: str) -> str:
    kept = checked_note(reason, "reason")
    if kept is None:
        raise ReasonMissing
    return kept


def _refuse(over: Refused | None) -> None:
    # What has ended the request is kept by now.
    if over is not None:
        raise over


def _deciders(gate: Gate, projects: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
    """Who may decide requests, by project what they are called by their names."""
    found: dict[str, dict[str, str]] = {one: {} for one in projects}
    for person in people.with_roles(gate.session, found, ALLOWED["approve"]):
        for project_id in found if person.role == ADMIN else [person.project_id]:
            found[project_id or ""][person.name] = person.display_name
    return found
