"""What the reason of a failed call is made of, so that it can be said in another language.

Of earlier calls that is not known.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    fields = sa.Column("error_fields", sa.JSON(none_as_null=True), nullable=True)
    op.add_column("cascade_model_calls", fields)
