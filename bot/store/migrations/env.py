"""Alembic's environment: our tables only; the engine keeps its own."""

from __future__ import annotations

from alembic import context

from bot.store import schema, world_tables


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or bool(name and name.startswith(schema.PREFIX))


assert world_tables.tickets.metadata is schema.metadata
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    include_name=_ours,
    version_table=f"{schema.PREFIX}version",
    render_as_batch=True,
)
context.run_migrations()
