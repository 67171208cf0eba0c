"""The workspaces where Tocsin is installed: one by its token in the settings, or several by OAuth."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
from slack_sdk.oauth.installation_store.models import Bot
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator
from slack_sdk.web.async_client import AsyncWebClient

from commands.ports import Undeliverable

log = logging.getLogger(__name__)


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
    """The workspaces that installed the app by OAuth. Tokens that run out are rotated in time."""

    def __init__(
        self, store: AsyncInstallationStore, rotator: AsyncTokenRotator, teams: Callable[[], Awaitable[list[str]]]
    ) -> None:
        self._store = store
        self._rotator = rotator
        self._teams = teams
        self._rotating = asyncio.Lock()

    async def of(self, team: str) -> Install:
        """See Installs."""
        bot = await self._store.async_find_bot(enterprise_id=None, team_id=team or await self._only_team())
        if bot is None or not bot.bot_token:
            raise Undeliverable(f"Tocsin is not installed in the workspace {team or '(none)'}.")
        return _install(await self._fresh(bot))

    async def all(self) -> list[Install]:
        """See Installs."""
        return [await self.of(team) for team in await self._teams()]

    async def forget(self, team: str) -> None:
        """See Installs."""
        await self._store.async_delete_all(enterprise_id=None, team_id=team)

    async def _only_team(self) -> str:
        teams = await self._teams()
        if len(teams) != 1:
            raise Undeliverable("Say which workspace: slack:T0123 (several, or none, have installed Tocsin).")
        return teams[0]

    async def _fresh(self, bot: Bot) -> Bot:
        async with self._rotating:
            rotated = await self._rotator.perform_bot_token_rotation(bot=bot)
            if rotated is not None:
                await self._store.async_save_bot(rotated)
        return rotated or bot


def _install(bot: Bot) -> Install:
    return Install(
        team=bot.team_id or "",
        token=bot.bot_token,
        bot_user=bot.bot_user_id or "",
        bot_id=bot.bot_id or "",
        name=bot.team_name or "",
    )
