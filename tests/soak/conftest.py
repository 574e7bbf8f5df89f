"""What takes long runs only when it is asked for by its marker: `pytest -m soak`."""

from __future__ import annotations

import pytest
from seeded_fixtures import database_url

__all__ = ["database_url"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves soak tests out of a run that did not name them."""
    if "soak" in config.getoption("-m"):
        return
    left_out = [item for item in items if "soak" in item.keywords]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
