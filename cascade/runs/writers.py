"""Which writers a project allows: checked where a run is started, and again by who executes it.

The process that executes may have other settings than the one that started the run: what counts is
to which server texts go in the end.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cascade.errors import WriterNotAllowed
from cascade.llm.provider import Provider
from cascade.store import rules
from cascade.store.rules import Rules
from cascade.store.tables import ACTIVE, CreditAccount, Run


def is_allowed(of: Rules, writer: Provider) -> bool:
    """Whether a project's rules allow a writer, by its server's name or by its own."""
    names = {writer.name, (writer.server or writer.name).lower()}
    return of.writers is None or not names.isdisjoint(of.writers)


def permit(session: Session, project_id: str, writer: Provider) -> None:
    """Raises WriterNotAllowed where a project does not allow a writer."""
    its = rules.of(session, project_id)
    if not is_allowed(its, writer):
        raise WriterNotAllowed(writer.server or writer.name, its.writers or ())


def take_up(session: Session, run_id: str, writer: Provider) -> None:
    """Notes who writes a run from now on. Raises WriterNotAllowed, then nothing is noted."""
    row = session.execute(
        sa.select(Run.status, Run.server, CreditAccount.project_id)
        .join(CreditAccount, CreditAccount.id == Run.account_id)
        .where(Run.id == run_id)
    ).one_or_none()
    if row is None or row.status not in ACTIVE:
        return
    permit(session, row.project_id, writer)
    if row.server != writer.server:
        noted = sa.update(Run).where(Run.id == run_id).values(server=writer.server)
        session.execute(noted.execution_options(synchronize_session=False))
