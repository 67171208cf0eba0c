"""What stays of Slack's deliveries: nothing of what people say to each other, and no words once they were worked."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from bot.store import schema
from tests.slack.stage import slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


async def test_chatter_is_stored_nowhere_and_worked_commands_keep_no_words(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slack.say("ana", "general", "the password of the cat is miaow")
        await stage.slack.say("ana", "general", "and here it is", files=[("miaow.txt", b"miaow")])
        await stage.settled()
        rows = await stage.world.app.store.database.read(lambda c: list(c.execute(sa.select(schema.arrivals))))
        assert [row.lane for row in rows if row.lane.endswith(stage.slack.channel("general").id)] == []
        await stage.slash("ana", "/incident list the password is hunter2")
        rows = await stage.world.app.store.database.read(lambda c: list(c.execute(sa.select(schema.arrivals))))
        assert rows
        assert all(row.finished_at for row in rows)
        kept = " ".join(row.payload for row in rows)
        assert "miaow" not in kept
        assert "hunter2" not in kept
        commands = [json.loads(row.payload) for row in rows if "command" in row.payload]
        assert [set(one) for one in commands] == [{"command", "response_url"}]
