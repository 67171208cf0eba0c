"""The tables. All carry the prefix `tocsin_`; the engine's own tables live beside them, untouched."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect

PREFIX = "tocsin_"
metadata = sa.MetaData()


class UtcTime(sa.TypeDecorator[datetime]):
    """An aware time, kept in UTC; SQLite has no zone, so there it is put back on the way out."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To the database: UTC. Raises ValueError for a time without a zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a time without a zone: {value}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database: aware, UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _table(name: str, *columns: Any) -> sa.Table:
    return sa.Table(PREFIX + name, metadata, *columns)


def _where(condition: str) -> dict[str, Any]:
    """An index over the few rows that are looked for all the time."""
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

events = _table(
    "events",
    sa.Column("position", _ID, primary_key=True, autoincrement=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("sequence", sa.Integer, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.UniqueConstraint("stream", "sequence", name="uq_events_stream_sequence"),
    sa.UniqueConstraint("idempotency_key", name="uq_events_idempotency_key"),
)

incidents = _table(
    "incidents",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("day", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False, index=True),
    sa.Column("channel", sa.Text, nullable=False, unique=True),
    sa.Column("declared_at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.UniqueConstraint("day", "number", name="uq_incidents_day_number"),
)

channels = _table(
    "channels",
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("private", sa.Boolean, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False, server_default=""),
    sa.Column("members", sa.Text, nullable=False),
    sa.Column("invite", sa.Text, nullable=False, server_default="[]"),
    sa.Column("bookmarks", sa.Text, nullable=False, server_default="[]"),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("reference", sa.Text, index=True),
    sa.Column("wish", _ID, nullable=False, server_default="0"),
    sa.Column("arranged", _ID, nullable=False, server_default="0"),
    sa.Column("applied", sa.Text, nullable=False, server_default="{}"),
    sa.Column("label", sa.Text, nullable=False, server_default=""),
)

messages = _table(
    "messages",
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("edited_at", UtcTime),
    sa.Column("card", sa.Text),
    sa.Column("text", sa.Text, nullable=False, server_default=""),
    sa.Column("only_for", sa.Text),
    sa.Column("thread", sa.Text, index=True),
    sa.Column("pinned", sa.Boolean, nullable=False),
    sa.Column("change", _ID, nullable=False, index=True),
    sa.Column("delivered", _ID, nullable=False),
    sa.Column("reference", sa.Text),
    sa.Column("urgency", sa.SmallInteger, nullable=False, server_default="1"),
    sa.Column("failed", sa.Text),
    sa.Index("ix_tocsin_messages_channel_id", "channel", "id"),
    sa.Index("ix_tocsin_messages_behind", "channel", "urgency", "id", **_where("delivered < change")),
)

buttons = _table(
    "buttons",
    sa.Column("token", sa.Text, primary_key=True),
    sa.Column("message", sa.Text, nullable=False, index=True),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("used_by", sa.Text),
    sa.Column("used_at", UtcTime),
)

reads = _table(
    "reads",
    sa.Column("person", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("message", _ID, nullable=False),
)

inbox = _table(
    "inbox",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("reply_key", sa.Text, nullable=False, server_default=""),
    sa.Column("reply_channel", sa.Text, nullable=False, server_default=""),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
)

arrivals = _table(
    "arrivals",
    sa.Column("position", _ID, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("platform", sa.Text, nullable=False),
    sa.Column("lane", sa.Text, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("finished_at", UtcTime, index=True),
    sa.Column("answers", sa.Integer, nullable=False, server_default="0"),
)

accounts = _table(
    "accounts",
    sa.Column("platform", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("person", sa.Text, nullable=False, index=True),
    sa.Column("profile", sa.Text, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
    sa.Column("facts", sa.Text, nullable=False, server_default="{}"),
    sa.Column("asked_at", _ID, nullable=False, server_default="0"),
    sa.Column("doubted_at", _ID, nullable=False, server_default="0"),
    sa.Column("change", _ID, nullable=False, server_default="0", index=True),
)

plans = _table(
    "plans",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("target", sa.Text, nullable=False, index=True),
    sa.Column("incident", sa.Text, index=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

locks = _table(
    "locks",
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("plan", sa.Text, nullable=False),
    sa.Column("taken_at", UtcTime, nullable=False),
)

freezes = _table(
    "freezes",
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
)

audit = _table(
    "audit",
    sa.Column("sequence", _ID, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("previous", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
)

counters = _table(
    "counters",
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", _ID, nullable=False),
    sa.Column("digest", sa.Text, nullable=False, server_default=""),
)

samples = _table(
    "samples",
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, primary_key=True),
    sa.Column("reading", sa.Text, nullable=False),
)

watched = _table(
    "watched",
    sa.Column("service", sa.Text, primary_key=True),
    sa.Column("bad", sa.Boolean, nullable=False),
    sa.Column("severity", sa.Text, nullable=False, server_default=""),
    sa.Column("owed", sa.Text, nullable=False, server_default=""),
    sa.Column("words", sa.Text, nullable=False, server_default=""),
)

postmortems = _table(
    "postmortems",
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("markdown", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("drafted_at", UtcTime, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("body", sa.Text, nullable=False, server_default=""),
)

postmortem_versions = _table(
    "postmortem_versions",
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("markdown", sa.Text, nullable=False),
)

replicas = _table(
    "replicas",
    sa.Column("executor", sa.Text, primary_key=True),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
)

leases = _table(
    "leases",
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", sa.Float, nullable=False),
)

temporary = _table(
    "temporary",
    sa.Column("plan", sa.Text, primary_key=True),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("until", UtcTime, nullable=False),
    sa.Column("term", sa.Integer, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("revert", sa.Text),
    sa.Column("ended_by", sa.Text),
    sa.Column("why", sa.Text, nullable=False, server_default=""),
    sa.Index("ix_temporary_state", "state"),
)

evidence = _table(
    "evidence",
    sa.Column("plan", sa.Text, primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("missing", sa.Text, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
)

alert_arrivals = _table(
    "alert_arrivals",
    sa.Column("position", _ID, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("receiver", sa.Text, nullable=False),
    sa.Column("alerts", sa.Integer, nullable=False),
    sa.Column("payload", sa.Text, nullable=False),
    sa.Column("received_at", UtcTime, nullable=False),
    sa.Column("finished_at", UtcTime, index=True),
    sa.Index("ix_tocsin_alert_arrivals_waiting", "position", **_where("finished_at IS NULL")),
)

alerts = _table(
    "alerts",
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False, index=True),
    sa.Column("group", sa.Text, nullable=False),
    sa.Column("service", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("firing", sa.Boolean, nullable=False),
    sa.Column("flapping_until", UtcTime),
    sa.Column("first_at", UtcTime, nullable=False),
    sa.Column("last_at", UtcTime, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_tocsin_alerts_group", "group"),
    sa.Index("ix_tocsin_alerts_firing", "first_at", **_where("firing")),
)

alert_groups = _table(
    "alert_groups",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("closed", sa.Boolean, nullable=False),
    sa.Column("opened_at", UtcTime, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Index("ix_tocsin_alert_groups_open", "opened_at", **_where("NOT closed")),
)

silences = _table(
    "silences",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("until", UtcTime, nullable=False, index=True),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("why", sa.Text, nullable=False),
    sa.Column("at", UtcTime, nullable=False),
    sa.Column("over", sa.Boolean, nullable=False),
)

reminders = _table(
    "reminders",
    sa.Column("incident", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("due_at", UtcTime),
    sa.Column("told_at", UtcTime),
    sa.Column("times", sa.Integer, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Column("snoozed_until", UtcTime),
    sa.Index("ix_tocsin_reminders_outstanding", "incident", **_where("message <> ''")),
)

asks = _table(
    "asks",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("person", sa.Text, nullable=False),
    sa.Column("asked_by", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("due_at", UtcTime, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("message", sa.Text, nullable=False),
    sa.Index("ix_asks_state_due_at", "state", "due_at"),
    sa.Index("ix_asks_channel", "channel"),
)

public_updates = _table(
    "public_updates",
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("incident", sa.Text, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("waits", sa.Boolean, nullable=False),
    sa.Column("written_at", UtcTime, nullable=False),
    sa.Column("published_at", UtcTime, index=True),
    sa.Column("body", sa.Text, nullable=False),
)

errands = _table(
    "errands",
    sa.Column("id", _ID, primary_key=True, autoincrement=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("integration", sa.Text, nullable=False),
    sa.Column("incident", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("next_at", UtcTime, nullable=False),
)
