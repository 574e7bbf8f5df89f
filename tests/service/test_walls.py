"""A surface asks a desk or the operator: it neither imports nor reaches what lies below them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SURFACES = (
    "app.py",
    "pages",
    "cascade/ui",
    "cascade/api",
    "cascade/cli",
    "cascade/exits.py",
    "cascade/shapes.py",
)
# What a surface may import of the program, beside its own package.
ALLOWED = ("service", "story", "display", "errors", "exits", "settings", "locale", "shapes")
# What a service holds besides its desks, and a desk what it is made of: for tests and processes.
BELOW = {"database", "provider", "house", "operator"}


def files() -> list[Path]:
    found = [ROOT / name for name in SURFACES]
    return sorted(file for one in found for file in (one.rglob("*.py") if one.is_dir() else [one]))


def faults(source: str, name: str) -> Iterator[str]:
    """What of a surface's module reaches past the desk."""
    own = next((f"cascade.{one}" for one in ("cli", "api") if f"/{one}/" in name), "cascade.ui")
    for node in ast.walk(ast.parse(source)):
        imported: list[str] = []
        if isinstance(node, ast.Import):
            imported = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            imported = [module]
            if module == "cascade":
                imported = [f"cascade.{one.name}" for one in node.names]
            for one in node.names:
                if module.startswith("cascade.service.") or one.name.startswith("_"):
                    yield f"{name} imports {one.name} of {module}"
        for module in imported:
            if module.split(".")[0] not in ("cascade", "sqlalchemy", "dbos", "openai"):
                continue
            known = [f"cascade.{one}" for one in ALLOWED]
            if module.startswith(own) or (
                name == "app.py" and module.startswith(("cascade.ui", "cascade.api"))
            ):
                continue
            if name.startswith("pages/") and module.startswith("cascade.ui"):
                continue
            if not any(module == one or module.startswith(f"{one}.") for one in known):
                yield f"{name} imports {module}"
        if isinstance(node, ast.Attribute):
            held = ast.unparse(node.value)
            asks = "service" in held or "desk" in held or "operator()" in held
            of_operator = "operator()" in held
            if asks and (node.attr in BELOW or node.attr.startswith("_")):
                if "/cli/" in name and (node.attr == "operator" or of_operator):
                    continue
                yield f"{name}:{node.lineno} reaches {held}.{node.attr}"


@pytest.mark.parametrize("file", files(), ids=lambda file: str(file.relative_to(ROOT)))
def test_no_surface_reaches_past_the_desk(file: Path) -> None:
    name = str(file.relative_to(ROOT))
    assert list(faults(file.read_text(encoding="utf-8"), name)) == []


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from cascade.store import stories", "cascade/ui/odd.py"),
        ("import cascade.runs.reading", "cascade/cli/odd.py"),
        ("from cascade import ledger", "cascade/cli/odd.py"),
        ("from cascade.llm.offline import label", "cascade/ui/odd.py"),
        ("import sqlalchemy as sa", "pages/odd.py"),
        ("from cascade.service.access import Gate", "cascade/ui/odd.py"),
        ("with service.database.read() as session: pass", "cascade/cli/odd.py"),
        ("session.service().operator().stories()", "cascade/ui/odd.py"),
        ("self.desk._house", "cascade/ui/odd.py"),
        ("service.provider.write", "app.py"),
        ("from cascade.runs import events", "cascade/api/odd.py"),
    ],
)
def test_what_does_is_found(source: str, name: str) -> None:
    assert list(faults(source, name))
