"""Channels, from the side of the platform that has them."""

from __future__ import annotations

import json

import sqlalchemy as sa

from bot.store import schema

_table = schema.channels
_PRIVACY_OF = sa.select(_table.c.private).where(_table.c.reference == sa.bindparam("known_as")).limit(1)
_NAME_OF = sa.select(_table.c.name).where(_table.c.reference == sa.bindparam("known_as")).limit(1)


def name_of(connection: sa.Connection, reference: str) -> str | None:
    """What a channel of a platform is called here."""
    return connection.execute(_NAME_OF, {"known_as": reference}).scalar_one_or_none()


def is_private(connection: sa.Connection, reference: str) -> bool | None:
    """Whether a channel of a platform is known here as private; None: it is not known."""
    return connection.execute(_PRIVACY_OF, {"known_as": reference}).scalar_one_or_none()


def close(connection: sa.Connection, name: str, members: list[str]) -> None:
    """A channel that was open to all is private now: whoever is known to be in it keeps it in sight, nobody else."""
    changed = {"private": True, "members": json.dumps(sorted(set(members)))}
    connection.execute(_table.update().where(_table.c.name == name, _table.c.private.is_(False)).values(changed))


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
