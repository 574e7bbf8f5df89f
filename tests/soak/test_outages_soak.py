"""Two hundred outages of a Postgres in mid-run: `make soak`."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from cascade.service import Service
from cascade.settings import Settings
from tests.helpers.observe import tell
from tests.helpers.outages import Outages, ways_of_postgres
from tests.helpers.seeded import postgres_copy


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_outages(
    postgres_server: str,
    postgres_admin: sa.Engine,
    record_property: Callable[[str, object], None],
) -> None:
    seed = random.SystemRandom().randrange(10**6)
    with postgres_copy(postgres_server) as url:
        service = Service(Settings(database_url=url, provider="offline", offline_delay_ms=60))
        outages = Outages(service, ways_of_postgres(postgres_admin, url, seed), seed)
        try:
            with service.executing():
                outages.strike(200)
        finally:
            tell(outages.figures())
            service.close()
    record_property("figures", outages.figures())
