"""The use cases, by area, and who may do them. Every surface calls this and nothing below it.

`Service` is one process's; `service.desk(actor)` is one person's view of it, which checks every
read and every order, and `service.operator()` is that of whoever owns the machine and the database.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Any, TypeVar

from cascade import samples
from cascade.engine.writing import MAX_ATTEMPTS
from cascade.errors import DatabaseError, NotAuthenticated
from cascade.ledger import Credits
from cascade.llm.doctor import Diagnosis
from cascade.llm.flaws import flaw_in_words
from cascade.llm.offline import label as offline_label
from cascade.llm.prompting import beat_jobs
from cascade.llm.provider import Provider
from cascade.runs.budgets import WARNED_PERCENT, Budget
from cascade.runs.chains import Chain
from cascade.runs.listing import LONGEST_TEXT, RunFilter, RunLine
from cascade.runs.progress import (
    BeatProgress,
    StepLine,
    beat_states,
    elapsed_s,
    progress,
    remaining_s,
)
from cascade.runs.reading import RunStatus, RunSummary, RunView
from cascade.runs.record import Attempt, RunRecord, StepRecord
from cascade.runs.requests import RequestCause
from cascade.runs.restore import Replaced, Restored
from cascade.runs.waiting import Asked, Comment, Went
from cascade.service.access import Action
from cascade.service.auditing import AuditPage
from cascade.service.desk import Desk
from cascade.service.house import House, Writer, check_database
from cascade.service.listing import RunInFull, RunsPage
from cascade.service.money import (
    MOST_CREDITS,
    MOST_OF_A_REASON,
    Grantee,
    MoneyFilter,
    MoneyPage,
    Statement,
)
from cascade.service.offers import Cost, Funds, Offer
from cascade.service.operator import Operator
from cascade.service.ordering import Order, OrderedChange, Placed
from cascade.service.people import MOST_DAYS, USUAL_DAYS, Member, People, ProjectPeople
from cascade.service.requesting import MOST_OF_A_NOTE, OwnRequest, Payer, RequestView
from cascade.service.ruling import MOST_OF_A_RULE, ProjectView, RuleChange
from cascade.service.signing import Door, Identity
from cascade.service.studio import Beats, Part, Progress, Rest, Runs, Shown, Studio
from cascade.settings import Settings
from cascade.store import accounts, check, figures, migrate, tokens
from cascade.store.accounts import Actor, Role, Standing
from cascade.store.audit import AuditEntry, AuditFilter
from cascade.store.books import AccountView, Hold, Line, Movement, Spent
from cascade.store.calls import Tokens, Used
from cascade.store.check import ColumnReport, SchemaReport, TableReport
from cascade.store.drafts import Draft
from cascade.store.figures import LATENCIES_S, Figures
from cascade.store.pulse import Pulse
from cascade.store.revisions import Written
from cascade.store.rules import Rule, Rules
from cascade.store.startkeys import Key
from cascade.store.stories import StorySummary
from cascade.store.tokens import Holder, TokenView

__all__ = [
    "LATENCIES_S",
    "LONGEST_TEXT",
    "MAX_ATTEMPTS",
    "MOST_CREDITS",
    "MOST_DAYS",
    "MOST_OF_A_NOTE",
    "MOST_OF_A_REASON",
    "MOST_OF_A_RULE",
    "USUAL_DAYS",
    "WARNED_PERCENT",
    "AccountView",
    "Action",
    "Actor",
    "Asked",
    "Attempt",
    "AuditEntry",
    "AuditFilter",
    "AuditPage",
    "BeatProgress",
    "Beats",
    "Budget",
    "Chain",
    "ColumnReport",
    "Comment",
    "Cost",
    "Credits",
    "Desk",
    "Diagnosis",
    "Draft",
    "Figures",
    "Funds",
    "Grantee",
    "Hold",
    "Holder",
    "Identity",
    "Key",
    "Line",
    "Member",
    "MoneyFilter",
    "MoneyPage",
    "Movement",
    "Offer",
    "Operator",
    "Order",
    "OrderedChange",
    "OwnRequest",
    "Part",
    "Payer",
    "People",
    "Placed",
    "Progress",
    "ProjectPeople",
    "ProjectView",
    "Pulse",
    "Replaced",
    "RequestCause",
    "RequestView",
    "Rest",
    "Restored",
    "Role",
    "Rule",
    "RuleChange",
    "Rules",
    "RunFilter",
    "RunInFull",
    "RunLine",
    "RunRecord",
    "RunStatus",
    "RunSummary",
    "RunView",
    "Runs",
    "RunsPage",
    "SchemaReport",
    "Service",
    "Shown",
    "Spent",
    "Standing",
    "Statement",
    "StepLine",
    "StepRecord",
    "StorySummary",
    "Studio",
    "TableReport",
    "TokenView",
    "Tokens",
    "Used",
    "Went",
    "Writer",
    "Written",
    "beat_jobs",
    "beat_states",
    "check_database",
    "elapsed_s",
    "flaw_in_words",
    "offline_label",
    "progress",
    "remaining_s",
]

T = TypeVar("T")


class Service:
    """Cascade behind its surfaces. Opening it makes the database ready.

    With a `provider` that one writes, and not the one that the settings ask for.
    Raises DatabaseError where the database cannot be used as it is.
    """

    def __init__(self, settings: Settings, provider: Provider | None = None) -> None:
        self._house = House(settings, provider)
        # For whoever opens it: a surface asks a desk or the operator (`tests/service/test_walls`).
        self.settings = settings
        self.database = self._house.database
        self._door = Door(settings, self.database)

    @property
    def provider(self) -> Provider:
        """The writer itself; surfaces know it as the `writer` of a desk."""
        return self._house.provider

    def actor(self, name: str | None = None) -> Actor:
        """The user of that name, or the one the settings name. Raises UnknownUser."""
        with self.database.read() as session:
            return accounts.find_actor(session, name or self.settings.user)

    def viewers(self) -> tuple[Actor, list[Actor]]:
        """The user the settings name, and where that is a sample user, all of them.

        Raises UnknownUser.
        """
        with self.database.read() as session:
            return samples.user_and_others(session, self.settings.user)

    def desk(self, actor: Actor) -> Desk:
        """One person's view: what they may see and do, and nothing else."""
        return Desk(self._house, actor)

    def holder(self, token: str) -> Holder:
        """Who shows a token. Raises NotAuthenticated where it is not good."""
        with self.database.read() as session:
            holder = tokens.holder(session, token)
        if holder is None:
            raise NotAuthenticated
        if holder.is_news:
            # A database that takes no writes for now is read all the same.
            with suppress(DatabaseError), self.database.write() as session:
                tokens.note_use(session, holder.token_id)
        return holder

    def sign_in(self, identity: Identity) -> Actor:
        """The user that somebody is by an identity provider; made where they are new here.

        Their roles follow from their claims as the settings say. Raises BadIdentity.
        """
        return self._door.sign_in(identity)

    def seen(self, actor: Actor) -> None:
        """Keeps that somebody is here, to the minute; raises nothing of the database's."""
        self._door.seen(actor)

    def operator(self) -> Operator:
        """The view of whoever owns the machine and the database; nothing is hidden from it."""
        return Operator(self._house)

    def executing(self, *, yields: bool = False) -> AbstractContextManager[None]:
        """Executes runs in this process while the block lasts, as soon as there is a seat.

        With `yields` only where no other process executes. Raises DatabasePooled.
        """
        return self._house.executing(yields=yields)

    def check_executes(self) -> None:
        """Raises DatabasePooled where neither this process nor another could execute a run."""
        self._house.check_executes(yields=True)

    def readiness(self) -> dict[str, bool]:
        """What a server needs to be of use, and whether it is there; raises nothing."""
        there = {"database": False, "schema": False, "worker": False}
        with suppress(DatabaseError):
            self.database.ping()
            there["database"] = True
            with self.database.read() as session:
                there["schema"] = check.version(session) == migrate.HEAD
            there["worker"] = self.operator().has_worker()
        return there

    def figures(self) -> Figures:
        """Counts, sums and ages of everything, for whoever watches over it."""
        with self.database.read() as session:
            return figures.take(session)

    def stop_watching(self) -> None:
        """Lets everybody go who follows a run, so that a server can end."""
        self._house.tail.close()

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """What `work` comes to, for a coroutine: use cases wait for the database."""
        return await self._house.in_thread(work, *arguments)

    def close(self) -> None:
        """Gives back connections."""
        self._house.close()
