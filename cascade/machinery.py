"""What stands behind the use cases: the database made ready, queue, writer and executor."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, partial

from cascade import samples
from cascade.engine.cancelling import Cancels
from cascade.engine.executor import Executor
from cascade.engine.queue import Queue
from cascade.engine.runner import Runner
from cascade.engine.writing import Limits, StepWriter, Unsaved
from cascade.llm import provider_for
from cascade.llm.doctor import Diagnosis, examine
from cascade.llm.provider import Provider
from cascade.settings import Settings
from cascade.store import check, migrate
from cascade.store.check import SchemaReport
from cascade.store.database import Database


class Machinery:
    """One process's database, queue and writer. Opening it makes the database ready.

    Raises DatabaseError where that fails.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = Database(settings.database_url)
        self._queue = Queue(self.database)
        self._cancels = Cancels(self.database)
        self._unsaved: Unsaved = {}
        parts = [migrate.Part(self._queue.is_missing, self._queue.make)]
        if settings.samples == "on":
            wanted = partial(migrate.wants_samples, self.database)
            parts.append(migrate.Part(wanted, self._add_samples))
        migrate.ensure(self.database, parts)

    @cached_property
    def provider(self) -> Provider:
        """The writer that the settings ask for."""
        return provider_for(self.settings)

    def diagnose(self) -> Diagnosis:
        """Whether the writer is ready; asks its server with a few tiny requests."""
        return asyncio.run(examine(self.settings))

    def close(self) -> None:
        """Gives back connections."""
        self._cancels.close()
        self._queue.close()
        self.database.close()

    @contextmanager
    def executing(self, *, yields: bool = False) -> Iterator[None]:
        """Executes runs in this process while the block lasts, as soon as there is a seat.

        With `yields` only where no other process executes.
        """
        executor = Executor(
            self.database, self._queue, self._make_runner, self._cancels, yields=yields
        )
        executor.start()
        try:
            yield
        finally:
            executor.stop()

    def _make_runner(self) -> Runner:
        limits = Limits(self.settings.concurrency, self.settings.requests_per_minute)
        writer = StepWriter(self.database, self.provider, limits, self._unsaved)
        return Runner(self.database, writer)

    def _add_samples(self) -> None:
        with self.database.write() as session:
            samples.load(session)


def check_database(settings: Settings) -> SchemaReport:
    """What the database has of the schema, and which of its rows cannot be read. Writes nothing."""
    database = Database(settings.database_url, make_folder=False)
    try:
        return check.report(database, rows=True)
    finally:
        database.close()
