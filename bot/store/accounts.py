"""Accounts: who somebody on a chat platform is here, as every process of this bot knows it.

What is learnt, and what is doubted, takes a number that grows in the order of the commits. So a process that asks for
what came after the last number it saw misses nothing, whatever its clock says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from bot.store import schema
from bot.store.database import Database, insert_once
from commands.people import Person

_table, _counters = schema.accounts, schema.counters
_NUMBER, _GROUPS = "accounts", "groups@"


class Account(BaseModel):
    """One account of a platform, as it was when last asked about. `platform` carries the workspace after a colon.

    `standing` and `groups` are the platform's words: what somebody is there, and in which of the settings' groups.
    `as_of` is the state of the workspace's groups in which that was asked. `doubted`: the platform has said since then
    that something changed. `change` is the number of the newest change.
    """

    model_config = ConfigDict(frozen=True)

    platform: str
    account: str
    person: Person
    seen_at: datetime
    standing: str = ""
    groups: tuple[str, ...] = ()
    as_of: int = 0
    doubted: bool = False
    change: int = 0


@dataclass(frozen=True)
class News:
    """What came after a number: accounts, and the newest state of each workspace's groups. `change`: the new number."""

    accounts: tuple[Account, ...] = ()
    groups: dict[str, int] = field(default_factory=dict)
    change: int = 0


class Accounts:
    """The table of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def are_shared(self) -> bool:
        """Whether another process may know what this one has not heard."""
        return not self._database.is_sqlite

    async def news(self, since: int = -1) -> News:
        """What any process has learnt or doubts since then; without a number, all there is."""
        return await self._database.read(lambda c: _news(c, since))

    async def of_person(self, platform: str, person: str) -> Account | None:
        """The account of a person on a platform."""
        query = sa.select(_table).where(_table.c.platform == platform, _table.c.person == person)
        return await self._one(query.order_by(_table.c.seen_at.desc()).limit(1))

    async def get(self, platform: str, account: str) -> Account | None:
        """One account."""
        return await self._one(sa.select(_table).where(_table.c.platform == platform, _table.c.account == account))

    async def _one(self, query: sa.Select[tuple[object, ...]]) -> Account | None:
        row = await self._database.read(lambda c: c.execute(query).one_or_none())
        return None if row is None else _account(row)

    async def remember(self, account: Account, *, asked_at: int = 0) -> Account:
        """Keep what the platform said when it was asked, at that number. What was doubted later stays in doubt."""
        return await self._database.write(lambda c: _remember(c, account, asked_at))

    async def doubt(self, platform: str, account: str) -> None:
        """Something about an account changed: no process believes what it knows of it any more."""
        await self._database.write(lambda c: _doubt(c, platform, account))

    async def groups_changed(self, platform: str) -> None:
        """Others are in a group of a workspace: every account there is to be asked about again."""
        await self._database.write(lambda c: _next(c, f"{_GROUPS}{platform}"))


def _news(connection: sa.Connection, since: int) -> News:
    rows = connection.execute(sa.select(_table).where(_table.c.change > since).order_by(_table.c.change)).all()
    counted = sa.or_(_counters.c.name == _NUMBER, _counters.c.name.startswith(_GROUPS, autoescape=True))
    values = {row.name: int(row.value) for row in connection.execute(sa.select(_counters).where(counted))}
    newest = values.pop(_NUMBER, 0)
    groups = {name.removeprefix(_GROUPS): value for name, value in values.items()}
    return News(tuple(map(_account, rows)), groups, newest)


def _remember(connection: sa.Connection, account: Account, asked_at: int) -> Account:
    change = _next(connection, _NUMBER)
    facts = {"standing": account.standing, "groups": account.groups, "as_of": account.as_of}
    values = {
        "person": account.person.id,
        "profile": account.person.model_dump_json(),
        "seen_at": account.seen_at,
        "facts": json.dumps(facts),
        "asked_at": asked_at,
        "change": change,
    }
    changed = _table.update().where(_here(account.platform, account.account)).values(values)
    row = connection.execute(changed.returning(_table)).one_or_none()
    if row is None:
        new = _table.insert().values(platform=account.platform, account=account.account, **values)
        row = connection.execute(new.returning(_table)).one()
    return _account(row)


def _doubt(connection: sa.Connection, platform: str, account: str) -> None:
    change = _next(connection, _NUMBER)
    connection.execute(_table.update().where(_here(platform, account)).values(doubted_at=change, change=change))


def _here(platform: str, account: str) -> sa.ColumnElement[bool]:
    return sa.and_(_table.c.platform == platform, _table.c.account == account)


def _next(connection: sa.Connection, name: str) -> int:
    """The next number. Its row stays locked until the commit, so numbers are seen in their order."""
    insert_once(connection, _counters, {"name": name, "value": 0})
    counted = _counters.update().where(_counters.c.name == name).values(value=_counters.c.value + 1)
    return int(connection.execute(counted.returning(_counters.c.value)).scalar_one())


def _account(row: sa.Row[tuple[object, ...]]) -> Account:
    return Account(
        platform=row.platform,
        account=row.account,
        person=Person.model_validate_json(row.profile),
        seen_at=row.seen_at,
        doubted=row.doubted_at > row.asked_at,
        change=row.change,
        **json.loads(row.facts),
    )
