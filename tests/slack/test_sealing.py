"""Tokens of workspaces are sealed in the database: with a key of the settings, which can be changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from pydantic import ValidationError
from slack_sdk.oauth.installation_store import Bot

from bot.explaining import explain
from bot.platforms.slack.oauth import Installations
from bot.platforms.slack.sealing import Locked, Seal, checked
from bot.platforms.slack.settings import SlackSettings
from bot.store.database import Database
from commands.ports import Undeliverable
from tests.slack.installing import install, installs, kept_tokens, two_workspaces

pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed"),
    # slack_sdk sends the app's id and secret by aiohttp.BasicAuth, which aiohttp 3.14 wants to be rid of.
    pytest.mark.filterwarnings("ignore:.*BasicAuth.*:DeprecationWarning"),
]

OLD, NEW = "b2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2xkb2w=", "bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmV3bmU="


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """An empty one."""
    with closing(Database(sqlite_url)) as made:
        yield made


def kept_in(database: Database, *keys: str) -> Installations:
    """What a process with these keys finds."""
    return Installations(database, "1111.2222", Seal(checked(",".join(keys))))


def bot(token: str = "xoxb-1-secret", refresh: str | None = "xoxe-1-secret") -> Bot:
    return Bot(
        app_id="A1",
        team_id="T1",
        bot_token=token,
        bot_refresh_token=refresh,
        bot_id="B1",
        bot_user_id="U1",
        installed_at=1.0,
    )


async def test_what_was_kept_before_there_was_a_key_is_sealed_and_a_new_key_takes_the_place_of_the_old(
    database: Database,
) -> None:
    await kept_in(database).async_save_bot(bot())
    assert await kept_tokens(database) == ["xoxb-1-secret", "xoxe-1-secret"]
    before: list[str] = []
    for keys in ((OLD,), (NEW, OLD), (NEW,)):
        found = await kept_in(database, *keys).async_find_bot(enterprise_id=None, team_id="T1")
        assert found is not None
        assert (found.bot_token, found.bot_refresh_token) == ("xoxb-1-secret", "xoxe-1-secret")
        sealed = await kept_tokens(database)
        assert all(token.startswith("sealed:") and "secret" not in token for token in sealed)
        assert (sealed == before) is (keys == (NEW,))  # what the first key has sealed stays
        before = sealed
    for keys in ((), (OLD,)):
        with pytest.raises(Locked):
            await kept_in(database, *keys).async_find_bot(enterprise_id=None, team_id="T1")
        with pytest.raises(Locked):
            await kept_in(database, *keys).bots()
        assert await kept_in(database, *keys).teams() == ["T1"]
    assert await kept_tokens(database) == before


async def test_whoever_keeps_a_token_goes_on_with_it_and_one_without_rotation_has_no_second(database: Database) -> None:
    store, mine = kept_in(database, OLD), bot(refresh=None)
    await store.async_save_bot(mine)
    assert mine.bot_token == "xoxb-1-secret"
    found = await store.async_find_bot(enterprise_id=None, team_id="T1")
    assert found is not None
    assert (found.bot_token, found.bot_refresh_token) == ("xoxb-1-secret", None)


async def test_with_a_lost_key_it_is_said_what_helps_and_installing_again_does(sqlite_url: str) -> None:
    async with two_workspaces(sqlite_url, token_key=OLD) as stage:
        await install(stage, "ana")
        team, store = stage.slack.team.id, installs(stage)._store
        assert all(token.startswith("sealed:") for token in await kept_tokens(stage.world.app.store.database))
        store._seal = Seal(checked(NEW))  # as in a process that was begun with another key
        installs(stage).arrived(team)
        with pytest.raises(Undeliverable, match=r"set platforms\.slack\.token_key"):
            await installs(stage).of(team)
        await installs(stage).forget(team)
        with pytest.raises(Undeliverable, match="not installed"):
            await installs(stage).of(team)


@pytest.mark.parametrize("wrong", ["hunter2", "c2hvcnQ=", f"{OLD},hunter2"])
def test_what_is_no_key_is_refused_with_how_to_make_one(wrong: str) -> None:
    with pytest.raises(ValidationError) as refused:
        SlackSettings.model_validate({"bot_token": "xoxb-1", "app_token": "xapp-1", "token_key": wrong})
    said = explain(refused.value, None, SlackSettings, at=("platforms", "slack"))
    assert "platforms.slack.token_key" in said
    assert "openssl rand -base64 32" in said
    assert wrong not in said


def test_either_alphabet_of_base64_is_a_key() -> None:
    assert checked("-_" + "A" * 41 + "=") == checked("+/" + "A" * 41 + "=")
