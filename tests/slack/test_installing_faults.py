"""Installing when Slack, the database or the browser does not do as it should."""

from __future__ import annotations

import copy
import ssl
import time
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import Bot, Installation
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator

from bot.platforms.slack.doctor import _network
from bot.platforms.slack.installs import ManyWorkspaces, OneWorkspace
from bot.platforms.slack.oauth import Flow, NotKeptError
from bot.store.errors import StoreUnavailable
from commands.ports import Undeliverable
from tests.fakes import FakeClock
from tests.slack.installing import Browser, ages, install, installs, two_workspaces
from tests.slack.stage import slack_world

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    # slack_sdk sends the app's id and secret by aiohttp.BasicAuth, which aiohttp 3.14 wants to be rid of.
    pytest.mark.filterwarnings("ignore:.*BasicAuth.*:DeprecationWarning"),
]


async def test_one_workspace_knows_no_other_and_says_when_it_is_removed(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with slack_world(sqlite_url) as stage:
        only = stage.platform.bench.installs
        assert isinstance(only, OneWorkspace)
        with pytest.raises(Undeliverable, match="not installed in the workspace T9"):
            await only.of("T9")
        await stage.slack.uninstall()
        await stage.slack.settle()
        await stage.platform.intake.drain()
        assert "install it again and set platforms.slack.bot_token" in caplog.text


async def test_which_workspace_must_be_said_when_there_are_several(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url) as stage:
        with pytest.raises(Undeliverable, match="Say which workspace"):
            await installs(stage).of("")
        await install(stage, "ana")
        assert (await installs(stage).of("")).team == stage.slack.team.id
        await install(stage, "bea")
        with pytest.raises(Undeliverable, match="Say which workspace"):
            await installs(stage).of("")


async def test_a_workspace_whose_token_ran_out_does_not_hide_the_others(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, rotation=True) as stage:
        await install(stage, "ana")
        await install(stage, "bea")
        await ages(stage, stage.slack.team.id, seconds=-5, refresh="xoxe-1-gone")
        assert [one.name for one in await installs(stage).all()] == ["Beta"]


async def test_while_slack_is_away_nothing_is_forgotten_and_an_old_token_waits(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, rotation=True) as stage:
        await install(stage, "ana")
        team = stage.slack.team.id
        stage.slack.faults.ratelimit("auth.test", times=1)
        with pytest.raises(SlackApiError):
            await installs(stage).forget(team)
        await ages(stage, team, seconds=-5)
        stage.slack.faults.drop("oauth.v2.access", times=1)
        with pytest.raises(aiohttp.ClientError):
            await installs(stage).of(team)
        assert (await installs(stage).of(team)).team == team


async def test_slack_that_does_not_answer_is_told_on_the_page(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url) as stage:
        stage.slack.faults.drop("oauth.v2.access", times=1)
        status, page = await Browser(stage).install("ana")
        assert (status, "Begin again" in page) == (401, True)
        assert await installs(stage).all() == []


def _flow(stage: Any) -> Flow:
    flow = stage.platform._oauth()["oauth_flow"]
    assert isinstance(flow, Flow)
    return flow


async def test_a_whole_organisation_is_refused_and_its_token_given_back(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url) as stage:
        token = stage.slack.bot_token
        whole = Installation(user_id="U1", bot_token=token, is_enterprise_install=True, enterprise_id="E1")
        with pytest.raises(NotKeptError, match="not in the whole organisation"):
            await _flow(stage).store_installation(None, whole)  # type: ignore[arg-type]
        assert stage.slack.core.state.tokens[token].revoked
        with pytest.raises(NotKeptError):  # it cannot be revoked twice, which hurts nobody
            await _flow(stage).store_installation(None, whole)  # type: ignore[arg-type]


async def test_a_database_that_takes_nothing_is_told_on_the_page(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with two_workspaces(sqlite_url) as stage:
        browser = Browser(stage)
        back = stage.slack.allow("ana", await browser.begin())

        async def full(*_: Any) -> None:
            raise StoreUnavailable("the disk is full")

        # The database would have to fail between two requests of one page; nothing else can be made to.
        monkeypatch.setattr("bot.platforms.slack.oauth.Installations.async_save", full)
        status, page = await browser.get(back, browser.cookie)
        assert (status, "could not keep the installation" in page) == (503, True)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "no answer in time"),
        (aiohttp.ClientConnectorCertificateError(None, ssl.SSLError()), "its certificate is not trusted"),
        (OSError("password hunter2"), "OSError"),
    ],
)
def test_the_doctor_tells_trouble_on_the_way_without_its_words(error: Exception, said: str) -> None:
    assert _network(error) == said


class Shelf:
    """Where one bot is kept; it may have no room for a while."""

    def __init__(self, bot: Bot) -> None:
        self.bot = bot
        self.full = False

    async def async_find_bot(self, **_: Any) -> Bot:
        return copy.copy(self.bot)

    async def async_save_bot(self, bot: Bot) -> None:
        if self.full:
            raise StoreUnavailable("the disk is full")
        self.bot = bot


class Once:
    """Slack as it changes a token: each refresh token is good for one."""

    def __init__(self) -> None:
        self.spent: list[str] = []

    async def oauth_v2_access(self, *, refresh_token: str, **_: Any) -> dict[str, Any]:
        if refresh_token in self.spent:
            raise SlackApiError("no", {"ok": False, "error": "invalid_refresh_token"})
        self.spent.append(refresh_token)
        new = f"{len(self.spent) + 1}"
        return {"token_type": "bot", "access_token": f"xoxe-{new}", "refresh_token": f"re-{new}", "expires_in": 43200}


def changing() -> tuple[Shelf, ManyWorkspaces]:
    """A workspace whose token ran out, and nothing can be saved."""
    bot = Bot(
        bot_token="xoxe-1", bot_refresh_token="re-1", bot_id="B1", bot_user_id="U1", team_id="T1", installed_at=1.0
    )
    bot.bot_token_expires_at = int(time.time()) - 5
    shelf, client = Shelf(bot), Once()
    shelf.full = True
    rotator = AsyncTokenRotator(client_id="1.2", client_secret="c", client=client)  # type: ignore[arg-type]
    return shelf, ManyWorkspaces(shelf, rotator, FakeClock(), lambda _: True)  # type: ignore[arg-type]


async def test_a_new_token_that_could_not_be_saved_is_not_lost() -> None:
    shelf, workspaces = changing()
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await workspaces.of("T1")
    shelf.full = False
    assert (await workspaces.of("T1")).token == "xoxe-2"
    assert (shelf.bot.bot_token, shelf.bot.bot_refresh_token) == ("xoxe-2", "re-2")


async def test_a_new_token_that_could_not_be_saved_gives_way_to_a_newer_one() -> None:
    shelf, workspaces = changing()
    with pytest.raises(StoreUnavailable):
        await workspaces.of("T1")
    shelf.bot = Bot(
        bot_token="xoxe-9", bot_id="B1", bot_user_id="U1", team_id="T1", installed_at=2.0
    )  # installed again
    shelf.full = False
    assert (await workspaces.of("T1")).token == "xoxe-9"
    assert shelf.bot.bot_token == "xoxe-9"
