"""Changes that are temporary, and until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "tocsin_temporary",
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("revert", sa.Text()),
        sa.Column("ended_by", sa.Text()),
        sa.Column("why", sa.Text(), nullable=False, server_default=""),
        sa.PrimaryKeyConstraint("plan"),
    )
    op.create_index("ix_temporary_state", "tocsin_temporary", ["state"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("tocsin_temporary")
