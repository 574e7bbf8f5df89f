"""Requests, edits, decisions, runs and crashes in any order: nothing runs but what was approved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import (
    AlreadyDecided,
    InsufficientCredits,
    NotARequest,
    NotAsker,
    NothingChanged,
    NotResumable,
    OwnRequest,
    RequestExpired,
    RunActive,
    StalePlan,
)
from cascade.runs import events, requests, steps
from cascade.runs import lifecycle as runs
from cascade.runs.fresh import changed_since
from cascade.runs.lifecycle import Entry
from cascade.runs.requests import Terms
from cascade.runs.steps import Assignment
from cascade.runs.validity import Keeping
from cascade.store import accounts
from cascade.store.database import Database
from cascade.store.ids import new_id
from cascade.store.inserting import insert_story
from cascade.store.stories import lock_story, read_story
from cascade.store.tables import ENDED, CreditAccount, CreditEntry, Request, Run, RunStep
from cascade.story.plan import Plan, make_plan
from tests.helpers.editing import write_text
from tests.helpers.machines import (
    LEVELS,
    STORY,
    machine_database,
    new_account,
    run_machine,
    transact,
    write_for,
)

# The fixture `database`: pytest finds it by its being here.
__all__ = ["machine_database"]

DAYS = 30
KEEPING = Keeping(DAYS, "")


class RequestMachine(RuleBasedStateMachine):
    """Two editors who may also decide, a third who only decides, two stories, one shared purse."""

    database: ClassVar[Database]
    runs_ = Bundle("runs")
    gone = st.sampled_from([False, False, False, True])
    who = st.integers(0, 2)

    @initialize(
        deposits=st.lists(st.integers(20, 200), min_size=2, max_size=2), shared=st.integers(0, 120)
    )
    def open(self, deposits: list[int], shared: int) -> None:
        # By run what may be executed: the hash that was approved, or started where none need.
        self.allowed: dict[str, str] = {}
        self.decided: dict[str, str] = {}
        with self.database.write() as session:
            self.project = accounts.add_project(session, "Project")
            self.users = [new_account(session, self.project, credits) for credits in [*deposits, 0]]
            purse = accounts.open_shared_account(session, self.project)
            if shared:
                ledger.grant(session, purse.id, shared)
            self.accounts = [*(id_ for _, id_ in self.users), purse.id]
            self.stories = [insert_story(session, self.project, STORY) for _ in range(2)]

    def read(self, work: Any, *arguments: Any) -> Any:
        with self.database.read() as session:
            return work(session, *arguments)

    def row(self, run_id: str) -> Run:
        found: Run = self.read(lambda session: session.get_one(Run, run_id))
        return found

    def enter(
        self, who: int, plan: Plan, above: int | None, wished: bool, crash: bool, of: str = ""
    ) -> Any:
        actor, account_id = self.users[who]
        entered: list[str] = []

        def admit(session: Session) -> str:
            purses = accounts.purses_of(session, actor, self.project)
            terms = Terms(purses.available, purses.shared_available, above, wished)
            return requests.admit(
                session,
                plan,
                Entry(actor.user_id, account_id, "offline", "pretended"),
                terms,
                lambda _, run_id: entered.append(run_id),
                resumed_from=runs.lock_run(session, of) if of else None,
            )

        try:
            run_id = transact(self.database, crash, admit)
        except (NothingChanged, RunActive, InsufficientCredits, StalePlan):
            return multiple()
        if run_id is None:
            return multiple()
        waits = self.row(run_id).status == "awaiting_approval"
        assert waits == (not entered)
        assert waits or not (wished or (above is not None and plan.estimated_credits > above))
        if not waits:
            self.allowed[run_id] = plan.hash
        return run_id

    @rule(
        target=runs_,
        who=st.integers(0, 1),
        at=st.integers(0, 1),
        levels=LEVELS,
        above=st.sampled_from([None, 0, 10, 40]),
        wished=st.booleans(),
        crash=gone,
    )
    def ask(
        self,
        who: int,
        at: int,
        levels: dict[str, int],
        above: int | None,
        wished: bool,
        crash: bool,
    ) -> Any:
        plan = make_plan(self.read(read_story, self.stories[at]), levels)
        return self.enter(who, plan, above, wished, crash)

    @rule(
        target=runs_,
        who=st.integers(0, 1),
        at=st.integers(0, 1),
        levels=LEVELS,
        meddled=st.booleans(),
        crash=gone,
    )
    def ask_and_approve(
        self, who: int, at: int, levels: dict[str, int], meddled: bool, crash: bool
    ) -> Any:
        """The usual way, with somebody between the two who may change what the plan reads."""
        run_id = self.ask(who=who, at=at, levels=levels, above=None, wished=True, crash=False)
        if not isinstance(run_id, str):
            return multiple()
        if meddled:
            self.edit(at=at, key="need/keyAction")
        self.approve(who=2, run_id=run_id, crash=crash)
        return run_id

    @rule(target=runs_, who=st.integers(0, 1), run_id=runs_, wished=st.booleans(), crash=gone)
    def resume(self, who: int, run_id: str, wished: bool, crash: bool) -> Any:
        try:
            plan = transact(
                self.database, False, lambda s: runs.plan_to_resume(s, runs.lock_run(s, run_id))
            )
        except (NotResumable, RunActive, StalePlan):
            return multiple()
        assert plan is not None
        return self.enter(who, plan, None, wished, crash, of=run_id)

    @rule(who=who, run_id=runs_, crash=gone)
    def approve(self, who: int, run_id: str, crash: bool) -> None:
        run, entered = self.row(run_id), []
        before = run.status
        story = self.read(read_story, run.story_version_id)
        try:
            over = transact(
                self.database,
                crash,
                lambda session: (
                    requests.approve(
                        session,
                        run_id,
                        by=self.users[who][0].user_id,
                        keeping=KEEPING,
                        enqueue=lambda _, run_id: entered.append(run_id),
                    ),
                ),
            )
        except NotARequest:
            assert run_id in self.allowed
            return
        except AlreadyDecided:
            assert before != "awaiting_approval"
            return
        except OwnRequest:
            assert run.user_id == self.users[who][0].user_id
            return
        except (RunActive, InsufficientCredits):
            assert self.row(run_id).status == before == "awaiting_approval"
            return
        assert before == "awaiting_approval"
        assert run.user_id != self.users[who][0].user_id
        if over is None:
            assert self.row(run_id).status == "awaiting_approval"
            return
        if over[0] is not None:
            assert self.row(run_id).status == "rejected"
            return
        assert entered == [run_id]
        plan = Plan.from_json(run.plan)
        assert changed_since(plan, story, tuple, resumed=self.resumes(run_id)) is None
        self.allowed[run_id] = run.plan_hash

    def resumes(self, run_id: str) -> bool:
        request = self.read(lambda session: session.get_one(Request, run_id))
        return request.resumes is not None

    @rule(
        who=who,
        run_id=runs_,
        how=st.sampled_from(["decline", "ask", "withdraw", "cancel", "look"]),
        crash=gone,
    )
    def decide(self, who: int, run_id: str, how: str, crash: bool) -> None:
        by, before = self.users[who][0], self.row(run_id).status

        def work(session: Session) -> tuple[object]:
            if how == "decline":
                return (
                    requests.decline(
                        session, run_id, by=by.user_id, name="A", reason="No", keeping=KEEPING
                    ),
                )
            if how == "ask":
                return (
                    requests.ask_for_changes(
                        session, run_id, by=by.user_id, name="A", comment="Less", keeping=KEEPING
                    ),
                )
            if how == "withdraw":
                return (requests.withdraw(session, run_id, by=by.user_id, keeping=KEEPING),)
            if how == "look":
                requests.look(session, run_id, KEEPING)
                return (None,)
            run = runs.lock_run(session, run_id)
            if run.status == "awaiting_approval":
                requests.cancel(session, run, by=by.user_id)
                return (None,)
            return (runs.cancel(session, run_id),)

        try:
            over = transact(self.database, crash, work)
        except (NotARequest, AlreadyDecided):
            assert before != "awaiting_approval"
            return
        except (OwnRequest, NotAsker):
            assert self.row(run_id).status == before
            return
        after = self.row(run_id).status
        if over is None:
            assert after == before
        elif before == "awaiting_approval":
            ended = {
                "decline": "rejected",
                "ask": before,
                "withdraw": "cancelled",
                "cancel": "cancelled",
            }
            assert after == ("rejected" if over[0] is not None else ended.get(how, after))

    @rule(run_id=runs_)
    def age(self, run_id: str) -> None:
        """A request grows too old to be approved, and an executor ends it."""
        with self.database.write() as session:
            run = session.get_one(Run, run_id)
            if run.status != "awaiting_approval":
                return
            run.created_at -= timedelta(days=DAYS)
        with self.database.write() as session:
            if run_id in requests.overdue(session, DAYS):
                requests.expire(session, run_id, DAYS)
        assert self.row(run_id).error_code == RequestExpired.code

    @rule(
        run_id=runs_,
        count=st.sampled_from([0, 1, 3, 40]),
        then=st.sampled_from(["finish", "die", "cancel"]),
    )
    def execute(self, run_id: str, count: int, then: str) -> None:
        """An executor takes up what it finds queued; what waits it leaves alone."""
        before = self.row(run_id).status
        groups = transact(self.database, False, runs.begin, run_id) or []
        assert not groups or run_id in self.allowed
        for key in [key for group in groups for key in group][:count]:
            announced = transact(self.database, False, steps.announce, run_id, key)
            if isinstance(announced, Assignment):
                text = f"{key} by {run_id}"
                transact(
                    self.database, False, steps.save, run_id, key, write_for(announced.brief, text)
                )
        if then == "cancel" and groups:
            transact(self.database, False, runs.cancel, run_id)
        if then != "die":
            transact(self.database, False, runs.finish, run_id)
        if before == "awaiting_approval":
            assert self.row(run_id).status == before

    @rule(
        at=st.integers(0, 1),
        key=st.sampled_from(["need/keyAction", "need/script/3", "go/beatContent"]),
    )
    def edit(self, at: int, key: str) -> None:
        """Somebody else edits a text that a request may be about."""
        with self.database.write() as session:
            row = lock_story(session, self.stories[at])
            write_text(session, row, key, f"{key} by hand, {new_id()}")

    @invariant()
    def nothing_is_used_but_what_was_approved(self) -> None:
        with self.database.read() as session:
            rows = session.scalars(sa.select(Run)).all()
            mine = [run for run in rows if run.story_version_id in self.stories]
            for run in mine:
                entries = session.scalars(
                    sa.select(CreditEntry).where(CreditEntry.run_id == run.id)
                ).all()
                if run.id not in self.allowed:
                    assert not entries, "credits of what nobody has approved"
                    assert run.status in ("awaiting_approval", "rejected", "cancelled")
                    assert not session.scalars(
                        sa.select(RunStep).where(
                            RunStep.run_id == run.id, RunStep.status == "saved"
                        )
                    ).all()
                    continue
                assert run.plan_hash == Plan.from_json(run.plan).hash == self.allowed[run.id]
                assert {one.account_id for one in entries} == {run.account_id}
                holds = [one.credits for one in entries if one.kind == "hold"]
                assert holds == [run.estimated_credits], "held once, and whole"
                used = sum(one.credits for one in entries if one.kind == "capture")
                assert used <= run.estimated_credits
            for account_id in self.accounts:
                row = session.get_one(CreditAccount, account_id)
                of_runs = [run for run in mine if run.account_id == account_id]
                assert row.held == sum(ledger.held_for(session, run.id) for run in of_runs)

    @invariant()
    def a_decision_is_for_good_and_told_once(self) -> None:
        with self.database.read() as session:
            waiting = []
            for request, run in session.execute(
                sa.select(Request, Run)
                .join(Run, Run.id == Request.run_id)
                .where(Run.story_version_id.in_(self.stories))
            ):
                told = [one["type"] for one in events.read(session, run.id)]
                assert told[0] == "awaiting_approval"
                assert told.count("awaiting_approval") == 1
                assert (request.decision is None) == (run.status == "awaiting_approval")
                if request.decision is None:
                    waiting.append((run.user_id, run.story_version_id))
                    assert told == ["awaiting_approval"]
                    continue
                assert self.decided.setdefault(run.id, request.decision) == request.decision
                ends = {"approved": None, "withdrawn": "cancelled"}
                if request.decision != "approved":
                    assert told[1:] == [ends.get(request.decision, "rejected")]
                    assert run.status in ENDED
                    assert run.resumed_from is None
            assert len(waiting) == len(set(waiting)), "a newer one takes the place of the older"


def test_nothing_runs_but_what_was_approved(database: Database) -> None:
    run_machine(RequestMachine, database, 60)
