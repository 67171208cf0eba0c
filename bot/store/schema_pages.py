"""The tables of pages and of who stands in for whom; see `schema.py`."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import PREFIX, UtcTime, metadata

pages = sa.Table(
    f"{PREFIX}pages",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_tocsin_pages_state", "state"),
)

overrides = sa.Table(
    f"{PREFIX}overrides",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("since", UtcTime, nullable=False),
    sa.Column("until", UtcTime, nullable=False, index=True),
)
