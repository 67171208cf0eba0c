"""The cards that tell what Slack refused, from the real bot in a Slack that refuses it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from bot.store import schema
from commands.cards import Card
from tests.slack.clocks import Fast
from tests.slack.stage import slack_world

WHERE = "incident-20260301-001"
_TOLD = {
    "trouble-pin": "Not pinned",
    "trouble-access": "Slack does not let Tocsin do everything",
    "trouble-people": "Not everybody could be invited",
    "trouble-group": "Nobody of @nosuch",
    "trouble-archived": "could not be delivered",
}


async def troubles() -> dict[str, Card]:
    """What is told of a missing scope, of people who cannot be invited, and of a channel that was archived."""
    groups = {"SEV1": ["@sre", "@nosuch"]}
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{Path(folder) / 'tocsin.db'}"
        async with slack_world(url, clock=Fast(600), overrides={"invite": groups}) as stage:
            slack = stage.slack
            slack.add_user("uma", "ultra_guest", real_name="Uma Ultra")
            slack.channel("general").members.append(slack.user("uma").id)
            slack.add_group("sre", ["uma"])
            token = slack.core.state.tokens[slack.bot_token]
            scopes, token.scopes = token.scopes, tuple(one for one in token.scopes if one != "pins:write")
            await slack.slash("ana", "/incident", "declare sev1 API answers 502", channel="general")
            await slack.until_shown(WHERE, "Not pinned")
            token.scopes = scopes
            await stage.settled()
            await slack.archive("ana", WHERE)
            await stage.world.command("ana", WHERE, "/incident note typed at the console")
            await stage.settled()
            query = sa.select(schema.messages.c.card).where(schema.messages.c.card.is_not(None))
            said = await stage.world.app.store.database.read(lambda c: list(c.execute(query).scalars()))
    return _chosen([Card.model_validate_json(one) for one in said])


def _chosen(cards: Sequence[Card]) -> dict[str, Card]:
    return {name: next(one for one in cards if words in one.title) for name, words in _TOLD.items()}
