"""The file of names that says what was found, to begin from; what is missing is to be filled."""

from __future__ import annotations

import json
from collections.abc import Iterator

from cascade.display import one_line
from cascade.store.product.take import Whole
from cascade.store.product.wanted import SCRIPTS, WANTED


def written(whole: Whole) -> str:
    """The file as TOML; what is not there is in a comment, so that it can be read at once."""
    return "\n".join(_lines(whole)) + "\n"


def _lines(whole: Whole) -> Iterator[str]:
    yield "# What the tables and columns of the product are called: ours = theirs."
    yield "# A line that begins with # says nothing; complete those that are needed."
    schemas = {one.table.schema for one in whole.tables.values() if one.table is not None}
    schema = whole.names.schema or next((one for one in sorted(filter(None, schemas))), None)
    schema = schema or next(iter(whole.elsewhere), None)
    if schema is not None:
        yield f"schema = {_quoted(schema)}"
    for ours, one in whole.tables.items():
        yield ""
        if one.table is None:
            yield f"# [{ours}]"
            yield f"# table = {_quoted(whole.names.table(ours))}  # not there"
            if ours == SCRIPTS:
                yield '# text = "content"  # where scripts have a table of their own'
            continue
        yield f"[{ours}]"
        yield f"table = {_quoted(one.table.name)}"
        for wanted in WANTED[ours]:
            column = one.columns.get(wanted.name)
            if column is not None:
                yield f"{wanted.name} = {_quoted(column.name)}"
            elif wanted.name in one.missing or wanted.is_needed or wanted.use == "map":
                needed = "needed, and not found" if wanted.name in one.missing else "not found"
                yield f'# {wanted.name} = ""  # {needed}'
        free = ", ".join(one_line(column.name) for column in one.unknown)
        if free:
            yield f"# not taken for anything: {free}"
    yield ""
    yield "# [beats]"
    yield '# text = "content"  # the property that is the text, where beats are objects'


def _quoted(name: str) -> str:
    # A basic string of TOML is written as one of JSON.
    return json.dumps(name)
