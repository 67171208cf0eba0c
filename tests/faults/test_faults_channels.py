"""One name, one channel: what is said in one never appears in another."""

from __future__ import annotations

import asyncio

import pytest

from bot.settings import SettingsError
from bot.store.database import Database
from bot.store.messages import SqlMessages
from bot.store.migrations import migrate
from commands.errors import Conflict
from commands.ports import Room
from tests.fakes import START
from tests.world import World, settings_for, world


@pytest.mark.parametrize(("platform", "private"), [("console", True), ("folder", False)])
async def test_a_name_that_is_taken_by_another_kind_of_channel_is_refused(
    tocsin_on: World, platform: str, private: bool
) -> None:
    room = Room(name="general", platform=platform, private=private)
    with pytest.raises(Conflict, match="There is a public channel #general on console already"):
        await tocsin_on.app.store.transact("again", lambda tx: tx.messages.open_channel(room))
    same = Room(name="general", platform="console", private=False)
    await asyncio.gather(
        *(tocsin_on.app.store.transact(f"same-{n}", lambda tx: tx.messages.open_channel(same)) for n in range(5))
    )


async def test_a_private_incident_does_not_take_over_a_public_channel(tocsin: World) -> None:
    room = Room(name="incident-20260301-001", platform="console", private=False)
    await tocsin.app.store.transact("standing", lambda tx: tx.messages.open_channel(room))
    receipt = await tocsin.command("ana", "general", "/incident declare sev1 --private quiet")
    assert not receipt.accepted
    assert not await tocsin.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=1))


async def test_a_standing_channel_whose_name_is_taken_is_said_at_the_start(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    migrate(database.engine)
    room = Room(name="ops", platform="console", private=True)
    await database.write(lambda c: SqlMessages(c, START).open_channel(room))
    database.close()
    with pytest.raises(SettingsError, match="channels: There is a private channel #ops on console already"):
        async with world(settings_for(sqlite_url, channels=["ops"])):
            pass
