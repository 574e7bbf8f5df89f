"""The use cases, and who may do them. Pages, command line and HTTP call nothing below this."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.engine import events, runs
from cascade.engine.executor import Executor, seat_for
from cascade.engine.runner import Queue, Runner
from cascade.engine.writing import Limits
from cascade.errors import NotAllowed, StalePlan, UnknownRun
from cascade.llm import provider_for
from cascade.llm.provider import Provider
from cascade.settings import Settings
from cascade.store import accounts, documents, migrate, stories
from cascade.store.accounts import Actor
from cascade.store.database import Database
from cascade.store.migrate import SchemaReport
from cascade.store.tables import (
    ACTIVE,
    CreditAccount,
    CreditEntry,
    Draft,
    Revision,
    Role,
    Run,
    RunStatus,
    RunStep,
    ScenePlot,
    StoryVersion,
    User,
)
from cascade.story.document import Story
from cascade.story.estimate import calls_in_a_row
from cascade.story.plan import Plan, make_plan
from cascade.story.structures import structure
from cascade.story.tension import pending_changes

Action = Literal["read", "draft", "start", "cancel", "resume", "approve"]

# Who may do what in a project. The command line's grant, import and db are the operator's and
# are not in it: whoever can run them owns the database.
ALLOWED: Mapping[Action, tuple[Role, ...]] = MappingProxyType(
    {
        "read": ("viewer", "editor", "producer"),
        "draft": ("editor", "producer"),
        "start": ("editor",),
        "cancel": ("editor", "producer"),
        "resume": ("editor",),
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
        "approve": "approve a run on this story",
    }
)
# Seconds a call takes, as long as none of the writer's has been seen yet.
UNSEEN_CALL_S = 8.0
FOLLOW_S = 0.05


@dataclass(frozen=True, slots=True)
class StorySummary:
    """A story in a list."""

    id: str
    title: str
    structure_type: str
    language: str
    beats: int
    scenes: int


@dataclass(frozen=True, slots=True)
class Offer:
    """A plan with what the one who asks needs for deciding: balance and expected seconds."""

    plan: Plan
    available: int
    expected_seconds: float

    @property
    def missing(self) -> int:
        """Credits that are missing; 0 where they suffice."""
        return max(0, self.plan.estimated_credits - self.available)


@dataclass(frozen=True, slots=True)
class StepView:
    """One step of a run as it is saved."""

    key: str
    status: str
    credits: int
    error: str | None


@dataclass(frozen=True, slots=True)
class RunView:
    """A run as a reader sees it."""

    id: str
    story_id: str
    status: RunStatus
    user: str
    plan: Plan
    estimated_credits: int
    used_credits: int
    released_credits: int
    steps: tuple[StepView, ...]
    provider: str
    model: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None
    error_code: str | None
    resumed_from: str | None
    resumed_by: str | None

    @property
    def is_active(self) -> bool:
        """True until the run has ended."""
        return self.status in ACTIVE

    @property
    def is_resumable(self) -> bool:
        """True where a stopped run left steps undone and no other has taken them up."""
        stopped = self.status in ("cancelled", "failed") and self.resumed_by is None
        return stopped and any(step.status != "saved" for step in self.steps)


@dataclass(frozen=True, slots=True)
class Credits:
    """A user's credits over all projects; `entries` as the surfaces show them, oldest first."""

    user: str
    deposited: int
    available: int
    held: int
    captured: int
    entries: tuple[dict[str, Any], ...]


