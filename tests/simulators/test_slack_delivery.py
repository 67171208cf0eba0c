"""What the simulated Slack delivers, to real slack-bolt apps, over signed HTTP and over Socket Mode."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp

from tests.simulators.slack import Slack
from tests.simulators.slack.bolted import bolt, client, over_http, over_sockets

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack.start(ack_timeout=0.3) as running:
        yield running


WAYS = {"http": over_http, "sockets": over_sockets}


@pytest.fixture(params=sorted(WAYS))
async def app(slack: Slack, request: pytest.FixtureRequest) -> AsyncIterator[AsyncApp]:
    """An app that listens, by each way."""
    listening = bolt(slack)
    async with WAYS[request.param](slack, listening):
        yield listening


def heard(app: AsyncApp, *names: str) -> list[dict[str, Any]]:
    """The events of some types that the app got."""
    found: list[dict[str, Any]] = []
    for name in names:

        async def listen(body: dict[str, Any]) -> None:
            found.append(body)

        app.event(name)(listen)
    return found


async def test_a_slash_command_and_its_answers(slack: Slack, app: AsyncApp) -> None:
    @app.command("/incident")
    async def incident(ack: Any, respond: Any, command: dict[str, Any]) -> None:
        await ack(f"got {command['text']}")
        await respond("and more", response_type="in_channel")

    await slack.slash("ana", "/incident", "list <all>", channel="incidents")
    await slack.until_shown("incidents", "and more")
    assert sorted(slack.transcript("incidents").splitlines()) == [
        "12:00 Tocsin: and more",
        "12:00 Tocsin: got list <all> (only Ana Alvarez sees this)",
    ]
    assert not slack.violations


async def test_what_nobody_acknowledges_is_told_to_the_human(slack: Slack, app: AsyncApp) -> None:
    @app.command("/incident")
    async def incident() -> None:
        """Never acknowledges."""

    ack = await slack.slash("ana", "/incident", channel="incidents")
    assert not ack.ok
    assert 'Slackbot: /incident failed with the error "' in slack.transcript("incidents")


async def test_messages_of_people_and_of_the_bot_are_events(slack: Slack, app: AsyncApp) -> None:
    events = heard(app, "message", "app_mention", "reaction_added", "member_joined_channel")
    first = await slack.mention("ana", "incidents", "declare sev1")
    await slack.say("ben", "incidents", "a reply", thread=first, files=[("a.png", b"png")])
    await slack.react("carla", "incidents", first, "pushpin")
    await slack.edit("ana", "incidents", first, "changed")
    await client(slack).chat_postMessage(channel=first.channel, text="bolt leaves out what its own bot says")
    await slack.settle()
    await slack.until(lambda: len(events) == 5)
    kinds = [(one["event"]["type"], one["event"].get("subtype", "")) for one in events]
    assert sorted(kinds) == [
        ("app_mention", ""),
        ("message", ""),
        ("message", "file_share"),
        ("message", "message_changed"),
        ("reaction_added", ""),
    ]
    assert len({one["event_id"] for one in events}) == 5
    assert all(one["authorizations"][0]["user_id"] == slack.bot.id for one in events)


async def test_a_button_a_modal_and_a_home(slack: Slack, app: AsyncApp) -> None:
    title = {"type": "plain_text", "text": "Note"}
    asked = {
        "type": "input",
        "block_id": "note",
        "label": {"type": "plain_text", "text": "What happened"},
        "element": {"type": "plain_text_input", "action_id": "text", "min_length": 3},
    }
    modal = {"type": "modal", "callback_id": "note", "title": title, "submit": title, "blocks": [asked]}

    @app.action("add")
    async def add(ack: Any, body: dict[str, Any], client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=modal)

    @app.view("note")
    async def note(ack: Any, view: dict[str, Any], client: Any, body: dict[str, Any]) -> None:
        written = view["state"]["values"]["note"]["text"]["value"]
        if written == "bad":
            await ack(response_action="errors", errors={"note": "Say more."})
            return
        await ack()
        header = {"type": "header", "text": {"type": "plain_text", "text": written}}
        await client.views_publish(user_id=body["user"]["id"], view={"type": "home", "blocks": [header]})

    button = {"type": "button", "action_id": "add", "text": {"type": "plain_text", "text": "Add note"}}
    await client(slack).chat_postMessage(
        channel=slack.channel("incidents").id, text="card", blocks=[{"type": "actions", "elements": [button]}]
    )
    await slack.click("ana", slack.message("incidents", "[Add note]"), "Add note")
    await slack.until(lambda: slack.modal("ana"))
    assert slack.modals("ana") == ["== Note ==\nWhat happened: [plain_text_input]\n[Note]"]
    with pytest.raises(AssertionError, match="required"):
        await slack.submit("ana")
    await slack.submit("ana", values={"What happened": "bad"})
    assert "! Say more." in slack.modals("ana")[0]
    await slack.submit("ana", values={"note": "pool is full"})
    assert slack.modals("ana") == []
    await slack.until(lambda: slack.home("ana"))
    assert slack.home("ana") == "## pool is full"
    assert not slack.violations


async def test_shortcuts(slack: Slack, app: AsyncApp) -> None:
    got: list[str] = []

    @app.shortcut("declare")
    async def declare(ack: Any, shortcut: dict[str, Any]) -> None:
        await ack()
        got.append(shortcut["type"])

    @app.shortcut("add_to_timeline")
    async def add(ack: Any, shortcut: dict[str, Any], respond: Any) -> None:
        await ack()
        await respond(f"added {shortcut['message']['text']}")

    await slack.say("ben", "incidents", "it is slow")
    await slack.global_shortcut("ana", "declare")
    await slack.message_shortcut("ana", "incidents", "it is slow", "add_to_timeline")
    await slack.until_shown("incidents", "added it is slow (only Ana Alvarez sees this)")
    assert got == ["shortcut"]


async def test_old_signatures_are_refused_by_bolt(slack: Slack) -> None:
    app = bolt(slack)
    async with over_http(slack, app):
        slack.core.http._signed_at = lambda: time.time() - 301
        ack = await slack.slash("ana", "/incident")
        assert (ack.status, ack.error) == (401, "dispatch_failed")


class Failing:
    """A request URL that fails as often as it is told, and notes the retries."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.seen: list[tuple[str, str]] = []
        self.ids: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.ids.add(body["event_id"])
        retry = (request.headers.get("x-slack-retry-num", ""), request.headers.get("x-slack-retry-reason", ""))
        self.seen.append(retry)
        return web.Response(status=500 if len(self.seen) <= self.failures else 200)


