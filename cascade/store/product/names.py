"""The names of a product's tables and columns as its owner says them, in one file.

```toml
schema = "public"

[story_versions]
table = "versions"
title = "name"

[scripts]
table = "scene_scripts"
text = "content"

[beats]
text = "content"
```
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cascade.display import is_storable, one_line
from cascade.store.product.wanted import USUAL, WANTED

LONGEST_NAME = 63
_MOST_OF_A_WORD = 60


@dataclass(frozen=True, slots=True)
class Names:
    """What the file says: the real names by ours; `problems` is what in it cannot be used.

    `tables` and `columns` hold only what the file names. `text` is the property of a beat's object
    that is its text.
    """

    file: Path | None = None
    schema: str | None = None
    tables: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    text: str | None = None
    problems: tuple[str, ...] = ()

    def table(self, ours: str) -> str:
        """What a table is called."""
        return self.tables.get(ours, USUAL[ours])

    def column(self, table: str, ours: str) -> str | None:
        """What a column is said to be called; None where nothing is said of it."""
        return self.columns.get(table, {}).get(ours)


def read(path: Path | None) -> Names:
    """Reads the file, relative to the current folder; nothing is refused, what is wrong is told."""
    if path is None:
        return Names()
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return Names(path, problems=(f"it cannot be read ({error.strerror})",))
    except UnicodeDecodeError:
        return Names(path, problems=("it is not UTF-8",))
    except tomllib.TOMLDecodeError as error:
        return Names(path, problems=(f"it is no TOML: {error}",))
    return _Reader(path, document).names()


class _Reader:
    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self._path = path
        self._document = document
        self._problems: list[str] = []

    def names(self) -> Names:
        tables: dict[str, str] = {}
        columns: dict[str, Mapping[str, str]] = {}
        schema = text = None
        for key, value in self._document.items():
            if key == "schema":
                schema = self._name(key, value)
            elif key == "beats" and isinstance(value, dict):
                text = self._section(key, value, {"text"}).get("text")
            elif key in WANTED and isinstance(value, dict):
                known = {one.name for one in WANTED[key]}
                said = self._section(key, value, {"table", *known})
                if "table" in said:
                    tables[key] = said.pop("table")
                columns[key] = said
            elif key in WANTED or key == "beats":
                self._problems.append(f"{key} must be a section, [{key}]")
            else:
                self._unknown(key, {"schema", "beats", *WANTED})
        return Names(self._path, schema, tables, columns, text, tuple(self._problems))

    def _section(self, section: str, said: Mapping[str, Any], known: set[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for key, value in said.items():
            if key not in known:
                self._unknown(f"{section}.{key}", known)
                continue
            name = self._name(f"{section}.{key}", value)
            if name is not None:
                found[key] = name
        return found

    def _name(self, key: str, value: object) -> str | None:
        if isinstance(value, str) and 0 < len(value) <= LONGEST_NAME and is_storable(value):
            return value
        self._problems.append(f"{key} must be a name in quotes")
        return None

    def _unknown(self, key: str, known: set[str]) -> None:
        word = one_line(key, _MOST_OF_A_WORD)
        self._problems.append(f"{word} is not known; known are {', '.join(sorted(known))}")
