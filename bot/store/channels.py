"""Channels, from the side of the platform that has them."""

from __future__ import annotations

import json
from dataclasses import dataclass

import sqlalchemy as sa

from bot.store import schema

_table = schema.channels
_KNOWN = (
    sa.select(_table.c.name, _table.c.private, _table.c.label)
    .where(_table.c.reference == sa.bindparam("known_as"))
    .limit(1)
)
_NAME_OF = sa.select(_table.c.name).where(_table.c.reference == sa.bindparam("known_as")).limit(1)


def name_of(connection: sa.Connection, reference: str) -> str | None:
    """What a channel of a platform is called here."""
    return connection.execute(_NAME_OF, {"known_as": reference}).scalar_one_or_none()


@dataclass(frozen=True)
class Known:
    """A channel of a platform: its name here, whether it is private, and what people call it (empty: its name)."""

    name: str
    private: bool
    label: str

    @property
    def shown(self) -> str:
        """What people read."""
        return shown_as(self.name, self.label)


def shown_as(name: str, label: str) -> str:
    """What people call a channel: its label, else its name without the workspace."""
    return label or name.partition("@")[0]


def known(connection: sa.Connection, reference: str) -> Known | None:
    """What is known here of a channel of a platform."""
    row = connection.execute(_KNOWN, {"known_as": reference}).one_or_none()
    return None if row is None else Known(row.name, row.private, row.label)


def call(connection: sa.Connection, name: str, label: str) -> None:
    """People call it so from now on."""
    connection.execute(_table.update().where(_table.c.name == name).values(label=label))


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
