"""What stakeholders were told, maintenance windows, and the tickets of incidents in other systems."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "tocsin_stakeholder_updates",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True)),
        sa.Column("brief", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tocsin_stakeholder_updates_incident", "tocsin_stakeholder_updates", ["incident"])
    op.create_index("ix_tocsin_stakeholder_updates_place", "tocsin_stakeholder_updates", ["place"])
    op.create_table(
        "tocsin_maintenances",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tocsin_maintenances_state", "tocsin_maintenances", ["state"])
    op.create_index("ix_tocsin_maintenances_ends_at", "tocsin_maintenances", ["ends_at"])
    op.create_table(
        "tocsin_tickets",
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("incident", "system"),
    )


def downgrade() -> None:
    """Take them away."""
    for name in ("tickets", "maintenances", "stakeholder_updates"):
        op.drop_table(f"tocsin_{name}")
