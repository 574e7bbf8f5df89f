"""The use cases, and who may do them. Pages, command line and HTTP call nothing below this."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade import ledger, samples
from cascade.engine.executor import seat_for
from cascade.engine.writing import MAX_ATTEMPTS
from cascade.errors import AmbiguousRun, CannotImport, StalePlan, UnknownRun, UsageError
from cascade.formats import json as documents
from cascade.ledger import Credits
from cascade.llm.doctor import Diagnosis
from cascade.llm.flaws import flaw_in_words
from cascade.machinery import Machinery, check_database
from cascade.offers import Cost, Offer, StorySummary, cost_of
from cascade.permissions import Action, permit, permitted
from cascade.runs import events, restore
from cascade.runs import lifecycle as runs
from cascade.runs.reading import RunView, run_view
from cascade.runs.restore import Replaced
from cascade.store import accounts, calls, drafts, pieces, product, pulse, revisions, stories
from cascade.store.accounts import Actor
from cascade.store.calls import Used
from cascade.store.check import SchemaReport, TableReport
from cascade.store.drafts import Draft
from cascade.store.pulse import Pulse
from cascade.store.revisions import Written
from cascade.store.tables import (
    ACTIVE,
    CreditAccount,
    Project,
    Run,
    RunStatus,
    ScenePlot,
    StoryVersion,
    User,
)
from cascade.story.estimate import calls_in_a_row
from cascade.story.plan import Plan, make_plan
from cascade.story.story import Story
from cascade.story.structures import STRUCTURES

__all__ = [
    "MAX_ATTEMPTS",
    "Action",
    "Actor",
    "Cost",
    "Credits",
    "Diagnosis",
    "Draft",
    "Offer",
    "Pulse",
    "Replaced",
    "RunView",
    "SchemaReport",
    "Service",
    "StorySummary",
    "TableReport",
    "Used",
    "Written",
    "check_database",
    "flaw_in_words",
]

# Seconds a call takes, as long as none of the writer's has been seen yet.
UNSEEN_CALL_S = 8.0
FOLLOW_S = 0.05
MOST_OF_A_NAME = 200


class Service(Machinery):
    """Cascade behind its surfaces. Opening it makes the database ready.

    Raises DatabaseError where that fails. Every method is one use case; those with an `actor`
    raise NotAllowed where the actor's role in the project does not cover it.
    """

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
                    title=row.title or "",
                    structure_type=row.structure_type or "",
                    language=stories.language_of(row.language) or "en",
                    beats=len(known.beats) if (known := STRUCTURES.get(row.structure_type)) else 0,
                    scenes=n or 0,
                )
                for row, n in rows
            ]

    def story(self, reference: str) -> Story:
        """A story by its id or title. Raises UnknownStory."""
        with self.database.read() as session:
            return stories.read_story(session, stories.find_story_id(session, reference))

    def document(self, reference: str) -> dict[str, Any]:
        """A story as the JSON document that `show` prints and `import` takes."""
        story = self.story(reference)
        return documents.story_document(story, self.out_of_date(story.id))

    def out_of_date(self, story_id: str) -> set[str]:
        """The keys of a story's pieces that are out of date."""
        with self.database.read() as session:
            return pieces.out_of_date(session, story_id)

    def import_story(self, path: Path, left_out: Callable[[str], None] | None = None) -> str:
        """Makes a new story from a JSON file; its id. The operator's.

        With `left_out` what is not understood is left out and told to it, a line each.
        Raises BadDocument, and CannotImport where the product's tables need more than it gives.
        """
        story = documents.read_document(path, left_out)
        with self.database.write() as session:
            cannot = product.product_of(session).cannot_fill()
            if cannot:
                raise CannotImport(cannot)
            return stories.insert_story(session, accounts.first_project(session), story)

    # Changing a curve

    def draft(self, actor: Actor, story_id: str) -> Draft:
        """What the actor has pending on a story; levels that are saved by now are left out."""
        with self.database.read() as session:
            return drafts.read(session, stories.read_story(session, story_id), actor.user_id)

    def save_draft(
        self,
        actor: Actor,
        story_id: str,
        levels: Mapping[str, int],
        directions: Mapping[str, str] | None = None,
    ) -> Draft:
        """Keeps these pending levels, and no others, so that a refresh does not lose them.

        Without `directions` those that are kept already stay, as far as their beats are pending.
        """
        with self.database.write() as session:
            story = self._to_draft(session, actor, story_id)
            if directions is None:
                directions = drafts.read(session, story, actor.user_id).directions
            return drafts.write(session, story, actor.user_id, levels, directions)

    def edit_draft(
        self,
        actor: Actor,
        story_id: str,
        levels: Mapping[str, int],
        directions: Mapping[str, str] | None = None,
    ) -> Draft:
        """Changes some beats of the actor's draft and leaves the others as another tab has them.

        An empty direction takes back the one that is kept.
        """
        with self.database.write() as session:
            story = self._to_draft(session, actor, story_id)
            kept = drafts.read(session, story, actor.user_id)
            return drafts.write(
                session,
                story,
                actor.user_id,
                {**kept.levels, **levels},
                {**kept.directions, **(directions or {})},
            )

    def _to_draft(self, session: Session, actor: Actor, story_id: str) -> Story:
        row = stories.lock_story(session, story_id)
        permit(session, actor, "draft", row.project_id)
        return stories.read_story(session, story_id)

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
            permit(session, actor, "read", story.project_id)
            plan = make_plan(story, levels, directions=directions, prompt_version=version)
            account = accounts.account_of(session, actor, story.project_id)
            available = account.available if account is not None else 0
            return Offer(plan, available, self._expected_seconds(session, plan))

    def start(self, actor: Actor, plan: Plan) -> str:
        """Starts a run of a plan; the run's id. Returns as soon as it is written and queued.

        Raises NothingChanged, StalePlan, RunActive, InsufficientCredits: then nothing changed.
        """
        if plan.prompt_version != self.provider.prompt_version:
            raise StalePlan("the writer", cause="writer")
        with self.database.write() as session:
            row = stories.lock_story(session, plan.story_id)
            permit(session, actor, "start", row.project_id)
            account = accounts.open_account(session, actor, row.project_id)
            return self._start(session, actor, account, plan)

    def resume(self, actor: Actor, run_id: str) -> str:
        """Starts a new run of what a cancelled or failed run left undone; its id.

        Texts that were accepted along the way and are not saved yet stay accepted.
        Raises NotResumable, and what `start` raises.
        """
        return self._resume(actor, run_id, None)

    def accept(self, actor: Actor, run_id: str, step_key: str) -> str:
        """Resumes a run with a text that a check rejected, saved and charged as it is; its id.

        Raises NotResumable, and what `start` raises.
        """
        return self._resume(actor, run_id, step_key)

    def _resume(self, actor: Actor, run_id: str, accepted_key: str | None) -> str:
        with self.database.write() as session:
            run = runs.lock_run(session, run_id)
            row = runs.lock_story_of(session, run)
            permit(session, actor, "resume", row.project_id)
            plan = runs.plan_to_resume(session, run)
            accepted = runs.accepted_so_far(session, run)
            if accepted_key is not None:
                accepted[accepted_key] = runs.rejected_call(session, run, plan, accepted_key)
            account = accounts.open_account(session, actor, row.project_id)
            return self._start(session, actor, account, plan, run, accepted)

    def _start(
        self,
        session: Session,
        actor: Actor,
        account: CreditAccount,
        plan: Plan,
        resumed_from: Run | None = None,
        accepted: Mapping[str, int] | None = None,
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
            accepted=accepted,
        )

    def cancel(self, actor: Actor, run_id: str) -> RunStatus:
        """Asks a run to stop; the status it has then. Nothing of it is saved from now on."""
        with self.database.write() as session:
            run = runs.lock_run(session, run_id)
            permit(session, actor, "cancel", runs.project_of(session, run))
            status = runs.cancel(session, run_id)
        if status == "cancelling" and not seat_for(self.database).somebody_sits():
            # Whoever executed it is dead, and nobody else is there to end it.
            with self.database.write() as session:
                runs.finish(session, run_id)
            return self.run(run_id).status
        return status

    # Runs

    def find_run(self, reference: str) -> str:
        """The id of a run, also from the beginning of one. Raises UnknownRun, AmbiguousRun."""
        wanted = reference.strip()
        if len(wanted) > stories.LONGEST_BEGINNING or not stories.is_storable(wanted):
            raise UnknownRun(reference)
        begins = Run.id.startswith(wanted, autoescape=True)
        with self.database.read() as session:
            exact = session.scalar(sa.select(Run.id).where(Run.id == wanted))
            ids = session.scalars(sa.select(Run.id).where(begins).limit(2)).all()
            count = session.scalar(sa.select(sa.func.count()).select_from(Run).where(begins)) or 0
        if exact is not None:
            return exact
        if len(wanted) < 4 or not ids:
            raise UnknownRun(reference)
        if count > 1:
            raise AmbiguousRun(reference, count)
        return ids[0]

    def runs(self, story_id: str | None = None, limit: int | None = None) -> list[RunView]:
        """Runs, newest first; of one story or of all."""
        wanted = sa.select(Run).order_by(Run.id.desc()).limit(limit)
        if story_id is not None:
            wanted = wanted.where(Run.story_version_id == story_id)
        with self.database.read() as session:
            return [run_view(session, run) for run in session.scalars(wanted)]

    def run(self, run_id: str) -> RunView:
        """One run. Raises UnknownRun."""
        with self.database.read() as session:
            run = session.get(Run, run_id)
            if run is None:
                raise UnknownRun(run_id)
            return run_view(session, run)

    def events(self, run_id: str, after: int = 0) -> list[dict[str, Any]]:
        """The events of a run with a `seq` above `after`, in order."""
        with self.database.read() as session:
            return events.read(session, run_id, after)

    def growing(self, run_id: str) -> Mapping[str, str]:
        """The texts of a run that are being written right now, by step key."""
        with self.database.read() as session:
            return calls.growing(session, run_id)

    def cost(self, run: RunView) -> Cost | None:
        """What a run's calls cost in money; None where no price is set."""
        return cost_of(run.tokens, self.settings)

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

    def permitted(self, actor: Actor, story_id: str) -> frozenset[Action]:
        """What the actor may do on a story, so that a page offers nothing else."""
        with self.database.read() as session:
            row = session.get(StoryVersion, story_id)
            return permitted(session, actor, row.project_id) if row is not None else frozenset()

    def writers(self, story_id: str) -> dict[str, Written]:
        """Which run and model wrote the texts that still stand as a run wrote them, by key."""
        with self.database.read() as session:
            return revisions.writers(session, stories.read_story(session, story_id))

    def pulse(self, actor: Actor, story_id: str) -> Pulse:
        """A few signs that change whenever a page about the story has something new to show.

        Cheap: it is asked every few seconds by every open page, and reads no text.
        """
        with self.database.read() as session:
            return pulse.take(session, actor, story_id)

    # Undoing

    def replaced(self, run_id: str) -> list[Replaced]:
        """What a run wrote, piece by piece: the text before and the text it wrote."""
        with self.database.read() as session:
            run = session.get(Run, run_id)
            if run is None:
                raise UnknownRun(run_id)
            return restore.replaced(session, run)

    def restore_piece(self, actor: Actor, run_id: str, key: str) -> None:
        """Puts back the text that a run replaced. Raises EditedSince, RunActive."""
        with self.database.write() as session:
            restore.restore_piece(
                session, self._to_restore(session, actor, run_id), key, actor.user_id
            )

    def restore_run(self, actor: Actor, run_id: str) -> list[str]:
        """Puts back every text and level a run changed. Raises EditedSince, RunActive."""
        with self.database.write() as session:
            run = self._to_restore(session, actor, run_id)
            return restore.restore_run(session, run, actor.user_id)

    def _to_restore(self, session: Session, actor: Actor, run_id: str) -> Run:
        run = runs.lock_run(session, run_id)
        row = runs.lock_story_of(session, run)
        permit(session, actor, "restore", row.project_id)
        return run

    def is_demo(self) -> bool:
        """Whether there is nothing but the samples in the database, so that it may be reset."""
        with self.database.read() as session:
            return samples.whose(session) is None

    def reset_demo(self, actor: Actor | None = None) -> None:
        """Puts the sample stories, users and credits back as a new database gets them.

        The operator's; an actor must be one who may start runs in every project. Raises NotADemo
        where the database holds anything that is not the samples' or a run is under way.
        """
        with self.database.write() as session:
            if actor is not None:
                for project_id in session.scalars(sa.select(Project.id)):
                    permit(session, actor, "start", project_id)
            samples.reset(session)

    # Credits

    def credits(self, actor: Actor) -> Credits:
        """What a user has, holds and has used, with every movement."""
        with self.database.read() as session:
            own = [account.id for account in accounts.accounts_of(session, actor)]
            return ledger.statement(session, actor.name, own)

    def grant(self, name: str, credits: int) -> tuple[Actor, bool]:
        """Gives a user credits in the oldest project; an unknown name becomes an editor there.

        The user, and whether it is new. The operator's.
        """
        if not 1 <= len(name.strip()) <= MOST_OF_A_NAME:
            raise UsageError(f"A user's name has 1 to {MOST_OF_A_NAME} characters. Give another.")
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

    def _expected_seconds(self, session: Session, plan: Plan) -> float:
        """How long a plan's calls take, by the middle of the writer's last 50."""
        latency_ms = revisions.usual_latency_ms(session, self.provider.name, self.provider.model)
        if latency_ms is not None:
            call_s = latency_ms / 1000
        elif self.provider.name == "offline":
            call_s = self.settings.offline_delay_ms / 1000
        else:
            call_s = UNSEEN_CALL_S
        return call_s * calls_in_a_row(plan.groups(), self.settings.concurrency)
