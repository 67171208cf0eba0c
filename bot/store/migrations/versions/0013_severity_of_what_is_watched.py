"""Of which severity the figures of a watched service were, as people were told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    op.add_column("tocsin_watched", sa.Column("severity", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("tocsin_watched") as batch:
        batch.drop_column("severity")
