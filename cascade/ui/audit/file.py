"""The audit as a file for a spreadsheet, whatever stands in it."""

from __future__ import annotations

import csv
import io

from cascade.display import readable, to_json
from cascade.service import AuditEntry, AuditFilter, Desk

COLUMNS = (
    "id", "at", "user", "project", "action", "object", "before", "after", "reason",
)  # fmt: skip
# A cell that begins with one of these would be worked out as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def as_csv(desk: Desk, asked: AuditFilter) -> bytes:
    """All entries that are asked for, the newest first, in UTF-8 with a sign that says so.

    Raises NotAllowed.
    """
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for one in desk.audit_rows(asked):
        writer.writerow(map(_cell, _values(one)))
    # Spreadsheets take a file without it for one of their own country's encoding.
    return file.getvalue().encode("utf-8-sig", "replace")


def _values(one: AuditEntry) -> tuple[object, ...]:
    said = [None if value is None else to_json(value) for value in (one.before, one.after)]
    at = one.at.isoformat()
    return (one.id, at, one.user, one.project, one.action, one.object, *said, one.reason)


def _cell(value: object) -> str:
    words = "" if value is None else readable(str(value))
    return f"'{words}" if words.startswith(_FORMULA) else words
