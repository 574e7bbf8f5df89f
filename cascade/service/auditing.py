"""The audit as it is read: a page of it, all of it for a file, and what is new since an entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from cascade.service.access import View
from cascade.store import audit
from cascade.store.audit import AuditEntry, AuditFilter

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
            gate.permit_somewhere("audit")
            projects = gate.projects_for("audit")
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
        before: int | None = None
        while True:
            with self._reading() as gate:
                gate.permit_somewhere("audit")
                projects = gate.projects_for("audit")
                asked = asked or AuditFilter()
                found = audit.newest(gate.session, projects, asked, before=before, most=PORTION)
            yield from found
            if len(found) < PORTION:
                return
            before = found[-1].id

    def audit_after(self, entry_id: int = 0) -> Iterator[AuditEntry]:
        """All entries after one, the oldest first, read in portions as they are taken.

        Raises NotAllowed.
        """
        while True:
            with self._reading() as gate:
                gate.permit_somewhere("audit")
                projects = gate.projects_for("audit")
                found = audit.oldest(gate.session, projects, after=entry_id, most=PORTION)
            yield from found
            if len(found) < PORTION:
                return
            entry_id = found[-1].id