@pytest.fixture
async def failing(slack: Slack) -> AsyncIterator[Failing]:
    """It listens, and fails twice."""
    target = Failing(2)
    site = web.Application()
    site.add_routes([web.post("/", target.answer)])
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    slack.send_to(f"http://127.0.0.1:{runner.addresses[0][1]}/")
    yield target
    await runner.cleanup()


async def test_events_are_retried_at_once_and_then_by_the_clock(slack: Slack, failing: Failing) -> None:
    await slack.say("ana", "incidents", "x")
    await slack.settle()
    assert failing.seen == [("", ""), ("1", "http_error")]
    await slack.advance(59)
    assert len(failing.seen) == 2
    await slack.advance(1)
    assert failing.seen[2] == ("2", "http_error")
    await slack.advance(400)
    assert len(failing.seen) == 3
    assert len(failing.ids) == 1


async def test_after_three_retries_an_event_is_lost(slack: Slack, failing: Failing) -> None:
    failing.failures = 99
    await slack.say("ana", "incidents", "x")
    await slack.advance(60)
    await slack.advance(300)
    await slack.advance(3600)
    assert [number for number, _ in failing.seen] == ["", "1", "2", "3"]
    assert len(slack.core.deliveries.given_up) == 1


async def test_duplicates_reordering_and_all_replicas(slack: Slack, failing: Failing) -> None:
    failing.failures = 0
    slack.faults.duplicate("event")
    await slack.say("ana", "incidents", "x")
    await slack.settle()
    assert (len(failing.seen), len(failing.ids)) == (2, 1)
    slack.send_to(*slack.core.http.urls * 2)
    slack.faults.to_all("event")
    await slack.say("ana", "incidents", "y")
    await slack.settle()
    assert (len(failing.seen), len(failing.ids)) == (4, 2)
    slack.faults.reorder()
    await slack.say("ana", "incidents", "first")
    assert slack.core.deliveries._held
    await slack.say("ana", "incidents", "second")
    await slack.settle()
    assert (len(failing.seen), len(failing.ids)) == (6, 4)


def counting(counts: list[int], number: int) -> Callable[[], Awaitable[None]]:
    """A listener that counts."""

    async def count() -> None:
        counts[number] += 1

    return count


async def test_each_envelope_goes_to_one_of_several_sockets() -> None:
    counts = [0, 0]
    # What is not acknowledged in time is sent again, and counted again: here nothing may be late.
    async with Slack.start(ack_timeout=60) as slack, AsyncExitStack() as stack:
        for number in range(2):
            app = bolt(slack)
            app.event("message")(counting(counts, number))
            await stack.enter_async_context(over_sockets(slack, app))
        for _ in range(4):
            await slack.say("ana", "incidents", "x")
        await slack.settle()
        await slack.until(lambda: sum(counts) == 4)
    assert counts == [2, 2]


async def test_a_dead_socket_looks_alive_and_what_it_swallows_is_sent_again(slack: Slack) -> None:
    async with AsyncExitStack() as stack:
        apps = [bolt(slack), bolt(slack)]
        events = [heard(app, "message") for app in apps]
        for app in apps:
            await stack.enter_async_context(over_sockets(slack, app))
        slack.sockets.deaden(slack.sockets.connections[0])
        await slack.say("ana", "incidents", "x")
        await slack.settle()
        await slack.until(lambda: events[1])
        assert events[0] == []
        assert slack.core.deliveries.sent[-1].acks[0].error == "timeout"


