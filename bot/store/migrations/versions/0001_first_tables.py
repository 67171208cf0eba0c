"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.schema import UtcTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create all tables."""
    _create_audit()
    _create_buttons_and_channels()
    _create_counters_and_events()
    _create_inbox()
    _create_incidents()
    _create_leases_and_locks()
    _create_messages()
    _create_plans()
    _create_postmortems()
    _create_reads_and_replicas()
    _create_samples()


def _create_audit() -> None:
    """What anybody did, each record with the digest of the one before."""
    op.create_table(
        "tocsin_audit",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("previous", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("sequence"),
    )


def _create_buttons_and_channels() -> None:
    """Where people write, and what they may press there."""
    op.create_table(
        "tocsin_buttons",
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("used_by", sa.Text(), nullable=True),
        sa.Column("used_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index(op.f("ix_tocsin_buttons_message"), "tocsin_buttons", ["message"], unique=False)
    op.create_table(
        "tocsin_channels",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("topic", sa.Text(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )


def _create_counters_and_events() -> None:
    """What happened, in order."""
    op.create_table(
        "tocsin_counters",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tocsin_events",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("idempotency_key", name="uq_events_idempotency_key"),
        sa.UniqueConstraint("stream", "sequence", name="uq_events_stream_sequence"),
    )


def _create_inbox() -> None:
    """What has come in and is to be done once."""
    op.create_table(
        "tocsin_inbox",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("reply_key", sa.Text(), server_default="", nullable=False),
        sa.Column("reply_channel", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tocsin_inbox_state"), "tocsin_inbox", ["state"], unique=False)


def _create_incidents() -> None:
    """Incidents as they are now."""
    op.create_table(
        "tocsin_incidents",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("declared_at", UtcTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("channel"),
        sa.UniqueConstraint("day", "number", name="uq_incidents_day_number"),
    )
    op.create_index(op.f("ix_tocsin_incidents_status"), "tocsin_incidents", ["status"], unique=False)


def _create_leases_and_locks() -> None:
    """Who is doing what only one at a time may do."""
    op.create_table(
        "tocsin_leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "tocsin_locks",
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("taken_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("target"),
    )


def _create_messages() -> None:
    """Messages, and how much of each is delivered."""
    op.create_table(
        "tocsin_messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("edited_at", UtcTime(), nullable=True),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("text", sa.Text(), server_default="", nullable=False),
        sa.Column("only_for", sa.Text(), nullable=True),
        sa.Column("thread", sa.Text(), nullable=True),
        sa.Column("pinned", sa.Boolean(), nullable=False),
        sa.Column("change", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("delivered", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("reference", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_tocsin_messages_change"), "tocsin_messages", ["change"], unique=False)
    op.create_index("ix_tocsin_messages_channel_id", "tocsin_messages", ["channel", "id"], unique=False)
    op.create_index(op.f("ix_tocsin_messages_thread"), "tocsin_messages", ["thread"], unique=False)


def _create_plans() -> None:
    """Changes that wait for a decision, or had one."""
    op.create_table(
        "tocsin_plans",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_tocsin_plans_incident"), "tocsin_plans", ["incident"], unique=False)
    op.create_index(op.f("ix_tocsin_plans_state"), "tocsin_plans", ["state"], unique=False)
    op.create_index(op.f("ix_tocsin_plans_target"), "tocsin_plans", ["target"], unique=False)


def _create_postmortems() -> None:
    """Postmortems, one an incident."""
    op.create_table(
        "tocsin_postmortems",
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("markdown", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False),
        sa.Column("drafted_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("incident"),
    )


def _create_reads_and_replicas() -> None:
    """How far people have read, and which processes there are."""
    op.create_table(
        "tocsin_reads",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("message", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("person", "channel"),
    )
    op.create_table(
        "tocsin_replicas",
        sa.Column("executor", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("executor"),
    )


def _create_samples() -> None:
    """Readings of services."""
    op.create_table(
        "tocsin_samples",
        sa.Column("service", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("reading", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("service", "at"),
    )


def downgrade() -> None:
    """Drop all tables."""
    op.drop_table("tocsin_samples")
    op.drop_table("tocsin_replicas")
    op.drop_table("tocsin_reads")
    op.drop_table("tocsin_postmortems")
    op.drop_index(op.f("ix_tocsin_plans_target"), table_name="tocsin_plans")
    op.drop_index(op.f("ix_tocsin_plans_state"), table_name="tocsin_plans")
    op.drop_index(op.f("ix_tocsin_plans_incident"), table_name="tocsin_plans")
    op.drop_table("tocsin_plans")
    op.drop_index(op.f("ix_tocsin_messages_thread"), table_name="tocsin_messages")
    op.drop_index("ix_tocsin_messages_channel_id", table_name="tocsin_messages")
    op.drop_index(op.f("ix_tocsin_messages_change"), table_name="tocsin_messages")
    op.drop_table("tocsin_messages")
    op.drop_table("tocsin_locks")
    op.drop_table("tocsin_leases")
    op.drop_index(op.f("ix_tocsin_incidents_status"), table_name="tocsin_incidents")
    op.drop_table("tocsin_incidents")
    op.drop_index(op.f("ix_tocsin_inbox_state"), table_name="tocsin_inbox")
    op.drop_table("tocsin_inbox")
    op.drop_table("tocsin_events")
    op.drop_table("tocsin_counters")
    op.drop_table("tocsin_channels")
    op.drop_index(op.f("ix_tocsin_buttons_message"), table_name="tocsin_buttons")
    op.drop_table("tocsin_buttons")
    op.drop_table("tocsin_audit")
