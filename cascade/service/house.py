"""What stands behind the use cases: the database made ready, queue, writer and executor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeVar

from cascade import samples
from cascade.engine.cancelling import Cancels
from cascade.engine.executor import Executor
from cascade.engine.queue import Queue
from cascade.engine.seats import seat_for
from cascade.engine.writing import Limits, StepWriter, Unsaved
from cascade.errors import BadSetting, DatabasePooled
from cascade.llm import provider_for
from cascade.llm.provider import Provider
from cascade.runs.tail import Tail
from cascade.service.looks import Looks
from cascade.settings import Settings
from cascade.store import check, migrate
from cascade.store.check import SchemaReport
from cascade.store.database import Database
from cascade.store.product import Source

if TYPE_CHECKING:
    from cascade.engine.runner import Runner
    from cascade.engine.sending import Sender

T = TypeVar("T")

# Of the endpoint's clients so many are answered from the database at a time.
THREADS = 8


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, for people to read, and how many texts at once.

    One that `has_server` can be asked whether it is ready. `server` is to where texts go, as people
    name it; None for nowhere.
    """

    name: str
    model: str
    concurrency: int
    has_server: bool
    server: str | None = None

    @property
    def is_offline(self) -> bool:
        """True for the writer that is no model, whose texts are labelled as such everywhere."""
        return self.name == "offline"


class House:
    """One process's database, queue and writer. Opening it makes the database ready.

    Raises DatabaseError where that fails.
    """

    def __init__(self, settings: Settings, provider: Provider | None = None) -> None:
        self.settings = settings
        self.database = Database(settings.database_url, product=_source(settings))
        self.queue = Queue(self.database)
        self.cancels = Cancels(self.database)
        self.tail = Tail(self.database, self.cancels.seen)
        # What its pages look at; a house has no notion of what that is.
        self.looks: Looks[Any] = Looks()
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="cascade-endpoint")
        self._unsaved: Unsaved = {}
        self._given = provider
        parts = [migrate.Part(self.queue.is_missing, self.queue.make)]
        if settings.samples == "on":
            wanted = partial(migrate.wants_samples, self.database)
            parts.append(migrate.Part(wanted, self._add_samples))
        migrate.ensure(self.database, parts)

    @cached_property
    def provider(self) -> Provider:
        """The writer: the one that was given, else the one that the settings ask for."""
        return self._given or provider_for(self.settings)

    @property
    def writer(self) -> Writer:
        """The writer for people to read."""
        return Writer(
            name=self.provider.name,
            model=self.provider.model,
            concurrency=self.settings.concurrency,
            has_server=self.settings.writer != "offline",
            server=self.provider.server,
        )

    def get_ready(self) -> None:
        """Makes what a start needs of writer and queue, so that nobody waits for it in between."""
        _ = self.provider
        self.queue.get_ready()

    async def in_thread(self, work: Callable[..., T], *arguments: Any) -> T:
        """Runs `work` in one of the threads that are kept for clients of the endpoint.

        Fewer than there are connections, so that page and executor always find one.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(work, *arguments))

    def close(self) -> None:
        """Gives back connections."""
        self._threads.shutdown(wait=False)
        self.tail.close()
        self.cancels.close()
        self.queue.close()
        if self._direct is not self.database:
            self._direct.close()
        self.database.close()

    @contextmanager
    def executing(self, *, yields: bool = False) -> Iterator[None]:
        """Executes runs in this process while the block lasts, as soon as there is a seat.

        With `yields` only where no other process executes. Raises what `check_executes` raises.
        """
        if not self.check_executes(yields=yields):
            yield
            return
        database = self._direct
        queue = self.queue if database is self.database else Queue(database)
        executor = Executor(
            database,
            queue,
            self._make_runner,
            self.cancels,
            yields=yields,
            request_days=self.settings.request_days,
        )
        executor.start()
        sender = self._sender()
        if sender is not None:
            sender.start()
        try:
            yield
        finally:
            if sender is not None:
                sender.stop()
            executor.stop()
            if queue is not self.queue:
                queue.close()

    def check_executes(self, *, yields: bool = False) -> bool:
        """Whether this process can execute; with `yields` False where another does it.

        Raises DatabasePooled where it cannot, and with `yields` nobody else does, and BadSetting
        where its address of its own leads to another database.
        """
        direct = self._direct
        with direct.guarded():
            is_pooled = direct.is_pooled
        if is_pooled:
            if yields and seat_for(self.database).somebody_sits():
                return False
            raise DatabasePooled(direct.name)
        if direct is not self.database and direct.identity() != self.database.identity():
            raise BadSetting(
                "CASCADE_EXECUTOR_URL leads to another database than CASCADE_DATABASE_URL. It is "
                "to be an address of the same one."
            )
        return True

    @cached_property
    def _direct(self) -> Database:
        """The database by the address that those who execute are to take."""
        address = self.settings.executor_url
        if address is None:
            return self.database
        return Database(address, product=_source(self.settings))

    def _make_runner(self) -> Runner:
        # Imported here: it takes DBOS, which is long in coming, and most commands execute nothing.
        from cascade.engine.runner import Runner

        limits = Limits(self.settings.concurrency, self.settings.requests_per_minute)
        writer = StepWriter(self._direct, self.provider, limits, self._unsaved)
        return Runner(self._direct, writer)

    def _sender(self) -> Sender | None:
        """Who sends what is in the outbox, where there is somebody to send it to."""
        url, secret = self.settings.webhook_url, self.settings.webhook_secret
        if url is None or secret is None:
            return None
        from cascade.engine.sending import Receiver, Sender

        return Sender(self._direct, Receiver(url, secret))

    def _add_samples(self) -> None:
        with self.database.write() as session:
            samples.load(session)


def _source(settings: Settings) -> Source:
    return Source(settings.product, settings.language)


def check_database(settings: Settings) -> SchemaReport:
    """What the database has of the schema, and which of its rows cannot be read. Writes nothing."""
    database = Database(settings.database_url, make_folder=False, product=_source(settings))
    try:
        return check.report(database, rows=True)
    finally:
        database.close()
