"""Alerts of other systems: as they arrive, as they stand, their groups, and silences."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add them."""
    op.create_table(
        "tocsin_alert_arrivals",
        sa.Column("position", _POSITION, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("alerts", sa.Integer(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("finished_at", _TIME),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(op.f("ix_tocsin_alert_arrivals_finished_at"), "tocsin_alert_arrivals", ["finished_at"])
    _few("ix_tocsin_alert_arrivals_waiting", "tocsin_alert_arrivals", "position", "finished_at IS NULL")
    _alerts()
    op.create_table(
        "tocsin_alert_groups",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("opened_at", _TIME, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    _few("ix_tocsin_alert_groups_open", "tocsin_alert_groups", "opened_at", "NOT closed")
    op.create_table(
        "tocsin_silences",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("until", _TIME, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tocsin_silences_until"), "tocsin_silences", ["until"])


def _alerts() -> None:
    op.create_table(
        "tocsin_alerts",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("group", sa.Text(), nullable=False),
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("firing", sa.Boolean(), nullable=False),
        sa.Column("flapping_until", _TIME),
        sa.Column("first_at", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    for column in ("fingerprint", "last_at"):
        op.create_index(op.f(f"ix_tocsin_alerts_{column}"), "tocsin_alerts", [column])
    op.create_index("ix_tocsin_alerts_group", "tocsin_alerts", ["group"])
    _few("ix_tocsin_alerts_firing", "tocsin_alerts", "first_at", "firing")


def _few(name: str, table: str, column: str, condition: str) -> None:
    """An index over the few rows that are looked for all the time."""
    where = sa.text(condition)
    op.create_index(name, table, [column], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Take them away."""
    for table in ("silences", "alert_groups", "alerts", "alert_arrivals"):
        op.drop_table(f"tocsin_{table}")
