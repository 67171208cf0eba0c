"""The workspaces where Tocsin is installed: one by its token in the settings, or several by OAuth."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import aiohttp
from slack_sdk.errors import SlackApiError, SlackTokenRotationError
from slack_sdk.oauth.installation_store.models import Bot
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from bot.platforms.slack.oauth import Installations
from bot.platforms.slack.sealing import Locked
from commands.ports import Clock, Undeliverable

log = logging.getLogger(__name__)

#: How long the store's word about a workspace is believed.
_BELIEVED = timedelta(seconds=20)
#: What Slack answers for a token that will never be good again.
_DEAD = {"account_inactive", "invalid_auth", "token_revoked", "token_expired", "not_authed"}


@dataclass(frozen=True)
class Install:
    """The app in one workspace: its token there, and who it is there."""

    team: str
    token: str
    bot_user: str
    bot_id: str = ""
    name: str = ""


class Installs(Protocol):
    """Who the bot is in a workspace."""

    async def of(self, team: str) -> Install:
        """Raises Undeliverable where the app is not installed. `team` empty: the only workspace."""

    async def all(self) -> list[Install]:
        """Every workspace."""

    def arrived(self, team: str) -> None:
        """The app was installed in a workspace just now, maybe again."""

    async def forget(self, team: str) -> None:
        """The app was removed from a workspace."""


class OneWorkspace:
    """The workspace of the token in the settings; Slack is asked once who that is."""

    def __init__(self, token: str, client: AsyncWebClient) -> None:
        self._token = token
        self._client = client
        self._found: Install | None = None
        self._asking = asyncio.Lock()

    async def of(self, team: str) -> Install:
        """See Installs."""
        found = await self._who()
        if team not in {"", found.team}:
            raise Undeliverable(f"Tocsin is not installed in the workspace {team}.")
        return found

    async def all(self) -> list[Install]:
        """See Installs."""
        return [await self._who()]

    def arrived(self, team: str) -> None:
        """Its token is in the settings."""

    async def forget(self, team: str) -> None:
        """The token is void from now on; a new one comes with the settings."""
        log.error("Tocsin was removed from the workspace %s: install it again and set platforms.slack.bot_token", team)

    async def _who(self) -> Install:
        async with self._asking:
            if self._found is None:
                said = await self._client.auth_test(token=self._token)
                self._found = Install(
                    team=str(said["team_id"]),
                    token=self._token,
                    bot_user=str(said["user_id"]),
                    bot_id=str(said.get("bot_id", "")),
                    name=str(said.get("team", "")),
                )
        return self._found


class ManyWorkspaces:
    """The workspaces that installed the app by OAuth. Tokens that run out are rotated in time.

    Another process may install, remove or rotate, so what the store says is believed for a moment only.
    """

    def __init__(
        self, store: Installations, rotator: AsyncTokenRotator, clock: Clock, admits: Callable[[str], bool]
    ) -> None:
        self._store = store
        self._rotator = rotator
        self._clock = clock
        self._admits = admits
        self._known: dict[str, tuple[Install, datetime]] = {}
        self._unsaved: dict[str, tuple[str, Bot]] = {}  # the token that was, and the bot with the one that came for it
        self._asking: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def of(self, team: str) -> Install:
        """See Installs."""
        team = team or await self._only_team()
        async with self._asking[team]:  # a token is changed once, however many want it
            install, asked = self._known.get(team, (None, self._clock.now()))
            if install is None or self._clock.now() - asked > _BELIEVED:
                install = await self._ask(team)
                self._known[team] = install, self._clock.now()
        return install

    async def all(self) -> list[Install]:
        """See Installs. One that is out of order does not hide the others."""
        found = []
        for team in await self._teams():
            try:
                found.append(await self.of(team))
            except Undeliverable as gone:
                log.warning("%s", gone)
        return found

    def arrived(self, team: str) -> None:
        """A workspace has installed the app, maybe again: what was known of it is old."""
        self._known.pop(team, None)

    async def forget(self, team: str) -> None:
        """See Installs. News of a removal may come after the app is back: then its token is good, and stays."""
        self.arrived(team)
        if not await self._is_over(team):
            return
        await self._store.async_delete_bot(enterprise_id=None, team_id=team)
        self.arrived(team)
        log.warning("Tocsin was removed from the workspace %s; its token is forgotten", team)

    async def _is_over(self, team: str) -> bool:
        try:
            bot = await self._store.async_find_bot(enterprise_id=None, team_id=team)
        except Locked:  # it could not be used anyway
            return True
        return bot is not None and not await self._works(bot)

    async def _works(self, bot: Bot) -> bool:
        try:
            await self._rotator.client.auth_test(token=bot.bot_token)
        except SlackApiError as error:
            if error.response.get("error") in _DEAD:
                return False
            raise
        return True

    async def _teams(self) -> list[str]:
        return [team for team in await self._store.teams() if self._admits(team)]

    async def _only_team(self) -> str:
        teams = await self._teams()
        if len(teams) != 1:
            raise Undeliverable("Say which workspace: slack:T0123 (several, or none, have installed Tocsin).")
        return teams[0]

    async def _ask(self, team: str) -> Install:
        try:
            bot = await self._store.async_find_bot(enterprise_id=None, team_id=team)
        except Locked:
            raise Undeliverable(
                f"The token of the workspace {team} is sealed with another key: set platforms.slack.token_key to the "
                "one that sealed it, or install Tocsin there again, at /slack/install."
            ) from None
        if bot is None or not bot.bot_token or not self._admits(team):
            self._known.pop(team, None)
            raise Undeliverable(f"Tocsin is not installed in the workspace {team}.")
        return _install(await self._fresh(await self._newest(bot)))

    async def _newest(self, bot: Bot) -> Bot:
        """Slack gives a new token once. One that could not be saved is saved now, unless yet another came meanwhile."""
        was, rotated = self._unsaved.get(bot.team_id or "", ("", bot))
        if bot.bot_token == was:
            await self._store.async_save_bot(rotated)
            log.info("the workspace %s has a new token", bot.team_id)
            bot = rotated
        self._unsaved.pop(bot.team_id or "", None)
        return bot

    async def _fresh(self, bot: Bot) -> Bot:
        """With a token that will last a while. Until the old one ends, a new one may be refused."""
        try:
            rotated = await self._rotator.perform_bot_token_rotation(bot=bot)
        except (SlackTokenRotationError, aiohttp.ClientError, TimeoutError, OSError) as error:
            return await self._other(bot, error)
        if rotated is not None:
            self._unsaved[bot.team_id or ""] = bot.bot_token, rotated
            return await self._newest(bot)
        return bot

    async def _other(self, bot: Bot, error: Exception) -> Bot:
        """Another process may have been faster; else the old token does until it runs out."""
        newest = await self._store.async_find_bot(enterprise_id=None, team_id=bot.team_id)
        if newest is not None and newest.bot_token != bot.bot_token:
            return newest
        if time.time() < (bot.bot_token_expires_at or 0):
            log.warning("the workspace %s has no new token yet: %s", bot.team_id, _reason(error))
            return bot
        if isinstance(error, SlackTokenRotationError):
            raise Undeliverable(
                f"The token of the workspace {bot.team_id} ran out, and Slack gives no new one ({_reason(error)}): "
                "install Tocsin there again, at /slack/install."
            ) from error
        raise error


def _reason(error: Exception) -> str:
    """Slack's name for what is wrong; never a token."""
    if isinstance(error, SlackTokenRotationError):
        return str(error.api_error.response.get("error", "unknown"))
    return type(error).__name__


def _install(bot: Bot) -> Install:
    return Install(
        team=bot.team_id or "",
        token=bot.bot_token,
        bot_user=bot.bot_user_id or "",
        bot_id=bot.bot_id or "",
        name=bot.team_name or "",
    )
