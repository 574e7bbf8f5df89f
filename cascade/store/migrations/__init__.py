"""Alembic migrations; `cascade db upgrade` runs them."""
