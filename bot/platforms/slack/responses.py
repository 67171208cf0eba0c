"""The address that comes with a command or a click (`response_url`): five answers in half an hour, no membership."""

from __future__ import annotations

import logging
from datetime import timedelta

import aiohttp

from bot.platforms.slack.blocks import Shown
from bot.platforms.slack.web import named
from bot.store import arrivals
from bot.store.arrivals import Arrival
from bot.store.transaction import Store
from commands.ports import Clock

log = logging.getLogger(__name__)

#: Slack's limits, less a little.
MOST, WITHIN = 5, timedelta(minutes=29)
_TIMEOUT = aiohttp.ClientTimeout(total=10)
_SUFFIXES = (":reply", ":refused")


class Responses:
    """Answers deliveries where they came from."""

    def __init__(self, store: Store, session: aiohttp.ClientSession, clock: Clock, *, proxy: str) -> None:
        self._store = store
        self._session = session
        self._clock = clock
        self._proxy = proxy or None

    async def answer(self, platform: str, key: str, shown: Shown, *, everybody: bool) -> bool:
        """Whether the answer to a delivery could be given at its address; False: say it as a message."""
        arrival = await self._arrival(platform, key)
        address = arrival.payload.get("response_url") if arrival else None
        if arrival is None or not address or self._clock.now() - arrival.received_at > WITHIN:
            return False
        used = await self._store.database.write(lambda c: arrivals.answered(c, arrival.id))
        if used > MOST:
            return False
        kind = "in_channel" if everybody else "ephemeral"
        body = {"text": shown.text, "blocks": shown.blocks, "response_type": kind, "replace_original": False}
        return await self._send(str(address), body)

    async def _arrival(self, platform: str, key: str) -> Arrival | None:
        suffix = next((one for one in _SUFFIXES if key.endswith(one)), "")
        if not suffix or not key.startswith(f"{platform}:"):
            return None
        return await self._store.database.read(lambda c: arrivals.get(c, key.removesuffix(suffix)))

    async def _send(self, address: str, body: dict[str, object]) -> bool:
        """Whether it was taken. Where the answer is unclear it is said again otherwise: twice is better than never."""
        try:
            async with self._session.post(address, json=body, proxy=self._proxy, timeout=_TIMEOUT) as answer:
                said = await answer.text()
                if answer.status == 200 and "ok" in said[:20]:  # a proxy's page is no answer of Slack
                    return True
                log.info("the response_url took no answer: %s %s", answer.status, said[:80])
                return False
        except aiohttp.ClientConnectorError as error:
            log.info("the response_url cannot be reached: %s", named(error))
            return False
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("the response_url gave no clear answer: %s", named(error))
            return False
