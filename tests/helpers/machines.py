"""What the state machines share: a database, transactions that may crash, a tiny story."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    run_state_machine_as_test,
)
from sqlalchemy.orm import Session

from cascade import ledger
from cascade.llm.provider import Answer
from cascade.runs.steps import Written
from cascade.store import accounts
from cascade.store.accounts import Actor
from cascade.store.calls import Call
from cascade.store.database import Database
from cascade.store.ids import new_id
from cascade.story.brief import Brief
from cascade.story.story import Story
from tests.helpers.making import a_scene
from tests.helpers.seeded import schema_only
from tests.helpers.seeded_fixtures import copy

T = TypeVar("T")


class Crash(Exception):
    """The process dies before it commits."""


@pytest.fixture(name="database", params=["sqlite", "postgres"])
def machine_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database with the schema."""
    for url in copy(request, tmp_path, schema_only):
        database = Database(url)
        if database.is_sqlite:
            # Thousands of transactions: they need not outlive a power cut.
            sa.event.listen(
                database.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF")
            )
        yield database
        database.close()


def transact(database: Database, crash: bool, work: Callable[..., T], *arguments: Any) -> T | None:
    """Does the work in a transaction; None where the process dies before it commits."""
    try:
        with database.write() as session:
            result = work(session, *arguments)
            if crash:
                raise Crash
            return result
    except Crash:
        return None


def run_machine(machine: type[RuleBasedStateMachine], database: Database, examples: int) -> None:
    """Runs a state machine on a database; on Postgres, where all is slower, a third as often."""
    machine.database = database
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples if database.is_sqlite else examples // 3,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def new_account(session: Session, project_id: str, credits: int) -> tuple[Actor, str]:
    """A new user with an account of so many credits."""
    actor = accounts.add_user(session, f"user-{new_id()}", "A User", "editor", project_id)
    account = accounts.open_account(session, actor, project_id)
    if credits:
        ledger.grant(session, account.id, credits)
    return actor, account.id


# The ledger alone


STORY = Story(
    title="Tides",
    language="en",
    structure_type="harmon",
    texts={
        "beatContent": {key: f"content of {key}" for key in ("you", "need", "go")},
        "keyAction": {key: f"action of {key}" for key in ("you", "need", "go")},
    },
    scenes=(
        a_scene(1, "you", "plot 1", "script 1", ("a shot",)),
        a_scene(2, "need", "plot 2", "script 2"),
        a_scene(3, "need", "plot 3", "script 3"),
        a_scene(4, None, "plot 4", "script 4"),
    ),
)
LEVELS = st.dictionaries(
    st.sampled_from(["you", "need", "go"]), st.integers(1, 5), min_size=1, max_size=3
)


def write_for(brief: Brief, text: str) -> Written:
    """What a writer brings back for a brief."""
    call = Call(1, "saved", "offline", "pretended", 7)
    return Written(Answer(text, "stop", "pretended", "0" * 16), brief, "offline", "1", call)
