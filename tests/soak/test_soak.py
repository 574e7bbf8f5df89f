"""Two hundred kills on each database: `make soak`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.killing import under_fire
from tests.helpers.observe import tell


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_two_hundred_kills(
    cli: Any, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    figures = under_fire(cli, database_url, seed=random.SystemRandom().randrange(10**6), kills=200)
    record_property("figures", figures)
    tell(figures)
