"""Slack behind a proxy, and a Slack that is called otherwise (GovSlack)."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest

from bot.platforms.slack.doctor import examine
from bot.platforms.slack.oauth import oauth_settings
from bot.platforms.slack.settings import SlackSettings
from tests.fakes import FakeClock
from tests.simulators.slack import Slack
from tests.slack.proxy import proxy_to
from tests.slack.stage import MODES, section, slack_world
from tests.world import settings_for

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

GOV = "http://slack-gov.invalid"  # no name server knows it: whatever arrives came through the proxy


@pytest.mark.parametrize("mode", MODES)
async def test_everything_goes_through_the_proxy_to_the_address_of_the_settings(sqlite_url: str, mode: str) -> None:
    clock = FakeClock()
    async with Slack.start(clock=clock) as slack, proxy_to(urlsplit(slack.api_url).port or 0) as proxy:
        slack.core.base_url = GOV
        assert slack.api_url == f"{GOV}/api/"
        async with slack_world(sqlite_url, mode=mode, slack=slack, clock=clock, proxy=proxy.address) as stage:
            await stage.slash("ana", "/incident declare sev1 behind a proxy")
            await stage.slash("ben", "/help")
            assert "behind a proxy" in slack.transcript("incident-20260301-001")
        assert slack.calls_of("response_url")
        assert proxy.denied == 0
        assert all(line.split(" ")[1].startswith((f"{GOV}/", "ws://slack-gov.invalid/")) for line in proxy.asked)
        assert any("/link/" in line for line in proxy.asked) == (mode == "socket")


async def test_the_doctor_names_a_proxy_that_refuses(sqlite_url: str) -> None:
    async with Slack.start() as slack, proxy_to(urlsplit(slack.api_url).port or 0) as proxy:
        wrong = proxy.address.replace("hunter2", "letmein-please")
        settings = settings_for(sqlite_url, platforms={"slack": section(slack, "socket", proxy=wrong)})
        said = "\n".join([str(one) async for one in examine(settings)])
        assert f"the proxy 127.0.0.1:{proxy.port}" in said
        assert "407" in said
        assert "letmein" not in said


@pytest.mark.parametrize(
    ("base", "page"),
    [
        ("https://slack.com/api/", "https://slack.com/oauth/v2/authorize"),
        ("https://slack-gov.com/api", "https://slack-gov.com/oauth/v2/authorize"),
    ],
)
async def test_installing_begins_at_the_same_slack(sqlite_url: str, base: str, page: str) -> None:
    from bot.store.database import Database

    given = {
        "mode": "http", "signing_secret": "s", "client_id": "1.2", "client_secret": "c", "api_base_url": base,
        "public_url": "https://tocsin.example/", "workspaces": ["T1"],
    }  # fmt: skip
    database = Database(sqlite_url)
    assert oauth_settings(SlackSettings.model_validate(given), database).authorization_url == page
    database.close()
