"""Several workspaces: they install by OAuth, stay apart, change their tokens, leave and come back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
import sqlalchemy as sa

from bot.platforms.slack.installs import ManyWorkspaces
from bot.platforms.slack.oauth import Installations
from bot.platforms.slack.sealing import Seal
from bot.store import schema
from bot.store.database import Database
from bot.store.transaction import SqlTransaction
from commands.cards import card
from commands.ports import Undeliverable
from tests.slack.installing import (
    PUBLIC,
    Browser,
    ages,
    install,
    installations,
    installs,
    kept_tokens,
    two_workspaces,
)
from tests.slack.stage import MODES, SlackWorld, slack_world

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    # slack_sdk sends the app's id and secret by aiohttp.BasicAuth, which aiohttp 3.14 wants to be rid of.
    pytest.mark.filterwarnings("ignore:.*BasicAuth.*:DeprecationWarning"),
]


KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.mark.parametrize("mode", MODES)
async def test_two_workspaces_install_and_what_one_does_the_other_never_sees(sqlite_url: str, mode: str) -> None:
    async with two_workspaces(sqlite_url, mode) as stage:
        slack = stage.slack
        await install(stage, "ana")
        await install(stage, "bea")
        acme, beta = slack.team, slack.core.state.team("Beta")
        await stage.slash("bea", "/incident declare sev1 the vault of Beta is open", "lobby")
        await stage.slash("ana", "/incident declare sev2 Acme's mail is late")

        names = {team.name: {one.name for one in team.channels.values()} for team in (acme, beta)}
        assert {"incidents", "incident-20260301-001"} <= names["Beta"]
        assert "incident-20260301-001" not in names["Acme"]
        assert "incident-20260301-002" not in names["Beta"]
        assert "vault" not in _everything(stage, acme.id)
        assert "mail" not in _everything(stage, beta.id)

        for line in ("list", "show incident-20260301-001", "timeline incident-20260301-001"):
            await stage.slash("ana", f"/incident {line}")
        assert "vault" not in _everything(stage, acme.id)
        assert "Acme's mail is late" in slack.transcript("general")
        await stage.slash("bea", "/incident list --all", "lobby")
        assert "mail" not in _everything(stage, beta.id)
        assert "the vault of Beta is open" in slack.transcript("lobby")
        for person, own in (("ana", "incident-20260301-002"), ("root", "incident-20260301-001 incident-20260301-002")):
            seen = [one.name for one in await stage.world.app.record.channels(person)]
            assert {one for one in seen if one.startswith("incident-")} == set(own.split())


def _everything(stage: SlackWorld, team: str) -> str:
    return "\n".join(map(stage.slack.transcript, stage.slack.core.state.teams[team].channels.values()))


async def test_only_the_workspaces_of_the_settings_may_install(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, workspaces=["T00000001"]) as stage:
        slack = stage.slack
        assert slack.team.id == "T00000001"
        await install(stage, "ana")
        status, page = await Browser(stage).install("bea")
        beta = slack.core.state.team("Beta")
        assert status == 403
        assert f"The workspace {beta.id} may not install this Tocsin" in page
        assert all(token.revoked for token in slack.core.state.installation(beta.id).tokens)
        assert [one.team for one in await installs(stage).all()] == [slack.team.id]
        with pytest.raises(Undeliverable, match="not installed"):
            await installs(stage).of(beta.id)


async def test_the_pages_cannot_be_forged_replayed_or_kept_waiting(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url) as stage:
        browser = Browser(stage)
        address = await browser.begin()
        assert parse_qs(urlsplit(address).query)["redirect_uri"] == [f"{PUBLIC}/slack/oauth_redirect"]
        assert "HttpOnly" in browser.headers["Set-Cookie"]
        assert "Secure" in browser.headers["Set-Cookie"]
        back = stage.slack.allow("ana", address)
        assert (await browser.get(back))[0] == 400  # another browser: no cookie
        assert (await browser.get(f"{PUBLIC}/slack/oauth_redirect?error=access_denied", browser.cookie))[0] == 200
        assert (await browser.get(back, browser.cookie))[0] == 200
        assert (await browser.get(back, browser.cookie))[0] == 401  # used already
        status, page = await browser.get(f"{PUBLIC}/slack/oauth_redirect?error=<script>alert(1)</script>")
        assert "<script>" not in page
        again = await browser.begin()
        state = parse_qs(urlsplit(again).query)["state"][0]
        wrong = f"{PUBLIC}/slack/oauth_redirect?code=wrong&state={state}"
        status, page = await browser.get(wrong, browser.cookie)
        assert (status, "did not take the code" in page) == (401, True)


async def test_without_oauth_there_are_no_pages_to_install(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        browser = Browser(stage)
        for page in ("install", "oauth_redirect"):
            assert (await browser.get(f"{PUBLIC}/slack/{page}"))[0] == 404


async def test_with_sockets_the_listener_takes_no_events(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, "socket") as stage:
        address = f"{stage.platform.http_address}/slack/events"
        async with aiohttp.ClientSession() as session, session.post(address, json={"type": "event_callback"}) as answer:
            assert answer.status == 404


async def test_tokens_are_changed_before_they_run_out(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, rotation=True) as stage:
        await install(stage, "ana")
        team = stage.slack.team.id
        first = await installs(stage).of(team)
        await ages(stage, team)
        second = await installs(stage).of(team)
        assert second.token != first.token
        stage.slack.revoke(first.token)
        await stage.slash("ana", "/incident declare sev3 after the change")
        assert "after the change" in stage.slack.transcript("incident-20260301-001")
        assert (await installs(stage).of(team)).token == second.token


async def test_a_change_that_another_process_made_first_is_taken_over(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, rotation=True) as stage:
        await install(stage, "ana")
        team = stage.slack.team.id
        old = await ages(stage, team)
        other = installations(stage)
        fresh = await installs(stage).of(team)
        bot = await other.async_find_bot(enterprise_id=None, team_id=team)
        assert bot is not None
        assert fresh.token == bot.bot_token
        assert (await installs(stage)._fresh(old)).bot_token == fresh.token


async def test_two_processes_that_change_a_token_at_once_both_go_on(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, rotation=True) as stage:
        await install(stage, "ana")
        team, first = stage.slack.team.id, installs(stage)
        second = ManyWorkspaces(first._store, first._rotator, stage.world.clock, lambda _: True)
        await ages(stage, team, seconds=600)
        found = await asyncio.gather(first.of(team), second.of(team), first.of(team))
        assert all(not stage.slack.core.state.tokens[one.token].revoked for one in found)
        first.arrived(team)
        second.arrived(team)
        assert (await first.of(team)).token == (await second.of(team)).token


async def test_while_slack_gives_no_new_token_the_old_one_serves(
    sqlite_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with two_workspaces(sqlite_url, rotation=True) as stage:
        await install(stage, "ana")
        team = stage.slack.team.id
        first = await installs(stage).of(team)
        await ages(stage, team, seconds=600)
        stage.slack.faults.fail("oauth.v2.access", times=1)
        assert (await installs(stage).of(team)).token == first.token
        assert "has no new token yet" in caplog.text
        await ages(stage, team, seconds=-5, refresh="xoxe-1-gone")
        with pytest.raises(Undeliverable, match="install Tocsin there again"):
            await installs(stage).of(team)


@pytest.mark.parametrize("mode", MODES)
async def test_a_workspace_that_removed_tocsin_is_forgotten_and_may_come_back(sqlite_url: str, mode: str) -> None:
    async with two_workspaces(sqlite_url, mode) as stage:
        slack = stage.slack
        await install(stage, "ana")
        await install(stage, "bea")
        beta = slack.core.state.team("Beta")
        await slack.uninstall("Beta")
        await stage.settled()
        assert [one.team for one in await installs(stage).all()] == [slack.team.id]
        with pytest.raises(Undeliverable, match="not installed"):
            await installs(stage).of(beta.id)
        await stage.slash("ana", "/incident declare sev3 the others go on")
        assert "the others go on" in slack.transcript("incident-20260301-001")

        theirs, store = f"incidents@slack:{beta.id}", stage.world.app.store
        await store.transact("test", lambda tx: tx.messages.post(theirs, card("said meanwhile"), key="meanwhile"))
        await stage.world.until(lambda: store.look(lambda tx: told_of_access(tx, beta.id)))
        await install(stage, "bea")
        await stage.settled()
        incidents = next(one for one in beta.channels.values() if one.name == "incidents")
        assert slack.transcript(incidents).count("said meanwhile") == 1
        await stage.slash("bea", "/incident declare sev2 back again", "lobby")
        assert "back again" in slack.transcript("incident-20260301-002")


def told_of_access(tx: SqlTransaction, team: str) -> bool:
    """Whether the console's announcements say that a workspace lets nobody in."""
    told = sa.select(schema.messages.c.card).where(
        schema.messages.c.channel == "incidents", schema.messages.c.key.startswith(f"undone:access:{team}:")
    )
    return any("is not installed in the workspace" in one for one in tx.connection.execute(told).scalars())


