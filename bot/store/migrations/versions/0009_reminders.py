"""The clocks of incidents: what people were told, and what somebody is to be reminded of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "tocsin_reminders",
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("snoozed_until", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("incident", "key"),
    )
    asking = sa.text("message <> ''")
    op.create_index(
        "ix_tocsin_reminders_outstanding",
        "tocsin_reminders",
        ["incident"],
        sqlite_where=asking,
        postgresql_where=asking,
    )
    op.create_table(
        "tocsin_asks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("asked_by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_asks_state_due_at", "tocsin_asks", ["state", "due_at"])
    op.create_index("ix_asks_channel", "tocsin_asks", ["channel"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("tocsin_asks")
    op.drop_table("tocsin_reminders")
