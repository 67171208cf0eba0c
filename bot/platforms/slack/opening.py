"""Views that open within Slack's three seconds: beside the acknowledgement, before anything is stored."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from slack_sdk.errors import SlackApiError

from bot.platforms.slack.installs import Installs
from bot.platforms.slack.web import Wire, named

log = logging.getLogger(__name__)

_TRIGGER_SECONDS, _TOKEN_SECONDS, _PAUSE = 3.0, 0.5, 0.3
#: The trigger was used: by the try before this one, or by another process that got the same delivery.
_OPEN = {"exchanged_trigger_id", "duplicate_external_id"}
_MOMENTARY = {"", "ratelimited", "internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_KEPT = 500


@dataclass(frozen=True)
class Opened:
    """What became of an opening. `known` False: another process did it, or nobody. `hash` of the placeholder."""

    open: bool
    known: bool = True
    hash: str = ""


def name_of(trigger: str) -> str:
    """The external id of the view that a trigger opens: whoever works its delivery finds the view by it."""
    return f"tocsin-{hashlib.sha256(trigger.encode()).hexdigest()[:32]}"


def _code(error: SlackApiError) -> str:
    """Slack's name for what went wrong; none where something in between has answered."""
    said: Any = getattr(error.response, "data", None)
    return str(said.get("error", "")) if isinstance(said, dict) else ""


class Opening:
    """Opens views, and remembers which."""

    def __init__(self, wire: Wire, installs: Installs) -> None:
        self._wire = wire
        self._installs = installs
        self._tokens: dict[str, str] = {}
        self._tasks: dict[str, asyncio.Task[Opened]] = {}

    def start(self, team: str, trigger: str, view: dict[str, Any]) -> None:
        """Open a view now. Waits for nothing; a trigger that comes twice is used once."""
        name = name_of(trigger)
        if name not in self._tasks:
            self._forget_old()
            self._tasks[name] = asyncio.get_running_loop().create_task(
                self._in_time(self._open(team, trigger, view | {"external_id": name}))
            )

    def _forget_old(self) -> None:
        for name in list(self._tasks)[: max(0, len(self._tasks) - _KEPT)]:
            if self._tasks[name].done():
                del self._tasks[name]

    async def of(self, trigger: str) -> Opened:
        """What became of a trigger's view."""
        task = self._tasks.get(name_of(trigger))
        return await asyncio.shield(task) if task else Opened(open=False, known=False)

    async def _in_time(self, opening: Coroutine[Any, Any, Opened]) -> Opened:
        try:
            async with asyncio.timeout(_TRIGGER_SECONDS):
                return await opening
        except Exception as error:  # whoever fills the view tells the person
            why = error.response.get("error") if isinstance(error, SlackApiError) else named(error)
            log.warning("a view could not be opened: %s", why)
            return Opened(open=False)

    async def _open(self, team: str, trigger: str, view: dict[str, Any]) -> Opened:
        client = self._wire.client(await self._token(team))
        for attempt in (1, 2, 3):
            try:
                said = await client.views_open(trigger_id=trigger, view=view)
                return Opened(open=True, hash=str(said["view"].get("hash", "")))
            except SlackApiError as error:
                code = _code(error)
                if code in _OPEN:
                    return Opened(open=True)
                if attempt == 3 or code not in _MOMENTARY:
                    raise
            except Exception:
                if attempt == 3:
                    raise
            await asyncio.sleep(_PAUSE * attempt)
        raise AssertionError("the last try returns or raises")

    async def _token(self, team: str) -> str:
        """The token of a workspace; the last one that was known where the database is slow to say."""
        try:
            async with asyncio.timeout(_TOKEN_SECONDS if team in self._tokens else None):
                self._tokens[team] = (await self._installs.of(team)).token
        except Exception:
            if team not in self._tokens:
                raise
        return self._tokens[team]
