"""Whether a Postgres address leads to a pooler that gives each transaction another session.

Reading, writing and enqueuing do well there. What belongs to a session does not: advisory locks,
settings, prepared statements.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate

import sqlalchemy as sa

# A pooler takes any free session; that it takes the same again is no proof.
_LOOKS = 3
# With one session only, the first waits for the second for good; a server that is only slow is no
# pooler, and nothing would be executed at it until this process ends.
_PATIENCE_S = 20.0
_PID = sa.text("SELECT pg_backend_pid()")


def is_pooled(engine: sa.Engine) -> bool:
    """Asks on one connection for its session, before and while another has a transaction open.

    Raises what the driver raises.
    """
    with (
        ThreadPoolExecutor(1) as threads,
        engine.connect() as first,
        engine.connect() as second,
    ):
        first.execution_options(isolation_level="AUTOCOMMIT")
        for _ in range(_LOOKS):
            before = first.scalar(_PID)
            if second.scalar(_PID) == before:
                return True
            again = threads.submit(first.scalar, _PID)
            try:
                if again.result(_PATIENCE_S) != before:
                    return True
            except TooLate:
                return True
            finally:
                second.rollback()
    return False


def home(connection: sa.Connection) -> str:
    """The schema that Cascade's own tables are in, or would be made in."""
    found = connection.scalar(
        sa.text(
            "SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relname = 'cascade_alembic_version' AND c.relkind = 'r'"
            " ORDER BY pg_table_is_visible(c.oid) DESC, 1 LIMIT 1"
        )
    )
    return str(found or connection.scalar(sa.text("SELECT coalesce(current_schema(), 'public')")))
