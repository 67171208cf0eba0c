"""How the watched services stand; how often a delivery was taken up again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    with op.batch_alter_table("tocsin_inbox") as inbox:
        inbox.add_column(sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "tocsin_watched",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("bad", sa.Boolean(), nullable=False),
        sa.Column("owed", sa.Text(), nullable=False, server_default=""),
        sa.Column("words", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("service"),
    )


def downgrade() -> None:
    """Take them away."""
    op.drop_table("tocsin_watched")
    with op.batch_alter_table("tocsin_inbox") as inbox:
        inbox.drop_column("attempts")
