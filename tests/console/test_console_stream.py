"""Live updates: nothing is lost, nothing of others leaks, and an open page never keeps the server from stopping."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from bot.platforms.console import channels
from bot.platforms.console.console import Reader
from bot.platforms.console.hub import Hub
from bot.platforms.console.settings import ConsoleSettings, hash_password
from bot.platforms.console.stream import MOST_BEHIND, Feed
from commands.cards import Card, Tone, fact
from commands.people import Person
from tests.console.fakes import ANA, BEN
from tests.console.serving import Stage, visit


@dataclass(frozen=True)
class Event:
    """One event of a stream."""

    name: str
    id: str
    content: dict[str, Any]


async def parse(lines: AsyncIterator[str]) -> AsyncGenerator[Event, None]:
    """Events from the lines of a stream."""
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "event" in fields:
            yield Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            fields = {}


@asynccontextmanager
async def listening(client: httpx.AsyncClient, path: str, **headers: str) -> AsyncIterator[AsyncIterator[Event]]:
    """An open stream."""
    async with client.stream("GET", path, headers=headers, timeout=60) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        async with aclosing(parse(answer.aiter_lines())) as events:
            yield events


async def until(events: AsyncIterator[Event], name: str) -> Event:
    """The next event with this name."""
    async with asyncio.timeout(60):
        async for event in events:
            if event.name == name:
                return event
    raise AssertionError(f"the stream ended without {name}")


def feed(stage: Stage, cursor: int | None, person: Person = ANA) -> Feed:
    """A feed without a server around it."""
    console = stage.app().state.console
    return Feed(console, Reader(person, console.sessions.start(person.id)), cursor=cursor)


async def drain(one: Feed) -> list[Event]:
    """What is due now."""

    async def lines() -> AsyncIterator[str]:
        for text in await one._due():
            for line in text.split("\n")[:-1]:
                yield line

    return [event async for event in parse(lines())]


async def test_a_message_arrives_and_a_reconnect_misses_none(stage: Stage) -> None:
    with stage.served() as address:
        async with httpx.AsyncClient(base_url=address) as client:
            await visit(client)
            async with listening(client, "/events?since=1") as events:
                stage.record.put("operations", "one", author="ben")
                stage.hub.wake()
                first = await until(events, "message")
            stage.record.put("operations", "two", author="ben")
            stage.record.put("operations", "three", author="ben")
            async with listening(client, "/events?since=1", **{"Last-Event-ID": first.id}) as events:
                missed = [await until(events, "message"), await until(events, "message")]
    assert "one" in first.content["html"]
    assert [event.content["id"] for event in missed] == [3, 4]
    assert [event.id for event in missed] == ["3", "4"]


async def test_the_server_stops_at_once_while_pages_are_open(stage: Stage) -> None:
    served = ExitStack()
    address = served.enter_context(stage.served())
    async with httpx.AsyncClient(base_url=address) as client:
        await visit(client)
        async with listening(client, "/events?since=1") as events:
            await until(events, "channels")
            started = time.monotonic()
            await asyncio.to_thread(served.close)
            assert time.monotonic() - started < 2.5
            assert "message" not in [event.name async for event in events], "the stream ends, and is not torn"
    assert len(stage.hub._open) == 0


async def test_a_page_that_closes_leaves_nothing_behind(stage: Stage) -> None:
    with stage.served() as address:
        async with httpx.AsyncClient(base_url=address) as client:
            await visit(client)
            async with listening(client, "/events?since=1") as events:
                await until(events, "channels")
                assert len(stage.hub._open) == 1
            async with asyncio.timeout(60):
                while len(stage.hub._open):  # noqa: ASYNC110 - the hub has no event for it
                    await asyncio.sleep(0.02)


async def test_edits_pins_and_threads_say_where_they_belong(stage: Stage) -> None:
    stage.record.put("operations", Card(title="a"), key="card", pinned=True)
    one = feed(stage, 2)
    stage.record.put("operations", Card(title="b", tone=Tone.GOOD, facts=(fact("Status", "resolved"),)), key="card")
    stage.record.put("operations", "reply", author="ben", thread="hello")
    pinned, reply = [event for event in await drain(one) if event.name == "message"]
    assert (pinned.content["key"], pinned.content["pinned"]) == ("card", True)
    assert 'data-testid="pinned"' in pinned.content["html"]
    assert (reply.content["thread"], reply.content["thread_replies"]) == ("hello", 1)


async def test_nobody_hears_what_is_not_for_them(stage: Stage) -> None:
    one = feed(stage, 1, BEN)
    stage.record.put("secret", "hush", author="ana")
    stage.record.put("operations", Card(title="only Ana"), only_for="ana")
    stage.record.put("operations", "all", author="ana")
    events = [event for event in await drain(one) if event.name == "message"]
    assert [event.content["id"] for event in events] == [4]
    assert "secret" not in json.dumps([event.content for event in events])


async def test_the_list_of_channels_comes_when_it_has_changed(stage: Stage) -> None:
    one = feed(stage, 1)
    assert [event.name for event in await drain(one)] == ["channels", "beat"]
    assert await drain(one) == []
    stage.record.room("incident-1", incident="incident-1")
    stage.record.put("incident-1", Card(title="SEV1 · Down", facts=(fact("Severity", "SEV1"),)), pinned=True)
    message, channels = await drain(one)
    assert message.name == "message"
    assert "incident-1" in channels.content["html"]
    stage.record.seen["incident-1", "ana"] = 2
    assert await drain(one) == []
    one._console.reads["ana"] += 1
    (read,) = await drain(one)
    assert 'data-unread="1"' not in read.content["html"].split("incident-1")[1]


@pytest.mark.parametrize(("since", "last"), [(None, None), (99, None), (1, "nonsense"), (1, "-3")])
async def test_a_cursor_that_makes_no_sense_starts_anew(stage: Stage, since: int | None, last: str | None) -> None:
    with stage.served() as address:
        async with httpx.AsyncClient(base_url=address) as client:
            await visit(client)
            headers = {"Last-Event-ID": last} if last else {}
            path = "/events" if since is None else f"/events?since={since}"
            async with listening(client, path, **headers) as events:
                assert (await anext(events)).name == "reset"


async def test_a_page_far_behind_starts_anew(stage: Stage) -> None:
    stage.record.change = MOST_BEHIND + 10
    assert (await drain(feed(stage, 1)))[0].name == "reset"


async def test_more_than_a_batch_comes_whole_and_in_order(stage: Stage) -> None:
    for number in range(450):
        stage.record.put("operations", str(number), author="ben")
    one = feed(stage, 1)
    ids = [event.content["change"] for event in await drain(one) if event.name == "message"]
    assert ids == list(range(2, 452))


async def test_a_store_that_fails_is_said_once_and_loses_nothing(stage: Stage) -> None:
    one = feed(stage, 1)
    await drain(one)
    stage.record.put("operations", "late", author="ben")
    stage.record.trouble = "locked"
    assert [event.content for event in await drain(one)] == [{"error": "locked"}]
    assert await drain(one) == []
    stage.record.trouble = ""
    names = [event.name for event in await drain(one)]
    assert names == ["message", "channels", "beat"]


async def test_a_failure_half_way_begins_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    one = feed(stage, 1)
    stage.record.put("operations", "late", author="ben")
    whole = stage.record.channels

    async def fails(person: str) -> Any:
        stage.record.trouble = "locked"
        return await whole(person)

    monkeypatch.setattr(stage.record, "channels", fails)
    assert [event.name for event in await drain(one)] == ["trouble"]
    stage.record.trouble = ""
    monkeypatch.setattr(stage.record, "channels", whole)
    assert "message" in [event.name for event in await drain(one)]


async def test_a_stream_ends_with_its_session(stage: Stage) -> None:
    stage.settings = ConsoleSettings(
        authentication="password", passwords={"ana": hash_password("x")}, session_hours=0.3 / 3600
    )
    one = feed(stage, 1)
    async with asyncio.timeout(60):
        lines = [line async for line in one.lines()]
    assert lines[0].startswith("retry:")


async def test_the_hub_wakes_from_another_thread_and_by_itself() -> None:
    hub = Hub(every=30)
    with hub.subscribe() as subscription:
        async with aclosing(subscription.beats()) as beats:
            await anext(beats)
            threading.Timer(0.05, hub.wake).start()
            async with asyncio.timeout(60):
                await anext(beats)
    own = Hub(every=0.02)
    with own.subscribe() as subscription:
        async with aclosing(subscription.beats()) as beats, asyncio.timeout(60):
            for _ in range(3):
                await anext(beats)


async def test_a_closed_hub_ends_every_page_old_and_new() -> None:
    hub = Hub(every=30)
    with hub.subscribe() as subscription:
        async with aclosing(subscription.beats()) as beats, asyncio.timeout(60):
            await anext(beats)
            hub.close()
            with pytest.raises(StopAsyncIteration):
                await anext(beats)
    with hub.subscribe() as late:
        assert [beat async for beat in late.beats()] == []


def test_waking_a_loop_that_has_ended_is_harmless() -> None:
    hub = Hub()

    async def leave_open() -> None:
        hub.subscribe().__enter__()

    asyncio.run(leave_open())
    hub.wake()
    hub.close()


async def test_what_is_remembered_of_channels_is_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "_MOST_KEPT", 2)  # thousands of incidents would only make the test slow
    for number in range(4):
        stage.record.room(f"incident-{number}", incident=f"incident-{number}")
    kept = stage.app().state.console.channels
    assert "incident-3" in await kept.html(ANA)
    assert len(kept._bars) == 2
