"""When something cannot be worked however often it is tried: whoever asked is told, and the log has why."""

from __future__ import annotations

import logging
from typing import Any

from bot.platforms.slack.arriving import team_of_body
from bot.platforms.slack.blocks import Shown
from bot.platforms.slack.places import platform_of
from bot.platforms.slack.refusals import explained
from bot.platforms.slack.responses import Responses
from bot.platforms.slack.said import Said, words
from bot.platforms.slack.web import Refused
from bot.platforms.slack.workshop import Bench
from bot.store.arrivals import Arrival
from commands.ports import Urgency

log = logging.getLogger(__name__)

_WORDS = (
    "Something went wrong with what you asked, and trying again did not help. A part of it may have been done: "
    "look before you ask again. "
    "The log of the bot says why; an administrator can run `tocsin slack doctor`."
)


class GivingUp:
    """Tells the person behind an arrival, directly."""

    def __init__(self, bench: Bench, responses: Responses) -> None:
        self._bench = bench
        self._responses = responses

    async def tell(self, arrival: Arrival) -> None:
        """Where it was asked, which needs no token; else as a message. Events that nobody waits for are only logged."""
        user, team = _asker(arrival.payload), team_of_body(arrival.payload)
        log.error("given up: %s", arrival.id)
        if not user:
            return
        section = {"type": "section", "text": {"type": "mrkdwn", "text": _WORDS}}
        there = Shown(blocks=[section], text=_WORDS, cut=False)
        if await self._responses.answer(platform_of(team), f"{arrival.id}:refused", there, everybody=False):
            return
        key = f"given-up:{arrival.id}"
        try:
            await Said(self._bench.web).directly(team, user, key, words(key, _WORDS), urgency=Urgency.ANSWER)
        except Refused as refused:
            log.error("nobody could be told: %s", explained(refused))


def _asker(body: dict[str, Any]) -> str:
    user = body.get("user")
    event = body.get("event") or {}
    asked = event.get("type") == "app_mention" or event.get("channel_type") == "im"
    mentioned = event.get("user", "") if asked and not event.get("bot_id") else ""
    return str(body.get("user_id") or (user.get("id") if isinstance(user, dict) else "") or mentioned)
