"""What people call a channel that a platform made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it."""
    with op.batch_alter_table("tocsin_channels") as channels:
        channels.add_column(sa.Column("label", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("tocsin_channels") as channels:
        channels.drop_column("label")
