"""Twenty kills on each database: every step saved once, charged once, and the runs end.

`make soak` has ten times as many.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.helpers.killing import under_fire
from tests.helpers.observe import tell


@pytest.mark.timeout(1200)
def test_twenty_kills(
    cli: Any, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    figures = under_fire(cli, database_url, seed=2026, kills=20)
    record_property("figures", figures)
    tell(figures)
