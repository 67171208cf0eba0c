"""What other systems are yet to be told: one table for status pages, pagers, tickets and the like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Add it, with what the status pages are yet to be told."""
    op.create_table(
        "tocsin_errands",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("integration", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tocsin_errands_state", "tocsin_errands", ["state"])
    op.execute(
        "INSERT INTO tocsin_errands (kind, integration, incident, subject, what, body, state, tries, words, "
        "created_at, next_at) SELECT 'status page', page, incident, \"update\", what || ' ' || \"update\", '{}', "
        "state, tries, words, created_at, next_at FROM tocsin_publications ORDER BY id"
    )
    op.drop_table("tocsin_publications")


def downgrade() -> None:
    """Take it away; the status pages keep what they are yet to be told."""
    op.create_table(
        "tocsin_publications",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("page", sa.Text(), nullable=False),
        sa.Column("update", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_tocsin_publications_state", "tocsin_publications", ["state"])
    op.execute(
        'INSERT INTO tocsin_publications (page, incident, "update", what, state, tries, words, created_at, next_at) '
        "SELECT integration, incident, subject, replace(what, ' ' || subject, ''), state, tries, words, created_at, "
        "next_at FROM tocsin_errands WHERE kind = 'status page' ORDER BY id"
    )
    op.drop_table("tocsin_errands")
