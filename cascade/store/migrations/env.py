"""Alembic's entry: runs the migrations on the connection that `migrate` hands over."""

from __future__ import annotations

from alembic import context

from cascade.store.tables import Base

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table=context.config.attributes["version_table"],
    transactional_ddl=True,
    render_as_batch=connection.dialect.name == "sqlite",
)
# The caller has begun the transaction: a start killed half-way leaves nothing half-made.
context.run_migrations()
