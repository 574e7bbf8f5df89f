"""Tables as files for a spreadsheet, whatever stands in them."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from cascade.display import readable

# A cell that begins with one of these would be worked out as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(columns: Sequence[str], rows: Iterable[Iterable[object]]) -> bytes:
    """A table in UTF-8 with a sign that says so; a number stays one, a text is never a formula."""
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(columns)
    for row in rows:
        writer.writerow(map(_cell, row))
    # Spreadsheets take a file without it for one of their own country's encoding.
    return file.getvalue().encode("utf-8-sig", "replace")


def _cell(value: object) -> str:
    words = "" if value is None else readable(str(value))
    is_text = not isinstance(value, int)
    return f"'{words}" if is_text and words.startswith(_FORMULA) else words
