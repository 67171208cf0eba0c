"""Versions of postmortems, and how far their review is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add them; what was drafted is the first version."""
    op.create_table(
        "tocsin_postmortem_versions",
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("markdown", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "number"),
    )
    op.add_column("tocsin_postmortems", sa.Column("version", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("tocsin_postmortems", sa.Column("body", sa.Text(), nullable=False, server_default=""))
    op.execute(
        sa.text(
            'INSERT INTO tocsin_postmortem_versions (incident, number, at, "by", what, markdown) '
            "SELECT incident, 1, drafted_at, 'tocsin', 'drafted', markdown FROM tocsin_postmortems"
        )
    )


def downgrade() -> None:
    """Take them away; the newest text stays."""
    op.drop_column("tocsin_postmortems", "body")
    op.drop_column("tocsin_postmortems", "version")
    op.drop_table("tocsin_postmortem_versions")
