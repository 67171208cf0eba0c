"""Channels that a platform arranges, messages by urgency, arrivals and accounts of platforms."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from bot.store.schema import UtcTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BEHIND = sa.text("delivered < change")


def upgrade() -> None:
    """Add them; what exists needs no arranging."""
    with op.batch_alter_table("tocsin_channels") as channels:
        channels.add_column(sa.Column("purpose", sa.Text(), nullable=False, server_default=""))
        channels.add_column(sa.Column("invite", sa.Text(), nullable=False, server_default="[]"))
        channels.add_column(sa.Column("bookmarks", sa.Text(), nullable=False, server_default="[]"))
        channels.add_column(sa.Column("wish", _ID, nullable=False, server_default="0"))
        channels.add_column(sa.Column("arranged", _ID, nullable=False, server_default="0"))
        channels.add_column(sa.Column("applied", sa.Text(), nullable=False, server_default="{}"))
        channels.create_index(op.f("ix_tocsin_channels_reference"), ["reference"])
    with op.batch_alter_table("tocsin_messages") as messages:
        messages.add_column(sa.Column("urgency", sa.SmallInteger(), nullable=False, server_default="1"))
        messages.add_column(sa.Column("failed", sa.Text(), nullable=True))
    op.create_index(
        "ix_tocsin_messages_behind",
        "tocsin_messages",
        ["channel", "urgency", "id"],
        sqlite_where=_BEHIND,
        postgresql_where=_BEHIND,
    )
    op.create_table(
        "tocsin_arrivals",
        sa.Column("position", _ID, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("answers", sa.Integer(), nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
    )
    op.create_index(op.f("ix_tocsin_arrivals_finished_at"), "tocsin_arrivals", ["finished_at"])
    op.create_table(
        "tocsin_accounts",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "account"),
    )
    op.create_index(op.f("ix_tocsin_accounts_person"), "tocsin_accounts", ["person"])


def downgrade() -> None:
    """Take them away."""
    op.drop_table("tocsin_accounts")
    op.drop_table("tocsin_arrivals")
    op.drop_index("ix_tocsin_messages_behind", "tocsin_messages")
    with op.batch_alter_table("tocsin_messages") as messages:
        messages.drop_column("failed")
        messages.drop_column("urgency")
    with op.batch_alter_table("tocsin_channels") as channels:
        channels.drop_index(op.f("ix_tocsin_channels_reference"))
        for name in ("applied", "arranged", "wish", "bookmarks", "invite", "purpose"):
            channels.drop_column(name)