async def test_a_socket_that_is_cut_in_the_middle(slack: Slack) -> None:
    slack.use_sockets()
    slack.sockets.timeout = 30
    url = (await client(slack).apps_connections_open(app_token=slack.app_token))["url"]
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        assert (await socket.receive_json())["type"] == "hello"
        await slack.say("ana", "incidents", "x")
        envelope = await socket.receive_json()
        assert (envelope["type"], envelope["accepts_response_payload"]) == ("events_api", False)
        slack.sockets.kill()
        await slack.settle()
        assert slack.core.deliveries.next_due() == slack.core.state.now + 60
    assert (await session_refused(url)) == 403


async def session_refused(url: str) -> int:
    """A ticket is good once."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url)
        return refused.value.status


async def test_a_socket_that_is_told_to_go_comes_back(slack: Slack) -> None:
    app = bolt(slack)
    events = heard(app, "message")
    async with over_sockets(slack, app):
        await slack.sockets.disconnect("warning")
        await slack.until(lambda: len(slack.calls_of("apps.connections.open")) == 2)
        await slack.until(lambda: slack.sockets.alive)
        await slack.say("ana", "incidents", "still there?")
        await slack.until(lambda: events)


async def test_only_what_was_subscribed_and_may_be_seen_is_sent() -> None:
    async with Slack.start(events=["message.channels", "message.groups", "team_join"]) as slack:
        slack.send_to("http://127.0.0.1:9/")
        slack.add_channel("elsewhere", ["ana"])
        await slack.say("ana", "elsewhere", "x")
        board = slack.add_channel("board", ["ana"], kind="private")
        await slack.say("ana", board, "x")
        message = await slack.say("ana", "incidents", "x")
        await slack.react("ana", "incidents", message, "eyes")
        assert [one.payload["event"]["type"] for one in slack.core.deliveries.sent] == ["message"]
        slack.invite_bot(board)
        await slack.say("ana", board, "x")
        assert slack.core.deliveries.sent[-1].payload["event"]["channel_type"] == "group"


async def test_response_urls_end(slack: Slack) -> None:
    payloads: list[dict[str, Any]] = []
    app = bolt(slack)

    @app.command("/incident")
    async def incident(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        payloads.append(body)

    async with over_http(slack, app), aiohttp.ClientSession() as http:
        await slack.slash("ana", "/incident", channel="incidents")
        url = payloads[0]["response_url"]
        posts = [await http.post(url, json={"text": f"{number}"}) for number in range(6)]
        assert [one.status for one in posts] == [200] * 5 + [404]
        assert (await posts[5].json())["error"] == "used_url"
        await slack.slash("ana", "/incident", channel="incidents")
        await slack.advance(1801)
        late = await http.post(payloads[1]["response_url"], json={"text": "late"})
        assert (await late.json())["error"] == "expired_url"
        assert len(slack.violations) == 2


async def test_triggers_die(slack: Slack) -> None:
    app = bolt(slack)
    triggers: list[str] = []

    @app.shortcut("declare")
    async def declare(ack: Any, shortcut: dict[str, Any]) -> None:
        await ack()
        triggers.append(shortcut["trigger_id"])

    view = {
        "type": "modal",
        "title": {"type": "plain_text", "text": "Declare"},
        "blocks": [{"type": "divider"}],
    }

    async def opened(trigger: str) -> str:
        answer = await client(slack).api_call("views.open", json={"trigger_id": trigger, "view": view})
        return str(answer.get("error"))

    async with over_http(slack, app):
        await slack.global_shortcut("ana", "declare")
        await slack.global_shortcut("ana", "declare")
        opened_once = await client(slack).views_open(trigger_id=triggers[0], view=view)
        for trigger, error in ((triggers[0], "exchanged_trigger_id"), ("nothing", "invalid_trigger_id")):
            with pytest.raises(Exception, match=error):
                await opened(trigger)
        await slack.advance(3.1)
        with pytest.raises(Exception, match="expired_trigger_id"):
            await opened(triggers[1])
        current = opened_once["view"]
        fresh = await client(slack).views_update(view_id=current["id"], hash=current["hash"], view=view)
        with pytest.raises(Exception, match="hash_conflict"):
            await client(slack).views_update(view_id=current["id"], hash=current["hash"], view=view)
        assert fresh["view"]["hash"] != current["hash"]


async def test_the_app_hears_that_it_was_removed(slack: Slack, app: AsyncApp) -> None:
    events = heard(app, "app_uninstalled", "tokens_revoked")
    app._async_middleware_list.clear()  # bolt would ask who the token belongs to, which is dead by now
    await slack.uninstall()
    await slack.settle()
    await slack.until(lambda: len(events) == 2)
    with pytest.raises(Exception, match="token_revoked"):
        await client(slack).auth_test()
