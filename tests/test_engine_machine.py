"""Whole runs in any order, with crashes: nothing is charged that is not saved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.errors import (
    InsufficientCredits,
    NothingChanged,
    NotResumable,
    Reason,
    RunActive,
    StalePlan,
)
from cascade.runs import events, steps
from cascade.runs import lifecycle as runs
from cascade.runs.steps import Assignment
from cascade.store import accounts
from cascade.store.database import Database
from cascade.store.ids import new_id
from cascade.store.inserting import insert_story
from cascade.store.stories import lock_story, read_story
from cascade.store.tables import (
    ACTIVE,
    ENDED,
    CreditAccount,
    CreditEntry,
    Revision,
    Run,
    RunStep,
)
from cascade.story.brief import Brief, brief_for
from cascade.story.piece import level_key
from cascade.story.plan import Plan, make_plan
from cascade.story.story import Story, digest
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
from tests.helpers.making import with_level, with_text
from tests.helpers.unqueued import start_run

# The fixture `database`: pytest finds it by its being here.
__all__ = ["machine_database"]


class EngineMachine(RuleBasedStateMachine):
    """Whole runs: start, begin, announce, save, fail, cancel, finish, resume, and foreign edits.

    Executors may be dead, slow or two at once, so that any of it comes at any time and again.
    """

    database: ClassVar[Database]
    runs_ = Bundle("runs")
    gone = st.sampled_from([False, False, False, True])

    @initialize(deposits=st.lists(st.integers(0, 150), min_size=2, max_size=2))
    def open(self, deposits: list[int]) -> None:
        self.texts: dict[str, Story] = {}
        self.ended: dict[str, object] = {}
        self.begun: set[str] = set()
        with self.database.write() as session:
            project_id = accounts.add_project(session, "Project")
            self.users = [new_account(session, project_id, credits) for credits in deposits]
            self.stories = [insert_story(session, project_id, STORY) for _ in range(2)]
            for story_id in self.stories:
                self.texts[story_id] = read_story(session, story_id)

    def read(self, work: Callable[..., Any], *arguments: Any) -> Any:
        with self.database.read() as session:
            return work(session, *arguments)

    def run_of(self, run_id: str) -> tuple[Run, Plan, dict[str, str]]:
        """A run with its plan and the states of its steps."""
        with self.database.read() as session:
            run = session.get_one(Run, run_id)
            rows = session.scalars(sa.select(RunStep).where(RunStep.run_id == run_id))
            return run, Plan.from_json(run.plan), {row.key: row.status for row in rows}

    def active(self, story_id: str) -> list[str]:
        with self.database.read() as session:
            found = sa.select(Run.id).where(
                Run.story_version_id == story_id, Run.status.in_(ACTIVE)
            )
            return list(session.scalars(found))

    def enter(self, who: int, plan: Plan, crash: bool, resumed_from: str | None) -> Any:
        """Starts a run of a plan; no run where that is refused or dies."""
        actor, account_id = self.users[who]
        entered: list[str] = []

        def start(session: Session) -> str:
            return start_run(
                session,
                plan,
                actor.user_id,
                account_id,
                enqueue=lambda _, run_id: entered.append(run_id),
                resumed_from=runs.lock_run(session, resumed_from) if resumed_from else None,
            )

        with self.database.read() as session:
            available = session.get_one(CreditAccount, account_id).available
        active = self.active(plan.story_id)
        try:
            run_id = transact(self.database, crash, start)
        except NothingChanged:
            assert not plan.steps
            return multiple()
        except RunActive:
            assert active
            return multiple()
        except InsufficientCredits:
            assert plan.estimated_credits > available
            return multiple()
        except StalePlan:
            raise AssertionError("planned a moment ago, and nobody was in between") from None
        assert plan.steps
        assert not active
        assert plan.estimated_credits <= available
        if run_id is None:
            return multiple()
        assert entered == [run_id]
        return run_id

    @rule(target=runs_, who=st.integers(0, 1), at=st.integers(0, 1), levels=LEVELS, crash=gone)
    def start(self, who: int, at: int, levels: dict[str, int], crash: bool) -> Any:
        plan = make_plan(self.read(read_story, self.stories[at]), levels)
        return self.enter(who, plan, crash, None)

    @rule(target=runs_, who=st.integers(0, 1), run_id=runs_, crash=gone)
    def resume(self, who: int, run_id: str, crash: bool) -> Any:
        found = self.run_of(run_id)
        run, first, states = found
        try:
            plan = transact(
                self.database, False, lambda s: runs.plan_to_resume(s, runs.lock_run(s, run_id))
            )
        except NotResumable:
            resumed = self.read(
                lambda s: s.scalar(sa.select(Run.id).where(Run.resumed_from == run_id).limit(1))
            )
            stopped = run.status in ("cancelled", "failed")
            assert not stopped or resumed or set(states.values()) == {"saved"}
            return multiple()
        except RunActive:
            assert self.active(run.story_version_id)
            return multiple()
        except StalePlan:
            return multiple()  # Somebody has meddled with what it left.
        assert run.status in ("cancelled", "failed")
        assert plan is not None
        assert [step.key for step in plan.steps] == [
            step.key for step in first.steps if states[step.key] != "saved"
        ]
        return self.enter(who, plan, crash, run_id)

    @rule(run_id=runs_, crash=gone)
    def begin(self, run_id: str, crash: bool) -> None:
        found = self.run_of(run_id)
        groups = transact(self.database, crash, runs.begin, run_id)
        if groups:
            assert found[0].status in ("queued", "running")
            assert groups == found[1].groups()
            self.begun.add(run_id)
        elif groups is not None:
            assert found[0].status not in ("queued", "running")

    def next_steps(self, plan: Plan, states: dict[str, str]) -> list[str]:
        """The first group that is not whole yet."""
        return next(
            (group for group in plan.groups() if any(states[key] != "saved" for key in group)),
            plan.groups()[-1],
        )

    @rule(
        run_id=runs_,
        at=st.integers(0, 3),
        what=st.sampled_from(["save", "save", "save", "save", "fail", "announce", "lost"]),
        crash=gone,
        times=st.integers(1, 2),
        ahead=gone,
    )
    def step(self, run_id: str, at: int, what: str, crash: bool, times: int, ahead: bool) -> None:
        """One step of an executor; `ahead` is one that has lost its place, `times` two of them."""
        found = self.run_of(run_id)
        run, plan, states = found
        keys = [step.key for step in plan.steps] if ahead else self.next_steps(plan, states)
        key = keys[at % len(keys)]
        story = self.read(read_story, plan.story_id)
        brief: Brief | None = None
        if what != "lost":
            announced = transact(self.database, crash, steps.announce, run_id, key)
            if isinstance(announced, Assignment):
                assert run.status == "running"
                assert announced.brief.old_text == story.text(key)
                brief = announced.brief
            if what == "announce":
                return
        # One that heard nothing of the end comes with a text all the same.
        brief = brief or brief_for(plan, plan.step(key), story, "seed")
        text = f"{key} by {run_id}"
        for _ in range(times):
            before = self.run_of(run_id)
            if what == "fail":
                outcome = transact(
                    self.database, crash, steps.fail, run_id, key, Reason("x", "It broke.")
                )
            else:
                written = write_for(brief, text)
                outcome = transact(self.database, crash, steps.save, run_id, key, written)
            after = self.run_of(run_id)
            if outcome is None:
                assert after[2] == before[2]
                continue
            if before[0].status != "running" or outcome == "stopped":
                assert after[2] == before[2], "saved though nothing was wanted"
            if outcome == "saved":
                assert after[2][key] == "saved"
            if before[2][key] != "saved" and after[2][key] == "saved":
                self.saved(plan, key, text)

    def saved(self, plan: Plan, key: str, text: str) -> None:
        """The one change that a saved step makes to the story."""
        story = with_text(self.texts[plan.story_id], key, text)
        step = plan.step(key)
        before = self.texts[plan.story_id]
        assert digest(before.text(key)) == step.replaces, "an edit was overwritten"
        if step == plan.steps_of(step.beat_key)[0]:
            story = with_level(story, step.beat_key, plan.change(step.beat_key).new_level)
        self.texts[plan.story_id] = story

    @rule(run_id=runs_, crash=gone)
    def cancel(self, run_id: str, crash: bool) -> None:
        found = self.run_of(run_id)
        status = transact(self.database, crash, runs.cancel, run_id)
        expected = {"queued": "cancelled", "running": "cancelling"}
        if status is not None:
            assert status == expected.get(found[0].status, found[0].status)

    @rule(run_id=runs_, crash=gone, times=st.integers(1, 2))
    def finish(self, run_id: str, crash: bool, times: int) -> None:
        found = self.run_of(run_id)
        for _ in range(times):
            transact(self.database, crash, runs.finish, run_id)
        after = self.run_of(run_id)
        if found[0].status in ENDED or crash:
            assert after[0].status == found[0].status
        elif found[0].status == "cancelling":
            assert after[0].status == "cancelled"
        else:
            whole = set(found[2].values()) == {"saved"}
            assert after[0].status == ("done" if whole else "failed")

    @rule(
        run_id=runs_,
        count=st.sampled_from([0, 1, 2, 3, 4, 5, 6, 40, 40]),
        then=st.sampled_from(["finish", "finish", "fail", "cancel", "die"]),
    )
    def execute(self, run_id: str, count: int, then: str) -> None:
        """An executor takes a run from where it is, some steps on, and ends it as it must."""
        self.begin(run_id=run_id, crash=False)
        for done in range(count):
            run, plan, states = self.run_of(run_id)
            left = [key for key in self.next_steps(plan, states) if states[key] == "pending"]
            if run.status != "running" or not left or "failed" in states.values():
                break
            at = self.next_steps(plan, states).index(left[-1])
            what = "fail" if then == "fail" and done == count - 1 else "save"
            self.step(run_id=run_id, at=at, what=what, crash=False, times=1, ahead=False)
        if then == "cancel":
            self.cancel(run_id=run_id, crash=False)
        if then != "die":
            self.finish(run_id=run_id, crash=False, times=1)

    @rule(
        at=st.integers(0, 1),
        key=st.sampled_from(["need/keyAction", "need/script/3", "go/beatContent"]),
        crash=gone,
    )
    def edit(self, at: int, key: str, crash: bool) -> None:
        """Somebody else edits a text."""
        story_id, text = self.stories[at], f"{key} by hand, {new_id()}"

        def write(session: Session) -> bool:
            write_text(session, lock_story(session, story_id), key, text)
            return True

        if transact(self.database, crash, write):
            self.texts[story_id] = with_text(self.texts[story_id], key, text)

    @invariant()
    def stories_changed_only_by_what_was_saved(self) -> None:
        for story_id, expected in self.texts.items():
            assert self.read(read_story, story_id) == expected

    @invariant()
    def every_credit_is_where_it_belongs(self) -> None:
        with self.database.read() as session:
            for _, account_id in self.users:
                row = session.get_one(CreditAccount, account_id)
                assert row.available + row.held + row.captured == row.deposited
                assert min(row.available, row.held, row.captured) >= 0
                entries = session.scalars(
                    sa.select(CreditEntry).where(CreditEntry.account_id == account_id)
                ).all()
                known = {entry.run_id for entry in entries if entry.run_id}
                # No hold without its run.
                assert known == set(
                    session.scalars(sa.select(Run.id).where(Run.account_id == account_id))
                )
                assert row.held == sum(ledger.held_for(session, run_id) for run_id in known)
                for run_id in known:
                    of_run = [entry for entry in entries if entry.run_id == run_id]
                    self.check_run(session, session.get_one(Run, run_id), of_run)
            for story_id in self.stories:
                active = sa.select(sa.func.count()).where(
                    Run.story_version_id == story_id, Run.status.in_(ACTIVE)
                )
                assert (session.scalar(active) or 0) <= 1

    def check_run(self, session: Session, run: Run, entries: Sequence[CreditEntry]) -> None:
        rows = session.scalars(sa.select(RunStep).where(RunStep.run_id == run.id)).all()
        saved = {row.key: row.credits for row in rows if row.status == "saved"}
        captures = [(one.step_key, one.credits) for one in entries if one.kind == "capture"]
        assert sorted(captures, key=repr) == sorted(saved.items()), "charged is what is saved"
        assert [one.credits for one in entries if one.kind == "hold"] == [run.estimated_credits]
        releases = [one.credits for one in entries if one.kind == "release"]
        if run.status in ENDED:
            assert releases == [run.estimated_credits - sum(saved.values())]
            assert run.finished_at is not None
        else:
            assert releases == []
            assert run.finished_at is None
        if run.status == "done":
            assert sum(saved.values()) == run.estimated_credits
        chain = session.scalars(
            sa.select(RunStep.key).where(
                RunStep.chain_id == run.chain_id, RunStep.status == "saved"
            )
        ).all()
        assert len(chain) == len(set(chain)), "charged twice along a chain"
        kept = session.execute(
            sa.select(Revision.key, Revision.step_key).where(Revision.run_id == run.id)
        ).all()
        texts = sorted(key for key, step_key in kept if step_key == key)
        levels = sorted(key for key, step_key in kept if step_key is None)
        assert texts == sorted(saved)
        # A beat's first step saves its level with it, unless an earlier run of the chain did.
        plan = Plan.from_json(run.plan)
        assert levels == sorted(
            level_key(change.beat_key)
            for change in plan.changes
            if change.expected_level != change.new_level
            and plan.steps_of(change.beat_key)[0].key in saved
        )
        assert len(kept) == len(texts) + len(levels)
        self.check_events(session, run, saved)
        what = (run.status, run.error, run.finished_at, sorted(saved), len(entries), run.last_seq)
        if run.status in ENDED:
            assert self.ended.setdefault(run.id, what) == what, "something came after the end"

    def check_events(self, session: Session, run: Run, saved: dict[str, int]) -> None:
        told = events.read(session, run.id)
        assert [one["seq"] for one in told] == list(range(1, len(told) + 1))
        assert len(told) == run.last_seq
        types = [one["type"] for one in told]
        assert types.count("start") == (run.id in self.begun)
        assert [n for n, one in enumerate(told) if events.is_end(one)] == (
            [len(told) - 1] if run.status in ENDED else []
        )
        complete = [
            (one["beatIndex"], one["step"], one.get("sceneNumber"))
            for one in told
            if one.get("status") == "complete"
        ]
        assert len(complete) == len(set(complete))
        # One a beat text, one a scene text; those of whole groups of scenes come on top.
        single = [
            one
            for one in told
            if one.get("status") == "complete" and (one["type"] == "scene" or "result" in one)
        ]
        assert len(single) == len(saved)
        for type_ in ("beat_start", "beat_complete"):
            beats = [one["beatIndex"] for one in told if one["type"] == type_]
            assert len(beats) == len(set(beats))
        if told and "totalCreditsUsed" in told[-1]:
            assert told[-1]["totalCreditsUsed"] == sum(saved.values())


def test_no_sequence_of_runs_charges_what_is_not_saved(database: Database) -> None:
    run_machine(EngineMachine, database, 45)


# What the database keeps by itself, whoever writes
