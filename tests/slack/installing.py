"""A second workspace beside Acme, and somebody with a browser who installs Tocsin in either by OAuth."""

from __future__ import annotations

import html
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

from bot.platforms.slack.installs import ManyWorkspaces
from bot.platforms.slack.oauth import Installations
from bot.platforms.slack.places import platform_of
from bot.store import channels
from tests.fakes import FakeClock
from tests.simulators.slack import Slack
from tests.slack.stage import SlackWorld, slack_world

PUBLIC = "https://tocsin.example"


def oauth(slack: Slack, **more: Any) -> dict[str, Any]:
    """The settings of an app that installs by itself."""
    return {
        "bot_token": "",
        "client_id": slack.core.client_id,
        "client_secret": slack.core.client_secret,
        "public_url": PUBLIC,
        "workspaces": list(slack.core.state.teams),
        **more,
    }


@asynccontextmanager
async def two_workspaces(
    url: str, mode: str = "http", *, rotation: bool = False, **more: Any
) -> AsyncIterator[SlackWorld]:
    """Acme and Beta, before anybody has installed Tocsin by OAuth."""
    clock = FakeClock()
    async with Slack.start(clock=clock, rotation=rotation) as slack:
        beta = slack.add_team("Beta")
        slack.add_channel("lobby", [], general=True, team=beta.id)
        slack.add_user("bea", real_name="Bea Bond", team=beta.id)
        async with slack_world(url, mode=mode, slack=slack, clock=clock, **oauth(slack, **more)) as stage:
            yield stage


class Browser:
    """Somebody who installs: follows the pages, with the cookie that they were given."""

    def __init__(self, stage: SlackWorld) -> None:
        self.stage = stage
        self.cookie = ""
        self.headers: dict[str, str] = {}

    async def get(self, address: str, cookie: str = "") -> tuple[int, str]:
        """A page, from wherever Tocsin really listens."""
        here = address.replace(PUBLIC, self.stage.platform.http_address)
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.get(here, headers={"Cookie": cookie}, allow_redirects=False) as answer,
        ):
            self.headers = dict(answer.headers)
            return answer.status, await answer.text()

    async def begin(self) -> str:
        """Open the page of the installation; the address of Slack that its button leads to."""
        status, page = await self.get(f"{PUBLIC}/slack/install")
        assert status == 200
        self.cookie = self.headers["Set-Cookie"].partition(";")[0]
        found = re.search(r'href="([^"]*/oauth/v2/authorize[^"]*)"', page)
        assert found, page
        return html.unescape(found[1])

    async def install(self, who: str) -> tuple[int, str]:
        """All of it."""
        back = self.stage.slack.allow(who, await self.begin())
        return await self.get(back, self.cookie)


async def install(stage: SlackWorld, who: str) -> None:
    """Somebody installs Tocsin in their workspace, which gets its channel for announcements."""
    status, page = await Browser(stage).install(who)
    assert (status, "Installed" in page) == (200, True), page
    team = stage.slack.user(who).team
    await stage.world.until(lambda: _announces(stage, team))
    await stage.settled()


async def _announces(stage: SlackWorld, team: str) -> bool:
    name = f"incidents@{platform_of(team)}"
    return bool(await stage.world.app.store.database.read(lambda c: channels.references(c, [name])))


def installs(stage: SlackWorld) -> ManyWorkspaces:
    """Who Tocsin is, where."""
    found = stage.platform.bench.installs
    assert isinstance(found, ManyWorkspaces)
    return found


async def ages(stage: SlackWorld, team: str, *, seconds: int = 60, refresh: str = "") -> Any:
    """The token of a workspace ends soon."""
    store = Installations(stage.world.app.store.database, stage.slack.core.client_id)
    bot = await store.async_find_bot(enterprise_id=None, team_id=team)
    assert bot is not None
    bot.bot_token_expires_at = int(time.time()) + seconds
    bot.bot_refresh_token = refresh or bot.bot_refresh_token
    await store.async_save_bot(bot)
    installs(stage).arrived(team)
    return bot