class Service:
    """Arc Studio behind its surfaces. Opening it makes the database ready.

    Raises DatabaseError where that fails. Every method is one use case; those with an `actor`
    raise NotAllowed where the actor's role in the project does not cover it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self._queue = Queue(self.database)
        parts = [migrate.Part(self._queue.is_missing, self._queue.make)]
        if settings.samples == "on":
            parts.append(migrate.Part(lambda: migrate.is_empty(self.database), self._add_samples))
        migrate.ensure(self.database, parts)

    @cached_property
    def provider(self) -> Provider:
        """The writer that the settings ask for."""
        return provider_for(self.settings)

    def close(self) -> None:
        """Gives back connections."""
        self._queue.close()
        self.database.close()

    # Executing

    @contextmanager
    def executing(self, *, yields: bool = False) -> Iterator[None]:
        """Executes runs in this process while the block lasts, as soon as there is a seat.

        With `yields` only where no other process executes.
        """
        executor = Executor(self.database, self._queue, self._make_runner, yields=yields)
        executor.start()
        try:
            yield
        finally:
            executor.stop()

    def _make_runner(self) -> Runner:
        limits = Limits(self.settings.concurrency, self.settings.requests_per_minute)
        return Runner(self.database, self.provider, limits)

    # Stories

    def actor(self, name: str | None = None) -> Actor:
        """The user of that name, or the one the settings name. Raises UnknownUser."""
        with self.database.read() as session:
            return accounts.find_actor(session, name or self.settings.user)

    def stories(self) -> list[StorySummary]:
        """All stories, the oldest first."""
        scenes = (
            sa.select(ScenePlot.story_version_id, sa.func.count().label("n"))
            .group_by(ScenePlot.story_version_id)
            .subquery()
        )
        with self.database.read() as session:
            rows = session.execute(
                sa.select(StoryVersion, scenes.c.n)
                .outerjoin(scenes, scenes.c.story_version_id == StoryVersion.id)
                .order_by(StoryVersion.id)
            )
            return [
                StorySummary(
                    id=row.id,
                    title=row.title,
                    structure_type=row.structure_type,
                    language=row.language,
                    beats=len(structure(row.structure_type).beats),
                    scenes=n or 0,
                )
                for row, n in rows
            ]

    def story(self, reference: str) -> Story:
        """A story by its id or title. Raises UnknownStory."""
        with self.database.read() as session:
            return stories.read_story(session, stories.find_story_id(session, reference))

    def out_of_date(self, story_id: str) -> set[str]:
        """The keys of a story's pieces that are out of date."""
        with self.database.read() as session:
            return stories.out_of_date(session, story_id)

    def import_story(self, path: Path) -> str:
        """Makes a new story from a JSON file; its id. Raises BadDocument. The operator's."""
        story = documents.read_document(path)
        with self.database.write() as session:
            return stories.insert_story(session, accounts.first_project(session), story)

    # Changing a curve

    def draft(self, actor: Actor, story_id: str) -> dict[str, int]:
        """The actor's own pending levels on a story; those that are saved by now are left out."""
        with self.database.read() as session:
            draft = session.get(Draft, (story_id, actor.user_id))
            if draft is None:
                return {}
            story = stories.read_story(session, story_id)
            return pending_changes(story.structure, story.levels, draft.levels)

    def save_draft(self, actor: Actor, story_id: str, levels: Mapping[str, int]) -> None:
        """Keeps the actor's pending levels, so that a refresh does not lose them."""
        with self.database.write() as session:
            row = stories.lock_story(session, story_id)
            self._permit(session, actor, "draft", row.project_id)
            story = stories.read_story(session, story_id)
            pending = pending_changes(story.structure, story.levels, levels)
            draft = session.get(Draft, (story_id, actor.user_id))
            if draft is None:
                draft = Draft(story_version_id=story_id, user_id=actor.user_id, directions={})
                session.add(draft)
            draft.levels = pending

    def plan(
        self,
        actor: Actor,
        story_id: str,
        levels: Mapping[str, int],
        directions: Mapping[str, str] | None = None,
    ) -> Offer:
        """What new levels would do and cost. Writes nothing. Raises UnknownBeat, BadLevel."""
        version = self.provider.prompt_version
        with self.database.read() as session:
            story = stories.read_story(session, story_id)
            self._permit(session, actor, "read", story.project_id)
            plan = make_plan(story, levels, directions=directions, prompt_version=version)
            account = accounts.account_of(session, actor, story.project_id)
            available = account.available if account is not None else 0
            return Offer(plan, available, self._expected_seconds(session, plan))

    def start(self, actor: Actor, plan: Plan) -> str:
        """Starts a run of a plan; the run's id. Returns as soon as it is written and queued.

        Raises NothingChanged, StalePlan, RunActive, InsufficientCredits: then nothing changed.
        """
        if plan.prompt_version != self.provider.prompt_version:
            raise StalePlan("the writer")
        with self.database.write() as session:
            row = stories.lock_story(session, plan.story_id)
            self._permit(session, actor, "start", row.project_id)
            account = accounts.open_account(session, actor, row.project_id)
            return self._start(session, actor, account, plan)

    def resume(self, actor: Actor, run_id: str) -> str:
        """Starts a new run of what a cancelled or failed run left undone; its id.

        Raises NotResumable, and what `start` raises.
        """
        with self.database.write() as session:
            run = runs.lock_run(session, run_id)
            row = stories.lock_story(session, run.story_version_id)
            self._permit(session, actor, "resume", row.project_id)
            plan = runs.plan_to_resume(session, run)
            account = accounts.open_account(session, actor, row.project_id)
            return self._start(session, actor, account, plan, resumed_from=run)

    def _start(
        self,
        session: Session,
        actor: Actor,
        account: CreditAccount,
        plan: Plan,
        resumed_from: Run | None = None,
    ) -> str:
        return runs.start(
            session,
            plan,
            user_id=actor.user_id,
            account_id=account.id,
            provider=self.provider.name,
            model=self.provider.model,
            enqueue=self._queue.enqueue,
            resumed_from=resumed_from,
        )

    def cancel(self, actor: Actor, run_id: str) -> RunStatus:
        """Asks a run to stop; the status it has then. Nothing of it is saved from now on."""
        with self.database.write() as session:
            run = runs.lock_run(session, run_id)
            row = session.get(StoryVersion, run.story_version_id)
            assert row is not None
            self._permit(session, actor, "cancel", row.project_id)
            status = runs.cancel(session, run_id)
        if status == "cancelling" and not seat_for(self.database).somebody_sits():
            # Whoever executed it is dead, and nobody else is there to end it.
            with self.database.write() as session:
                runs.finish(session, run_id)
            return self.run(run_id).status
        return status

    # Runs

    def find_run(self, reference: str) -> str:
        """The id of a run, also from the beginning of one. Raises UnknownRun."""
        wanted = reference.strip()
        with self.database.read() as session:
            ids = session.scalars(
                sa.select(Run.id).where(Run.id.startswith(wanted, autoescape=True)).limit(2)
            ).all()
        if wanted in ids or (len(ids) == 1 and len(wanted) >= 4):
            return wanted if wanted in ids else ids[0]
        raise UnknownRun(reference)

    def runs(self, story_id: str | None = None, limit: int | None = None) -> list[RunView]:
        """Runs, newest first; of one story or of all."""
        wanted = sa.select(Run).order_by(Run.id.desc()).limit(limit)
        if story_id is not None:
            wanted = wanted.where(Run.story_version_id == story_id)
        with self.database.read() as session:
            return [_run_view(session, run) for run in session.scalars(wanted)]

    def run(self, run_id: str) -> RunView:
        """One run. Raises UnknownRun."""
        with self.database.read() as session:
            run = session.get(Run, run_id)
            if run is None:
                raise UnknownRun(run_id)
            return _run_view(session, run)

    def events(self, run_id: str, after: int = 0) -> list[dict[str, Any]]:
        """The events of a run with a `seq` above `after`, in order."""
        with self.database.read() as session:
            return events.read(session, run_id, after)

    def follow(
        self, run_id: str, after: int = 0, waiting: Callable[[], None] = lambda: None
    ) -> Iterator[dict[str, Any]]:
        """The events of a run as they are committed, until the one that ends it.

        `waiting` is called between two looks, about twenty times a second.
        """
        while True:
            # Status first: an end that comes in between is seen in the events of the next turn.
            ended = not self._is_active(run_id)
            for event in self.events(run_id, after):
                after = event["seq"]
                yield event
                if events.is_end(event):
                    return
            if ended:
                return
            waiting()
            time.sleep(FOLLOW_S)

    def _is_active(self, run_id: str) -> bool:
        with self.database.read() as session:
            return session.scalar(sa.select(Run.status).where(Run.id == run_id)) in ACTIVE

    # Credits

    def credits(self, actor: Actor) -> Credits:
        """What a user has, holds and has used, with every movement."""
        with self.database.read() as session:
            own = accounts.accounts_of(session, actor)
            rows = session.scalars(
                sa.select(CreditEntry)
                .where(CreditEntry.account_id.in_([account.id for account in own]))
                .order_by(CreditEntry.id)
            )
            return Credits(
                user=actor.name,
                deposited=sum(account.deposited for account in own),
                available=sum(account.available for account in own),
                held=sum(account.held for account in own),
                captured=sum(account.captured for account in own),
                entries=tuple(
                    {
                        "runId": row.run_id,
                        "stepKey": row.step_key,
                        "kind": row.kind,
                        "credits": row.credits,
                        "at": row.at.isoformat(),
                    }
                    for row in rows
                ),
            )

    def grant(self, name: str, credits: int) -> tuple[Actor, bool]:
        """Gives a user credits in the oldest project; an unknown name becomes an editor there.

        The user, and whether it is new. The operator's.
        """
        with self.database.write() as session:
            user = session.scalar(sa.select(User).where(User.name == name))
            if user is not None:
                actor = Actor(user.id, user.name, user.display_name)
                projects = accounts.project_ids(session, actor)
                project_id = projects[0] if projects else accounts.first_project(session)
            else:
                project_id = accounts.first_project(session)
                actor = accounts.add_user(session, name, name, "editor", project_id)
            account = accounts.open_account(session, actor, project_id)
            ledger.grant(session, account.id, credits)
            return actor, user is None

    def balance(self, actor: Actor, story_id: str) -> int:
        """Credits the actor has available for runs on a story."""
        with self.database.read() as session:
            project_id = session.scalar(
                sa.select(StoryVersion.project_id).where(StoryVersion.id == story_id)
            )
            account = accounts.account_of(session, actor, project_id or "")
            return account.available if account is not None else 0

    # The database

    def _add_samples(self) -> None:
        with self.database.write() as session:
            _load_samples(session)

    def _expected_seconds(self, session: Session, plan: Plan) -> float:
        """How long a plan's calls take, by the middle of the writer's last 50."""
        latencies = sorted(
            latency
            for latency in session.scalars(
                sa.select(Revision.latency_ms)
                .where(
                    Revision.provider == self.provider.name,
                    Revision.model == self.provider.model,
                    Revision.latency_ms.is_not(None),
                )
                .order_by(Revision.id.desc())
                .limit(50)
            )
            if latency is not None
        )
        if latencies:
            call_s = latencies[len(latencies) // 2] / 1000
        elif self.provider.name == "offline":
            call_s = self.settings.offline_delay_ms / 1000
        else:
            call_s = UNSEEN_CALL_S
        return call_s * calls_in_a_row(plan.groups(), self.settings.concurrency)

    @staticmethod
    def _permit(session: Session, actor: Actor, action: Action, project_id: str) -> None:
        if accounts.role_in(session, actor, project_id) not in ALLOWED[action]:
            raise NotAllowed(actor.name, _IN_WORDS[action], ALLOWED[action])


def check_database(settings: Settings) -> SchemaReport:
    """What the database has of the schema. An empty one is made ready first, as by any command."""
    database = Database(settings.database_url)
    try:
        found = migrate.report(database)
        if any(table.exists for table in found.tables):
            return found
        Service(settings).close()
        return migrate.report(database)
    finally:
        database.close()


def _load_samples(session: Session) -> None:
    """Sample users with their credits, and the sample stories, through the code of `import`."""
    project_id = accounts.add_project(session, accounts.SAMPLE_PROJECT)
    for name, display_name, role in accounts.SAMPLE_USERS:
        actor = accounts.add_user(session, name, display_name, role, project_id)
        account = accounts.open_account(session, actor, project_id)
        if role == "editor":
            ledger.grant(session, account.id, accounts.SAMPLE_CREDITS)
    for name in documents.SAMPLE_FILES:
        story = documents.read_document(documents.SAMPLES / name)
        stories.insert_story(session, project_id, story)


def _run_view(session: Session, run: Run) -> RunView:
    steps = session.scalars(
        sa.select(RunStep).where(RunStep.run_id == run.id).order_by(RunStep.position)
    )
    user = session.get(User, run.user_id)
    assert user is not None
    used = ledger.captured_by(session, run.id)
    return RunView(
        id=run.id,
        story_id=run.story_version_id,
        status=run.status,
        user=user.name,
        plan=Plan.from_json(run.plan),
        estimated_credits=run.estimated_credits,
        used_credits=used,
        released_credits=0 if run.status in ACTIVE else run.estimated_credits - used,
        steps=tuple(StepView(step.key, step.status, step.credits, step.error) for step in steps),
        provider=run.provider,
        model=run.model,
        created_at=run.created_at,
        started_at=run.started_at,
        finished_at=run.finished_at,
        error=run.error,
        error_code=run.error_code,
        resumed_from=run.resumed_from,
        resumed_by=session.scalar(sa.select(Run.id).where(Run.resumed_from == run.id).limit(1)),
    )
