"""Accounts: who somebody on a chat platform is here."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict

from bot.store import schema
from bot.store.database import Database
from commands.people import Person

_table = schema.accounts


class Account(BaseModel):
    """One account of a platform, as it was when last seen. `platform` carries the workspace after a colon."""

    model_config = ConfigDict(frozen=True)

    platform: str
    account: str
    person: Person
    seen_at: datetime


class Accounts:
    """The table of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> list[Account]:
        """Every account."""
        return await self._database.read(lambda c: [_account(row) for row in c.execute(sa.select(_table))])

    async def since(self, when: datetime) -> list[Account]:
        """The accounts of which something was learnt since then, by any process."""
        query = sa.select(_table).where(_table.c.seen_at >= when)
        return await self._database.read(lambda c: [_account(row) for row in c.execute(query)])

    @property
    def are_shared(self) -> bool:
        """Whether another process may know somebody of whom this one has not heard."""
        return not self._database.is_sqlite

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

    async def remember(self, account: Account) -> None:
        """Keep an account, or what is new about it."""
        await self._database.write(lambda c: _remember(c, account))


def _remember(connection: sa.Connection, account: Account) -> None:
    here = sa.and_(_table.c.platform == account.platform, _table.c.account == account.account)
    values = {
        "person": account.person.id,
        "profile": account.person.model_dump_json(),
        "seen_at": account.seen_at,
    }
    if connection.execute(_table.update().where(here).values(values)).rowcount == 0:
        connection.execute(_table.insert().values(platform=account.platform, account=account.account, **values))


def _account(row: sa.Row[tuple[object, ...]]) -> Account:
    return Account(
        platform=row.platform,
        account=row.account,
        person=Person.model_validate_json(row.profile),
        seen_at=row.seen_at,
    )
