"""`tocsin slack doctor` against a simulated Slack: what is right is said to be, and each fault is named."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from bot.cli import app as tocsin
from bot.findings import Finding
from bot.platforms.slack.doctor import examine
from bot.platforms.slack.subscriptions import scopes
from tests.simulators.slack import Slack
from tests.slack.installing import install, oauth, two_workspaces
from tests.slack.stage import PEOPLE, section
from tests.world import settings_for

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    # slack_sdk sends the app's id and secret by aiohttp.BasicAuth, which aiohttp 3.14 wants to be rid of.
    pytest.mark.filterwarnings("ignore:.*BasicAuth.*:DeprecationWarning"),
]

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    """Acme, with exactly the scopes of the manifest, and an account for each person of the settings."""
    async with Slack.start() as started:
        started._token = started.install(scopes=scopes()).value
        started.add_user("root", email="root@acme.example")
        yield started
        assert started.violations == []


def settings(slack: Slack, url: str, *, mode: str = "socket", people: Any = None, top: Any = None, **more: Any) -> Any:
    """Settings that are right, but for what a test puts in."""
    everybody = people or [*PEOPLE[:3], {**PEOPLE[3], "email": "root@acme.example"}]
    own = {**section(slack, mode), "signing_secret": SECRET, **more}
    return settings_for(url, people=everybody, on_call={}, platforms={"slack": own}, **(top or {}))


async def seen(settings: Any, **more: Any) -> list[Finding]:
    """All findings; none carries a secret."""
    found = [finding async for finding in examine(settings, **more)]
    text = "\n".join(map(str, found))
    own = settings.platforms.get("slack", {})
    for key in ("bot_token", "app_token", "signing_secret", "client_secret"):
        assert not own.get(key) or str(own[key]) not in text, text
    assert "hunter2" not in text
    return found


async def failures(settings: Any, **more: Any) -> str:
    """What is wrong, as it is printed."""
    return "\n".join(str(one) for one in await seen(settings, **more) if one.failed)


@pytest.fixture
def started(sqlite_url: str) -> str:
    """A database that is there."""
    Path(sqlite_url.removeprefix("sqlite:///")).touch()
    return sqlite_url


@pytest.mark.parametrize("mode", ["socket", "http"])
async def test_what_is_right_is_said_to_be(slack: Slack, started: str, mode: str) -> None:
    found = await seen(settings(slack, started, mode=mode))
    assert [one.mark for one in found] == ["✓"] * len(found), "\n".join(map(str, found))
    text = "\n".join(map(str, found))
    assert "Acme (T00000001): Tocsin is there as @tocsin" in text
    assert "#incidents takes the announcements" in text
    assert ("Socket Mode opens" in text) == (mode == "socket")
    assert ("signing_secret: it looks like one" in text) == (mode == "http")


async def test_settings_that_are_not_there_or_wrong(sqlite_url: str) -> None:
    assert "no section platforms.slack" in await failures(settings_for(sqlite_url))
    fine = settings_for(sqlite_url)
    wrong = fine.model_copy(update={"platforms": {"slack": {"bot_token": "xoxb-secret-token", "sokets": 3}}})
    assert "platforms.slack.sokets: there is no such key" in await failures(wrong)
    wrong = fine.model_copy(update={"platforms": {"slack": {"bot_token": "xoxb-secret-token"}}})
    assert "mode socket needs app_token" in await failures(wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bot_token": "xoxb-wrong-token"}, "bot token: Slack refuses it (invalid_auth)"),
        ({"bot_token": "xoxp-wrong-token"}, "does not begin with xoxb-"),
        ({"app_token": "xapp-wrong-token"}, "app_token: Slack opens no socket (invalid_auth)"),
        ({"app_token": "xoxb-wrong-token"}, "app_token: it does not begin with xapp-"),
        ({"mode": "http", "signing_secret": "xoxb-wrong-token"}, "signing_secret: it does not look like one"),
        ({"api_base_url": "http://127.0.0.1:1/api/"}, "Slack is not reached at http://127.0.0.1:1/api/"),
        ({"proxy": "http://user:hunter2@127.0.0.1:1"}, "look at the proxy 127.0.0.1:1"),
        ({"groups": {"sre": ["operator"], "nosuch": ["viewer"]}}, "there is no group nosuch, sre"),
    ],
)
async def test_each_wrong_setting_is_named(slack: Slack, started: str, wrong: dict[str, Any], said: str) -> None:
    assert said in await failures(settings(slack, started, **wrong))


async def test_tokens_that_are_dead_or_weak(slack: Slack, started: str) -> None:
    weak = slack.core.installs.app_token(scopes=["authorizations:read"]).value
    assert "lacks the scope connections:write" in await failures(settings(slack, started, app_token=weak))
    slack.revoke(slack.bot_token)
    assert "it was revoked: install the app again" in await failures(settings(slack, started))


async def test_a_missing_scope_is_named_with_what_stops_working(slack: Slack, started: str) -> None:
    slack._token = slack.install(scopes=[one for one in scopes() if one not in {"pins:write", "users:read"}]).value
    said = await failures(settings(slack, started))
    assert "the scope pins:write is missing; without it: the incident's card" in said
    assert "the scope users:read is missing; without it: who somebody is, and their time zone" in said
    assert "tocsin slack manifest" in said


@pytest.mark.parametrize(("skew", "said"), [(0, ""), (200, ""), (4000, "s ahead; from 300 s on"), (-4000, "behind")])
async def test_a_clock_that_is_wrong(slack: Slack, started: str, skew: int, said: str) -> None:
    found = await failures(settings(slack, started), now=lambda: time.time() + skew)
    assert (said in found) if said else not found


async def test_the_channel_for_announcements(slack: Slack, started: str) -> None:
    there = settings(slack, started, top={"announce_in": "ops"})
    assert any("#ops is not there" in str(one) for one in await seen(there))
    channel = slack.add_channel("ops", ["ana"])
    assert not await failures(there)
    channel.archived = True
    assert "#ops is archived" in await failures(there)


async def test_people_without_an_account(slack: Slack, started: str) -> None:
    people = [
        {"id": "ana", "name": "Ana", "accounts": {"slack": slack.user("ana").id}},
        {"id": "ben", "name": "Ben", "accounts": {"slack": "U99999999"}},
        {"id": "dora", "name": "Dora", "accounts": {f"slack:{slack.team.id}": slack.user("dora").id}},
        {"id": "eve", "name": "Eve", "email": "eve@elsewhere.example"},
    ]
    await slack.deactivate("dora")
    found = await seen(settings(slack, started, people=people))
    said = "\n".join(str(one) for one in found)
    assert "the account U99999999 of ben does not exist" in said
    assert f"the account {slack.user('dora').id} of dora is deactivated" in said
    assert "• Acme (T00000001): no account of eve" in said
    assert "of ana" not in said


async def test_groups_are_found_by_handle_and_id(slack: Slack, started: str) -> None:
    group = slack.add_group("sre", ["ana"])
    granted = {"groups": {"sre": ["operator"], group.id: ["viewer"]}}
    invited = {"invite": {"SEV1": ["@sre", "ana"]}}
    assert not await failures(settings(slack, started, top=invited, **granted))
    assert "@gone" in await failures(settings(slack, started, top={"invite": {"SEV1": ["@gone"]}}))


async def test_a_database_that_is_not_there(slack: Slack, tmp_path: Path) -> None:
    lost = settings(slack, f"sqlite:///{tmp_path / 'none' / 'tocsin.db'}")
    found = await seen(lost)
    assert "• database: there is none yet; `tocsin serve` makes it" in "\n".join(map(str, found))
    assert not [one for one in found if one.failed]
    assert not (tmp_path / "none").exists()


async def test_a_database_that_does_not_answer(slack: Slack) -> None:
    away = settings(slack, "postgresql://tocsin:hunter2@127.0.0.1:1/tocsin")
    assert "✗ database: " in await failures(away)


async def test_the_workspaces_that_installed_are_looked_at_beside_the_bot(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url) as stage:
        slack = stage.slack
        given = settings(slack, sqlite_url, mode="http", **oauth(slack, workspaces=["*"]))
        assert "no workspace has installed Tocsin yet" in "\n".join(map(str, await seen(given)))
        await install(stage, "ana")
        await install(stage, "bea")
        said = "\n".join(map(str, await seen(given)))
        assert "Acme (T00000001): Tocsin is there" in said
        assert "Beta" in said
        assert "any may install Tocsin" in said
        slack.core.state.installation(slack.team.id).tokens[-1].revoked = True
        assert "it was revoked" in await failures(given)


async def test_the_command_line_prints_the_list_and_fails_with_it(slack: Slack, started: str, tmp_path: Path) -> None:
    import asyncio

    file = tmp_path / "tocsin.yaml"

    async def run(**wrong: Any) -> Any:
        right = settings(slack, started, **wrong)
        values = {"database_url": started, "people": [], "platforms": dict(right.platforms)}
        file.write_text(yaml.safe_dump(values), encoding="utf-8")
        return await asyncio.to_thread(CliRunner().invoke, tocsin, ["slack", "doctor", "--config", str(file)])

    done = await run()
    assert (done.exit_code, "✗" in done.stdout) == (0, False), done.output
    done = await run(bot_token="xoxb-wrong-token")
    assert done.exit_code == 1
    assert "✗ bot token: Slack refuses it (invalid_auth)\n  → Slack does not know it" in done.stdout
    assert "xoxb-wrong" not in done.output
    assert not [name for name in os.environ if name.startswith("TOCSIN_PLATFORMS")]
