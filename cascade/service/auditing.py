"""The audit as it is read: a page of it, all of it for a file, and what is new since an entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cascade.service.access import Gate, View
from cascade.store import audit
from cascade.store.audit import AuditEntry, AuditFilter
from cascade.store.stories import Projects

# How many entries are read in one transaction where all are asked for.
PORTION = 500


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Entries, the newest first, and what they can be narrowed by; `is_more` where older ones are.

    Among `users` the empty name is the operator's; `projects` are by id, what each is called.
    """

    entries: tuple[AuditEntry, ...]
    is_more: bool
    users: tuple[str, ...]
    actions: tuple[str, ...]
    projects: Mapping[str, str]


class Auditing(View):
    """The use cases of reading who did what: in one's own projects, and as an admin all of it."""

    def audit(
        self, asked: AuditFilter | None = None, before: int | None = None, most: int = 200
    ) -> AuditPage:
        """The newest entries that are asked for; with `before` those older than that one.

        Raises NotAllowed where they may see it of no project.
        """
        with self._reading() as gate:
            projects = _seen(gate)
            asked = asked or AuditFilter()
            found = audit.newest(gate.session, projects, asked, before=before, most=most + 1)
            can = audit.choices(gate.session, projects)
            is_more = len(found) > most
            return AuditPage(tuple(found[:most]), is_more, can.users, can.actions, can.projects)

    def audit_rows(self, asked: AuditFilter | None = None) -> Iterator[AuditEntry]:
        """All entries that are asked for, the newest first, read in portions as they are taken.

        What is written meanwhile is not among them. Raises NotAllowed, also when a role is taken
        away meanwhile.
        """
        wanted = asked or AuditFilter()

        def read(gate: Gate, before: int | None) -> list[AuditEntry]:
            projects = _seen(gate)
            return audit.newest(gate.session, projects, wanted, before=before, most=PORTION)

        return self._in_portions(read, PORTION)

    def audit_after(self, entry_id: int = 0) -> Iterator[AuditEntry]:
        """All entries after one, the oldest first, read in portions as they are taken.

        Raises NotAllowed.
        """

        def read(gate: Gate, after: int | None) -> list[AuditEntry]:
            projects = _seen(gate)
            after = entry_id if after is None else after
            return audit.oldest(gate.session, projects, after=after, most=PORTION)

        return self._in_portions(read, PORTION)


def _seen(gate: Gate) -> Projects:
    """The projects whose audit is theirs to see. Raises NotAllowed where it is of none."""
    gate.permit_somewhere("audit")
    return gate.projects_for("audit")