async def test_late_news_of_a_removal_does_not_take_the_new_token(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url) as stage:
        await install(stage, "ana")
        team = stage.slack.team
        await installs(stage).forget(team.id)
        assert (await installs(stage).of(team.id)).team == team.id
        await stage.slack.uninstall()
        await stage.settled()
        await installs(stage).forget(team.id)
        assert await installs(stage).all() == []


async def test_no_token_and_no_secret_is_in_a_log(sqlite_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with two_workspaces(sqlite_url, rotation=True) as stage:
        await install(stage, "ana")
        team = stage.slack.team.id
        await ages(stage, team)
        await installs(stage).of(team)
        await stage.slash("ana", "/incident declare sev3 quiet please")
        await Browser(stage).get(f"{PUBLIC}/slack/oauth_redirect?code=verysecretcode&state=none")
        browser = Browser(stage)
        state = parse_qs(urlsplit(await browser.begin()).query)["state"][0]
        await browser.get(f"{PUBLIC}/slack/oauth_redirect?code=verysecretcode&state={state}", browser.cookie)
        secrets = {token.value for token in stage.slack.core.state.tokens.values()} | {
            token.refresh for token in stage.slack.core.state.tokens.values() if token.refresh
        }
    own = "\n".join(f"{one.name}: {one.getMessage()}" for one in caplog.records if not one.name.startswith("aiohttp"))
    assert not [one for one in secrets if one in own]
    assert "verysecretcode" not in own
    assert "a-client-secret" not in own
    assert "a-signing-secret" not in own


async def test_two_processes_make_the_tables_at_once(postgres_url: str) -> None:
    with contextlib.closing(Database(postgres_url)) as database:
        stores = [Installations(database, "1111.2222", Seal([KEY])) for _ in range(4)]
        looks = [one.async_find_bot(enterprise_id=None, team_id="T1") for one in stores]
        assert await asyncio.gather(*looks) == [None] * 4
        assert await stores[0].bots() == []


async def test_several_workspaces_on_postgres(postgres_url: str) -> None:
    async with two_workspaces(postgres_url, rotation=True, token_key=KEY) as stage:
        await install(stage, "ana")
        await install(stage, "bea")
        await ages(stage, stage.slack.team.id)
        assert len(await installs(stage).all()) == 2
        await stage.slash("bea", "/incident declare sev2 on Postgres", "lobby")
        assert "on Postgres" in stage.slack.transcript("incident-20260301-001")
        kept = await kept_tokens(stage.world.app.store.database)
        assert kept
        assert all(token.startswith("sealed:") for token in kept)
