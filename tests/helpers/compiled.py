"""Statements that are compiled once in a process, not once in each test's database.

An engine keeps what it has compiled, and a test has an engine of its own, or several: making the
same statements again took a quarter of the processor in tests of the store and of use cases. A
program has one database, and one engine that keeps its statements as these here are kept.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.util import LRUCache

_MOST = 3000


def keep_compiled() -> None:
    """Has all engines of this process share what they compile, and what they look up tables by.

    A compiled statement belongs to a dialect: those are alike that would make the same of it.
    """
    kept: LRUCache[Any, Any] = LRUCache(_MOST)

    def engine_created(_cls: type[DefaultDialect], engine: Engine) -> None:
        engine._compiled_cache = kept

    for name, made in {
        "engine_created": classmethod(engine_created),
        "__hash__": lambda dialect: hash(type(dialect)),
        "__eq__": _is_alike,
    }.items():
        setattr(DefaultDialect, name, made)


def _is_alike(dialect: Any, other: Any) -> bool:
    return type(dialect) is type(other) and _signs(dialect) == _signs(other)


def _signs(dialect: Any) -> tuple[object, ...]:
    return (
        dialect.paramstyle,
        dialect.compiler_linting,
        # Both are known once a first connection is made.
        getattr(dialect, "server_version_info", None),
        getattr(dialect, "default_schema_name", None),
    )
