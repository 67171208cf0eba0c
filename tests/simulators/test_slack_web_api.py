"""The Web API of the simulated Slack, by Slack's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.simulators.slack import Slack, contract
from tests.simulators.slack.bolted import client

needs_contract = pytest.mark.skipif(not contract.methods(), reason=contract.ABSENT)


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack.start() as running:
        yield running


@pytest.fixture
def web(slack: Slack) -> AsyncWebClient:
    return client(slack)


async def error_of(call: Any) -> str:
    """The name of Slack's refusal."""
    with pytest.raises(SlackApiError) as refused:
        await call
    return str(refused.value.response["error"])


async def make(web: AsyncWebClient, name: str = "inc-1", **more: Any) -> str:
    """A channel with the bot in it."""
    return str((await web.conversations_create(name=name, **more))["channel"]["id"])


async def test_a_channel_from_its_birth_to_its_archive(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    card = await web.chat_postMessage(channel=channel, text="card")
    await web.pins_add(channel=channel, timestamp=card["ts"])
    await web.conversations_invite(channel=channel, users=[slack.user("ana").id, slack.user("ben").id])
    await web.conversations_setTopic(channel=channel, topic="IC Ana")
    await web.chat_postMessage(channel=channel, text="a reply", thread_ts=card["ts"])
    await web.chat_postEphemeral(channel=channel, user=slack.user("ana").id, text="psst")
    await web.chat_update(channel=channel, ts=card["ts"], text="card 2")
    await web.reactions_add(channel=channel, timestamp=card["ts"], name="eyes")
    await web.conversations_archive(channel=channel)
    assert (
        slack.transcript("inc-1")
        == """\
12:00 * Tocsin has joined the channel
12:00 Tocsin: card 2 (edited) (pinned)
    :eyes: 1
    12:00 Tocsin: a reply
12:00 * Ana Alvarez has joined the channel
12:00 * Ben Brook has joined the channel
12:00 * Tocsin set the channel topic: IC Ana
12:00 Tocsin: psst (only Ana Alvarez sees this)
12:00 * Tocsin archived the channel"""
    )
    assert not slack.violations


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("general", "name_taken"),
        ("Upper", "invalid_name_specials"),
        ("日本", "invalid_name_specials"),
        ("a b", "invalid_name_specials"),
        ("--", "invalid_name_punctuation"),
        (" ", "invalid_name_required"),
        ("x" * 81, "invalid_name_maxlength"),
    ],
)
async def test_names_that_no_channel_may_have(web: AsyncWebClient, name: str, error: str) -> None:
    assert await error_of(web.conversations_create(name=name)) == error


async def test_the_name_of_an_archived_channel_is_taken(web: AsyncWebClient) -> None:
    await web.conversations_archive(channel=await make(web))
    assert await error_of(web.conversations_create(name="inc-1")) == "name_taken"


