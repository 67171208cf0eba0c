"""Slack's deliveries between their acknowledgement and their end: none is lost, none holds up others for good."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from slack_bolt.response import BoltResponse

from bot.platforms.slack.arriving import arrival_of
from bot.platforms.slack.giving_up import GivingUp
from bot.platforms.slack.intake import Intake, Work, front
from bot.platforms.slack.responses import Responses
from bot.platforms.slack.signed_http import pages
from bot.platforms.slack.web import Barred, Busy, Unclear
from bot.platforms.slack.words import asked_by_mention
from bot.platforms.slack.workshop import WorkError
from bot.store import arrivals, schema
from bot.store.arrivals import Arrival
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.transaction import Store
from tests.fakes import START, FakeClock
from tests.slack.scopes_table import PAGE

_COMMAND = {
    "command": "/incident", "text": "list", "team_id": "T1", "user_id": "U1", "trigger_id": "1.2.3",
    "response_url": "https://slack.invalid/answer",
}  # fmt: skip


@pytest.fixture
def store(sqlite_url: str) -> Iterator[Store]:
    database = Database(sqlite_url)
    migrate(database.engine)
    yield Store(database, now=lambda: START, owner="me", enqueue=nothing)  # type: ignore[arg-type]
    database.close()


def nothing(*_: Any) -> None:
    return None


async def never(arrival: Arrival) -> None:
    raise AssertionError(f"{arrival.id} was given up")


def intake(store: Store, work: Work, clock: FakeClock | None = None) -> Intake:
    return Intake(store, clock or FakeClock(), work, nothing, never)


def reaction(number: int) -> dict[str, Any]:
    event = {"type": "reaction_added", "item": {"channel": "C1"}}
    return {"type": "event_callback", "event_id": f"E{number}", "team_id": "T1", "event": event}


async def rows(store: Store) -> list[Any]:
    query = sa.select(schema.arrivals).order_by(schema.arrivals.c.position)
    return await store.database.read(lambda c: list(c.execute(query)))


async def test_while_slack_is_away_a_delivery_waits_and_uses_up_no_attempt(store: Store) -> None:
    clock = FakeClock()
    trouble: list[Exception] = [
        Busy("no way"),
        Unclear("502"),
        Barred("chat.postMessage", "invalid_auth", everything=True),
    ]
    left = [one for _ in range(8) for one in trouble]

    async def work(_: Arrival) -> None:
        if len(left) % 2:
            raise left.pop()
        if left:
            raise WorkError("the listener failed") from left.pop()

    taken = intake(store, work, clock)
    await taken.receive(_COMMAND)
    await taken.drain()
    (row,) = await rows(store)
    assert left == []
    assert row.finished_at is not None
    assert row.attempts == 0
    assert (clock.now() - START).total_seconds() <= 24 * 60


async def test_what_slack_answers_with_an_error_for_days_holds_up_its_lane_no_longer(store: Store) -> None:
    clock, worked, given_up = FakeClock(), [], []

    async def work(arrival: Arrival) -> None:
        if arrival.payload["event_id"] == "E0":
            raise Unclear("502")
        worked.append(arrival.payload["event_id"])

    async def give_up(arrival: Arrival) -> None:
        given_up.append(arrival.payload["event_id"])
        raise Unclear("502")  # it cannot be told either

    taken = Intake(store, clock, work, nothing, give_up)
    for number in range(2):
        await taken.receive(reaction(number))
    await taken.drain()
    assert (given_up, worked) == (["E0"], ["E1"])
    assert clock.now() - START > arrivals.KEEP
    assert all(row.finished_at for row in await rows(store))


async def test_what_waits_behind_a_worker_that_ended_is_found_again(store: Store) -> None:
    begun, worked = asyncio.Event(), []
    held = asyncio.Event()

    async def work(arrival: Arrival) -> None:
        begun.set()
        await held.wait()
        worked.append(arrival.payload["event_id"])

    taken = intake(store, work)
    for number in range(3):
        await taken.receive(reaction(number))
    await begun.wait()
    await taken.close()
    held.set()
    await taken._look()
    await taken.drain()
    assert worked == ["E0", "E1", "E2"]
    assert all(row.finished_at for row in await rows(store))


class Address:
    """The other end of a response_url."""

    def __init__(self) -> None:
        self.said: list[tuple[str, dict[str, Any]]] = []

    @asynccontextmanager
    async def post(self, address: str, *, json: dict[str, Any], **_: Any) -> Any:
        async def text() -> str:
            return "ok"

        self.said.append((address, json))
        yield SimpleNamespace(status=200, text=text)


async def test_giving_up_is_said_where_it_was_asked_which_needs_no_token(store: Store) -> None:
    arrival, address = arrival_of(_COMMAND, START), Address()
    await store.database.write(lambda c: arrivals.store(c, arrival, owner="me"))
    responses = Responses(store, address, FakeClock(), proxy="")  # type: ignore[arg-type] # all of a session that it uses
    bench: Any = SimpleNamespace(web=None)  # Slack's Web API is not asked
    await GivingUp(bench, responses).tell(arrival)
    ((where, said),) = address.said
    assert where == _COMMAND["response_url"]
    assert "trying again did not help" in said["text"]
    assert said["response_type"] == "ephemeral"


async def test_of_a_request_that_is_not_slacks_no_word_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def receive(_: dict[str, Any]) -> BoltResponse:
        raise AssertionError("it was let in")

    caplog.set_level(logging.DEBUG)
    app = pages(front(receive, "the-secret"), events=True, install=False)
    headers = {"x-slack-signature": "v0=forged", "x-slack-request-timestamp": str(int(time.time()))}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tocsin") as client:
        answer = await client.post("/slack/events", data={"text": "hunter2"}, headers=headers)
    assert answer.status_code == 401
    assert "hunter2" not in caplog.text
    assert "v0=forged" not in caplog.text
    (line,) = (one for one in caplog.records if one.levelno >= logging.WARNING)
    words = "a request was refused (401): its signature does not fit"
    assert words in line.getMessage()
    assert words in PAGE.read_text(encoding="utf-8")


def test_a_message_picked_for_the_timeline_is_worked_before_its_edit() -> None:
    picked = {"type": "message_action", "trigger_id": "1.2", "team": {"id": "T1"}, "channel": {"id": "C1"}}
    assert arrival_of(picked, START).lane == arrival_of(reaction(1), START).lane == "T1/events-C1"
    clicked = picked | {"type": "block_actions"}
    assert arrival_of(clicked, START).lane == "T1/trigger-1.2"


@pytest.mark.parametrize(
    ("said", "line"),
    [
        ("<@UB> declare sev1 fire", "/incident declare sev1 fire"),
        ("<@UB>: declare sev1 fire", "/incident declare sev1 fire"),
        ("<@UB>, /gw status", "/gw status"),
        ("hey <@UB> list", "/incident list"),
        ("list <@UB>", "/incident list"),
        ("/help", "/help"),
        ("<@UB>:", "/help"),
        ("<@UB> note ask <@UB> again", "/incident note ask <@UB> again"),
    ],
)
def test_what_follows_the_name_is_what_was_asked(said: str, line: str) -> None:
    assert asked_by_mention(said, "UB", {"help", "gw", "incident"}) == line
