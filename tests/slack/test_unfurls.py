"""Links to incidents get a preview, unless somebody who reads along may not know of the incident."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.platforms.slack.listeners.linked import _named
from tests.fakes import FakeClock
from tests.simulators.slack import Slack
from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE, SECOND = "incident-20260301-001", "incident-20260301-002"


@pytest.fixture
async def stage(sqlite_url: str) -> AsyncIterator[SlackWorld]:
    """An incident, and a private one."""
    clock = FakeClock()
    async with (
        Slack.start(clock=clock, unfurl_domains=["127.0.0.1"]) as slack,
        slack_world(sqlite_url, slack=slack, clock=clock) as running,
    ):
        await running.slash("ana", "/incident declare sev1 API answers 502")
        await running.slash("ana", "/incident declare sev1 payroll leak --private")
        yield running


async def shares(stage: SlackWorld, path: str, *, who: str = "ana", where: str = "general") -> str:
    """What everybody reads below the link."""
    address = stage.platform.bench.address
    message = await stage.slack.share_link(who, where, f"{address}{path}")
    await stage.settled()
    return "\n".join(stage.slack.core.transcripts.message(stage.slack.channel(where), message)[1:])


@pytest.mark.parametrize("path", [f"/c/{WHERE}", f"/c/{WHERE}/postmortem", f"/postmortems/{WHERE}", f"/c/{WHERE}?m=1"])
async def test_a_link_to_an_incident_shows_its_card(stage: SlackWorld, path: str) -> None:
    shown = await shares(stage, path)
    assert "| ## 🚨 SEV1 · API answers 502" in shown
    assert "| *Status* | *investigating*" in shown
    assert "[Be incident commander]" not in shown


async def test_any_other_page_has_none(stage: SlackWorld) -> None:
    for path in ("/", "/c/general", "/c/incident-20990101-001", "/login", "/c"):
        assert await shares(stage, path) == ""


async def test_a_private_incident_is_shown_in_its_own_channel_only(stage: SlackWorld) -> None:
    assert await shares(stage, f"/c/{SECOND}") == ""
    assert await shares(stage, f"/postmortems/{SECOND}", where=WHERE) == ""
    assert "payroll leak" in await shares(stage, f"/c/{SECOND}", where=SECOND)


async def test_who_may_see_nothing_can_show_nothing(stage: SlackWorld) -> None:
    stage.slack.channel("general").members.append(stage.slack.user("gus").id)
    assert await shares(stage, f"/c/{WHERE}", who="gus") == ""


async def test_where_a_guest_reads_along_nothing_is_shown_but_in_the_incidents_own_channel(stage: SlackWorld) -> None:
    gus = stage.slack.user("gus").id
    for where in ("general", WHERE):
        stage.slack.channel(where).members.append(gus)
    assert await shares(stage, f"/c/{WHERE}") == ""
    assert "API answers 502" in await shares(stage, f"/c/{WHERE}", where=WHERE)
    stage.slack.channel("general").members.remove(gus)
    assert "API answers 502" in await shares(stage, f"/c/{WHERE}")


async def test_guests_who_may_see_incidents_read_previews(sqlite_url: str) -> None:
    async with slack_world(sqlite_url, slack=None, guests=["viewer"]) as stage:
        stage.slack.core.unfurl_domains = ("127.0.0.1",)
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        stage.slack.channel("general").members.append(stage.slack.user("gus").id)
        assert "API answers 502" in await shares(stage, f"/c/{WHERE}")


async def test_where_many_read_along_they_are_met_first_and_very_many_never_are(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        stage.slack.core.unfurl_domains = ("127.0.0.1",)
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        for number in range(30):
            stage.slack.add_user(f"colleague{number}")
        assert await shares(stage, f"/c/{WHERE}") == ""
        assert "API answers 502" in await shares(stage, f"/c/{WHERE}")
        for number in range(70):
            stage.slack.add_user(f"friend{number}")
        asked = len(stage.slack.calls_of("users.info"))
        assert await shares(stage, f"/c/{WHERE}") == ""
        assert len(stage.slack.calls_of("users.info")) == asked


async def test_other_organisations_read_no_preview(stage: SlackWorld) -> None:
    stage.slack.add_stranger("zoe", "general", team="Zeta")
    assert await shares(stage, f"/c/{WHERE}") == ""


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://bot.example/tocsin/c/incident-1", "incident-1"),
        ("https://bot.example/tocsin/postmortems/incident-1.md", "incident-1"),
        ("https://bot.example/c/incident-1", ""),
        ("https://bot.example/tocsinary/c/incident-1", ""),
        ("http://bot.example/tocsin/c/incident-1", ""),
        ("https://bot.example.evil.example/tocsin/c/incident-1", ""),
    ],
)
def test_which_links_are_ours(url: str, name: str) -> None:
    assert _named(url, "https://bot.example/tocsin") == name
