"""Channels, from the side of the platform that has them."""

from __future__ import annotations

import sqlalchemy as sa

from bot.store import schema

_table = schema.channels
_NAME_OF = sa.select(_table.c.name).where(_table.c.reference == sa.bindparam("known_as")).limit(1)


def name_of(connection: sa.Connection, reference: str) -> str | None:
    """What a channel of a platform is called here."""
    return connection.execute(_NAME_OF, {"known_as": reference}).scalar_one_or_none()


def platforms_with(connection: sa.Connection, standing: str, platform: str) -> list[str]:
    """The platforms of this name that have a standing channel: with their workspaces, one for each."""
    named = sa.or_(_table.c.platform == platform, _table.c.platform.startswith(f"{platform}:", autoescape=True))
    here = sa.or_(_table.c.name == standing, _table.c.name.startswith(f"{standing}@", autoescape=True))
    return list(connection.execute(sa.select(_table.c.platform).where(named, here).distinct()).scalars())


def references(connection: sa.Connection, names: list[str]) -> dict[str, str]:
    """The references of those of some channels that their platform has."""
    query = sa.select(_table.c.name, _table.c.reference).where(
        _table.c.name.in_(names), _table.c.reference.is_not(None)
    )
    return {row.name: row.reference for row in connection.execute(query)}