async def test_an_archived_channel_is_read_only(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    await web.conversations_archive(channel=channel)
    ana = slack.user("ana").id
    assert await error_of(web.conversations_archive(channel=channel)) == "already_archived"
    assert await error_of(web.chat_postMessage(channel=channel, text="x")) == "is_archived"
    assert await error_of(web.conversations_invite(channel=channel, users=ana)) == "is_archived"
    assert await error_of(web.conversations_setTopic(channel=channel, topic="x")) == "is_archived"
    assert await error_of(web.conversations_join(channel=channel)) == "is_archived"
    await web.conversations_unarchive(channel=channel)
    await web.chat_postMessage(channel=channel, text="x")


async def test_who_is_not_in_a_channel_does_little_there(slack: Slack, web: AsyncWebClient) -> None:
    there, private = slack.add_channel("there", ["ana"]).id, slack.add_channel("board", ["ana"], kind="private").id
    assert await error_of(web.conversations_archive(channel=there)) == "not_in_channel"
    assert await error_of(web.conversations_history(channel=there)) == "not_in_channel"
    assert await error_of(web.conversations_setTopic(channel=there, topic="x")) == "not_in_channel"
    assert await error_of(web.conversations_info(channel=private)) == "channel_not_found"
    assert await error_of(web.chat_postMessage(channel=private, text="x")) == "channel_not_found"
    await web.conversations_join(channel=there)
    await web.conversations_archive(channel=there)


async def test_who_can_be_invited(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    ana, gone = slack.user("ana").id, slack.add_user("gone")
    await slack.deactivate(gone)
    await web.conversations_invite(channel=channel, users=ana)

    async def refusal(users: str) -> str:
        return await error_of(web.conversations_invite(channel=channel, users=users))

    assert await refusal(ana) == "already_in_channel"
    assert await refusal(slack.bot.id) == "cant_invite_self"
    assert await refusal("U404") == "user_not_found"
    assert await refusal(gone.id) == "cant_invite"
    done = await web.conversations_invite(channel=channel, users=f"{ana},{slack.user('ben').id}", force=True)
    assert [one["error"] for one in done["errors"]] == ["already_in_channel"]


async def test_text_alone_takes_the_blocks_of_an_update_away(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    header = [{"type": "header", "text": {"type": "plain_text", "text": "Card"}}]
    card = await web.chat_postMessage(channel=channel, text="fallback", blocks=header)
    assert card["message"]["blocks"][0]["block_id"]
    await web.chat_update(channel=channel, ts=card["ts"], text="only text")
    assert slack.message("inc-1", card["ts"]).blocks is None
    assert [one.blocks is None for one in slack.sent if one.ts == card["ts"]] == [False, True]


async def test_messages_that_cannot_be_changed(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    await slack.join("ana", channel)
    human = await slack.say("ana", channel, "mine")
    psst = await web.chat_postEphemeral(channel=channel, user=slack.user("ana").id, text="psst")
    assert await error_of(web.chat_update(channel=channel, ts=human.ts, text="x")) == "cant_update_message"
    assert await error_of(web.chat_delete(channel=channel, ts=human.ts)) == "cant_delete_message"
    assert await error_of(web.chat_update(channel=channel, ts=psst["message_ts"], text="x")) == "message_not_found"
    assert await error_of(web.api_call("chat.postMessage", json={"channel": channel, "text": " "})) == "no_text"
    own = (await web.chat_postMessage(channel=channel, text="x"))["ts"]
    assert await error_of(web.chat_update(channel=channel, ts=own, text="x" * 40_001)) == "msg_too_long"
    slack.core.edit_window = 60
    await slack.advance(61)
    assert await error_of(web.chat_update(channel=channel, ts=own, text="y")) == "edit_window_closed"


async def test_pins_and_bookmarks(web: AsyncWebClient) -> None:
    channel = await make(web)
    ts = (await web.chat_postMessage(channel=channel, text="card"))["ts"]
    assert await error_of(web.pins_remove(channel=channel, timestamp=ts)) == "no_pin"
    await web.pins_add(channel=channel, timestamp=ts)
    assert await error_of(web.pins_add(channel=channel, timestamp=ts)) == "already_pinned"
    assert (await web.pins_list(channel=channel))["items"][0]["message"]["ts"] == ts
    made = await web.bookmarks_add(channel_id=channel, title="Runbook", type="link", link="https://runbook.example")
    number = made["bookmark"]["id"]
    await web.bookmarks_edit(channel_id=channel, bookmark_id=number, title="Runbook 2")
    assert [one["title"] for one in (await web.bookmarks_list(channel_id=channel))["bookmarks"]] == ["Runbook 2"]
    await web.bookmarks_remove(channel_id=channel, bookmark_id=number)
    assert await error_of(web.bookmarks_remove(channel_id=channel, bookmark_id=number)) == "not_found"


async def test_metadata_comes_back_to_who_asks(web: AsyncWebClient) -> None:
    channel = await make(web)
    known = {"event_type": "card", "event_payload": {"id": "7"}}
    await web.chat_postMessage(channel=channel, text="card", metadata=known)
    plain = await web.conversations_history(channel=channel, limit=1)
    full = await web.conversations_history(channel=channel, limit=1, include_all_metadata=True)
    assert "metadata" not in plain["messages"][0]
    assert full["messages"][0]["metadata"] == known


async def test_lists_come_in_pages(slack: Slack, web: AsyncWebClient) -> None:
    for number in range(7):
        await make(web, f"inc-{number}")
    slack.core.page_cap = 3
    names = [one["name"] async for page in await web.conversations_list(limit=200) for one in page["channels"]]
    assert names == ["general", "incidents", *(f"inc-{number}" for number in range(7))]
    assert await error_of(web.conversations_list(cursor="bm90aGluZw==")) == "invalid_cursor"


async def test_a_file_goes_up_in_three_steps(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    await web.files_upload_v2(
        channel=channel, content="one,two", filename="report.csv", title="Report", alt_txt="a table"
    )
    assert "<file: Report (7 bytes) - a table>" in slack.transcript("inc-1")
    file = slack.messages("inc-1")[-1].files[0]
    url = (await web.files_info(file=file))["file"]["url_private"]
    async with aiohttp.ClientSession() as http:
        answer = await http.get(url, headers={"authorization": f"Bearer {slack.bot_token}"})
        assert await answer.read() == b"one,two"
    assert not slack.violations


async def test_the_announced_length_is_held(slack: Slack, web: AsyncWebClient) -> None:
    upload = await web.files_getUploadURLExternal(filename="a.txt", length=3)
    async with aiohttp.ClientSession() as http:
        assert (await http.post(upload["upload_url"], data=b"four")).status == 400
    files = [{"id": upload["file_id"], "title": "a"}]
    assert await error_of(web.files_completeUploadExternal(files=files)) == "file_not_found"
    assert slack.violations == ["upload: 4 bytes were sent, and 3 announced"]


async def uploaded(web: AsyncWebClient, name: str = "chart.png", content: bytes = b"\x89PNG\r\n\x1a\n...") -> str:
    """A file that is shared with nobody."""
    done = await web.files_upload_v2(content=content, filename=name, alt_txt="a chart")
    return str(done["files"][0]["id"])


def picture(file: str) -> list[dict[str, Any]]:
    """A message that shows a file."""
    return [{"type": "image", "slack_file": {"id": file}, "alt_text": "a chart"}]


async def test_a_picture_is_shown_once_slack_has_looked_at_it(slack: Slack, web: AsyncWebClient) -> None:
    channel, file = await make(web), await uploaded(web)
    slack.faults.looking(times=1)
    asked = {"channel": channel, "text": "errors", "blocks": picture(file)}
    assert await error_of(web.chat_postMessage(**asked)) == "invalid_blocks"
    said = await web.chat_postMessage(**asked)
    assert slack.transcript("inc-1").endswith("Tocsin: <image: a chart>")
    assert slack.team.files[file].channels == [channel]
    await web.chat_update(ts=said["ts"], **asked)
    assert not slack.violations


async def test_a_picture_that_people_would_not_see_is_a_violation(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    said = await web.chat_postMessage(channel=channel, text="errors")
    table, text = await uploaded(web, "a.csv", b"1,2"), await uploaded(web, "text.png", b"no picture")
    upload = await web.files_getUploadURLExternal(filename="a.png", length=3)
    for file in (table, text, "F0UNKNOWN", upload["file_id"]):
        call = web.chat_postMessage(channel=channel, text="errors", blocks=picture(file))
        assert await error_of(call) == "invalid_blocks"
    await web.chat_update(channel=channel, ts=said["ts"], text="errors", blocks=picture(await uploaded(web)))
    assert [one.partition(":")[0] for one in slack.violations] == ["chat.postMessage"] * 4 + ["chat.update"]


async def test_people_and_groups(slack: Slack, web: AsyncWebClient) -> None:
    group = slack.add_group("oncall", ["ben", "carla"])
    stranger = slack.add_stranger("sven", "incidents", team="Vendor")
    await slack.deactivate("dora")
    assert (await web.usergroups_users_list(usergroup=group.id))["users"] == group.users
    assert (await web.users_info(user=stranger.id))["user"]["is_stranger"]
    assert (await web.users_info(user=slack.user("gus").id))["user"]["is_restricted"]
    assert (await web.users_info(user=slack.user("dora").id))["user"]["deleted"]
    found = await web.users_lookupByEmail(email="ben@acme.example")
    assert found["user"]["id"] == slack.user("ben").id
    assert await error_of(web.users_lookupByEmail(email="dora@acme.example")) == "users_not_found"
    assert (await web.team_info())["team"]["id"] == slack.team.id
    assert (await web.bots_info(bot=slack.bot.bot_id))["bot"]["user_id"] == slack.bot.id


async def test_tokens(slack: Slack, web: AsyncWebClient) -> None:
    assert (await web.auth_test())["user_id"] == slack.bot.id
    assert await error_of(AsyncWebClient(base_url=slack.api_url).auth_test()) == "not_authed"
    assert await error_of(client(slack, "xoxb-404").auth_test()) == "invalid_auth"
    assert await error_of(web.apps_connections_open(app_token=slack.bot_token)) == "not_allowed_token_type"
    assert await error_of(client(slack, slack.app_token).users_list()) == "not_allowed_token_type"
    slack.revoke(slack.bot_token)
    assert await error_of(web.auth_test()) == "token_revoked"


@needs_contract
async def test_scopes(slack: Slack) -> None:
    team = slack.add_team("Small")
    web = client(slack, slack.install(team.id, ["chat:write", "channels:read"]).value)
    with pytest.raises(SlackApiError) as refused:
        await web.users_info(user=slack.user("ana").id)
    answer = refused.value.response
    assert (answer["error"], answer["needed"], answer["provided"]) == (
        "missing_scope",
        "users:read",
        "chat:write,channels:read",
    )
    assert await error_of(web.conversations_list(types="private_channel")) == "missing_scope"
    assert await error_of(web.conversations_create(name="x")) == "missing_scope"
    await web.conversations_list()


@needs_contract
async def test_unknown_methods_and_arguments_are_recorded(slack: Slack, web: AsyncWebClient) -> None:
    assert await error_of(web.api_call("chat.postMesage")) == "unknown_method"
    sent = {"channel": "C1", "text": "x", "colour": "red"}
    assert await error_of(web.api_call("chat.postMessage", json=sent)) == "invalid_arguments"
    assert await error_of(web.api_call("chat.update", json={"channel": "C1"})) == "invalid_arguments"
    assert await error_of(web.api_call("conversations.list", params={"limit": "many"})) == "invalid_arguments"
    assert await error_of(web.api_call("users.info", json={"user": "U1"})) == "invalid_arguments"
    assert slack.violations == [
        "chat.postMesage: unknown method",
        "chat.postMessage: [ERROR] unexpected argument: colour",
        "chat.update: [ERROR] missing required field: ts",
        "conversations.list: [ERROR] must be a number: limit",
        "users.info: [ERROR] this method does not read JSON bodies",
    ]


@pytest.mark.filterwarnings("ignore:BasicAuth is deprecated")  # Slack's own client still uses it
async def test_tokens_that_rotate() -> None:
    async with Slack.start(rotation=True) as slack:
        app = {"client_id": slack.core.client_id, "client_secret": slack.core.client_secret}
        address = f"https://slack.com/oauth/v2/authorize?client_id={app['client_id']}&scope=chat:write&state=s"
        back = slack.allow("ana", address + "&redirect_uri=https%3A%2F%2Fbot.example%2Fback")
        assert back.startswith("https://bot.example/back?code=")
        assert back.endswith("&state=s")
        code, uri = back.split("code=")[1].split("&")[0], "https://bot.example/back"
        web = AsyncWebClient(base_url=slack.api_url)
        granted = await web.oauth_v2_access(**app, code=code, redirect_uri=uri)
        assert await error_of(web.oauth_v2_access(**app, code=code, redirect_uri=uri)) == "invalid_code"
        await slack.advance(granted["expires_in"] + 1)
        assert await error_of(client(slack, granted["access_token"]).auth_test()) == "token_expired"
        again = await web.oauth_v2_access(**app, grant_type="refresh_token", refresh_token=granted["refresh_token"])
        assert (await client(slack, again["access_token"]).auth_test())["ok"]


async def test_only_the_bot_pings_count_and_plain_text_never_does(slack: Slack, web: AsyncWebClient) -> None:
    channel, ana = await make(web), slack.user("ana").id
    await slack.join("ana", channel)
    await slack.say("ana", channel, "@channel <!here> look")
    await web.chat_postMessage(channel=channel, text="&lt;!channel&gt; @here")
    assert slack.pings == []
    blocks = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"<@{ana}>"}},
        {"type": "header", "text": {"type": "plain_text", "text": "<!here>"}},
    ]
    await web.chat_postMessage(channel=channel, text="<!channel>", blocks=blocks)
    assert [(one.kind, one.target) for one in slack.pings] == [("channel", "channel"), ("user", ana)]
    assert "@channel &lt;" not in slack.transcript(channel)
    assert "Ana Alvarez: @channel <!here> look" in slack.transcript(channel)


async def test_unfurls_only_what_was_shared(web: AsyncWebClient) -> None:
    async with Slack.start(unfurl_domains=["bot.example"]) as slack:
        web = client(slack)
        message = await slack.share_link("ana", "incidents", "https://bot.example/incidents/7")
        place = {"channel": message.channel, "ts": message.ts}
        shown = {"https://bot.example/incidents/7": {"title": "INC-7", "text": "Checkout is slow"}}
        await web.chat_unfurl(**place, unfurls=shown)
        assert "    | INC-7" in slack.transcript("incidents")
        other = await error_of(web.chat_unfurl(**place, unfurls={"https://bot.example/8": {"text": "x"}}))
        assert other == "cannot_unfurl_url"


async def test_a_scheduled_message_comes_when_it_is_time(slack: Slack, web: AsyncWebClient) -> None:
    channel = await make(web)
    now = int(slack.core.state.now)
    assert await error_of(web.chat_scheduleMessage(channel=channel, text="x", post_at=now - 1)) == "time_in_past"
    await web.chat_scheduleMessage(channel=channel, text="later", post_at=now + 60)
    await slack.advance(59)
    assert "later" not in slack.transcript(channel)
    await slack.advance(1)
    assert "12:01 Tocsin: later" in slack.transcript(channel)
