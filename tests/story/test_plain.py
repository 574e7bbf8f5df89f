"""The story is plain Python: whatever else is installed, it needs none of it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from cascade import story

OURS = ("cascade.story", "cascade.errors")
MODULES = sorted(Path(story.__file__).parent.rglob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_a_module_imports_the_standard_library_and_its_own(path: Path) -> None:
    asked: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            asked += [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports name their whole way"
            asked.append(node.module or "")
    for name in asked:
        known = name.split(".")[0] in sys.stdlib_module_names
        assert known or name.startswith(OURS), f"{path.name} imports {name}"
