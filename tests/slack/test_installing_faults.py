"""Installing when Slack, the database or the browser does not do as it should."""

from __future__ import annotations

import ssl
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth.installation_store import Installation

from bot.platforms.slack.doctor import _network
from bot.platforms.slack.installs import OneWorkspace
from bot.platforms.slack.oauth import Flow, NotKeptError
from bot.store.errors import StoreUnavailable
from commands.ports import Undeliverable
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
