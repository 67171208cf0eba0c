"""The tables of what is told outside: to stakeholders, of maintenance, and to ticket systems; see `schema`."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store.schema import PREFIX, UtcTime, metadata

stakeholder_updates = sa.Table(
    PREFIX + "stakeholder_updates",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text, nullable=False, index=True),
    sa.Column("place", sa.Text, nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("told_at", UtcTime),
    sa.Column("brief", sa.Text, nullable=False),
)

maintenances = sa.Table(
    PREFIX + "maintenances",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("starts_at", UtcTime, nullable=False),
    sa.Column("ends_at", UtcTime, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
)

tickets = sa.Table(
    PREFIX + "tickets",
    metadata,
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("system", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.Column("seen", sa.Text, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
)
