"""Slack's pace: in no minute more calls than it allows, and the urgent first."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.platforms.slack.methods import METHODS
from bot.platforms.slack.pacing import Pacer
from commands.ports import Urgency
from tests.fakes import FakeClock

MINUTE = timedelta(minutes=1)


class Instant(FakeClock):
    """Whoever sleeps moves the time, and is back at once."""

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@pytest.mark.parametrize("method", ["apps.connections.open", "conversations.create", "chat.update", "chat.postMessage"])
async def test_no_minute_has_more_calls_than_slack_allows(method: str) -> None:
    """From the first moment on, after a rest too; and not many fewer in the long run."""
    clock, most = Instant(), METHODS[method].per_minute
    pacer, times = Pacer(clock), []
    for number in range(3 * most + 3):
        if number == 2 * most:
            clock.advance(timedelta(minutes=5))
        await pacer.turn("T1", method)
        times.append(clock.now())
    assert all(later - one >= MINUTE for one, later in zip(times, times[most:], strict=False))
    assert times[2 * most - 1] - times[0] < timedelta(minutes=2.4)


async def test_a_channel_takes_a_message_a_second() -> None:
    clock = Instant()
    pacer, times = Pacer(clock), []
    for _ in range(130):
        await pacer.turn("T1", "chat.postMessage", channel="C1")
        times.append(clock.now())
    assert all(later - one >= MINUTE for one, later in zip(times, times[60:], strict=False))


async def test_answers_overtake_what_waits_and_equals_keep_their_order() -> None:
    clock, gone = Instant(), []
    pacer = Pacer(clock)

    async def take(name: str, urgency: Urgency) -> None:
        await pacer.turn("T1", "conversations.create", urgency=urgency)
        gone.append(name)

    names = [*(("later", Urgency.LATER) for _ in range(6)), *((f"n{n}", Urgency.NORMAL) for n in range(3))]
    await asyncio.gather(*(take(*one) for one in names), take("answer", Urgency.ANSWER))
    assert gone == ["later", "later", "answer", "n0", "n1", "n2", "later", "later", "later", "later"]


async def test_nobody_goes_before_the_time_that_slack_named() -> None:
    """A shorter wait that it names later takes nothing off; other workspaces go on."""
    clock = Instant()
    pacer, began = Pacer(clock), clock.now()
    pacer.block("T1", "chat.update", 30)
    pacer.block("T1", "chat.update", 1)
    await pacer.turn("T2", "chat.update")
    assert clock.now() == began
    await pacer.turn("T1", "chat.update")
    assert clock.now() - began >= timedelta(seconds=30)
