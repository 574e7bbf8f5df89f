"""The audit as a file for a spreadsheet."""

from __future__ import annotations

from cascade.display import to_json
from cascade.service import AuditEntry, AuditFilter, Desk
from cascade.ui.kit import spreadsheet

COLUMNS = (
    "id", "at", "user", "project", "action", "object", "before", "after", "reason",
)  # fmt: skip


def as_csv(desk: Desk, asked: AuditFilter) -> bytes:
    """All entries that are asked for, the newest first. Raises NotAllowed."""
    return spreadsheet.as_csv(COLUMNS, map(_values, desk.audit_rows(asked)))


def _values(one: AuditEntry) -> tuple[object, ...]:
    said = [None if value is None else to_json(value) for value in (one.before, one.after)]
    at = one.at.isoformat()
    return (one.id, at, one.user, one.project, one.action, one.object, *said, one.reason)
