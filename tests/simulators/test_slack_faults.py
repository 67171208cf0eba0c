"""Rate limits, and what a test can do to calls on their way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from tests.simulators.slack import Slack, contract
from tests.simulators.slack.bolted import client

TEXT = {"text": "x"}


@pytest.fixture
async def slack() -> AsyncIterator[Slack]:
    async with Slack.start() as running:
        yield running


async def post(slack: Slack, text: str = "x", channel: str = "incidents") -> Any:
    """One message."""
    return await client(slack).chat_postMessage(channel=slack.channel(channel).id, text=text)


async def test_a_channel_takes_a_message_a_second_after_a_short_burst(slack: Slack) -> None:
    for _ in range(5):
        await post(slack)
    with pytest.raises(SlackApiError) as refused:
        await post(slack)
    answer = refused.value.response
    assert (answer.status_code, answer.headers["Retry-After"], answer["error"]) == (429, "1", "ratelimited")
    await post(slack, channel="general")
    await slack.advance(1)
    await post(slack)
    assert [one.method for one in slack.rate_limited] == ["chat.postMessage"]


@pytest.mark.skipif(not contract.tiers(), reason=contract.ABSENT)
async def test_tiers_are_counted_for_each_method(slack: Slack) -> None:
    web = client(slack)
    for number in range(20):
        await web.conversations_create(name=f"inc-{number}")
    with pytest.raises(SlackApiError) as refused:
        await web.conversations_create(name="inc-20")
    assert refused.value.response.headers["Retry-After"] == "3"
    await web.conversations_list()
    await slack.advance(3)
    await web.conversations_create(name="inc-20")
    slack.limits.on = False
    for number in range(30):
        await web.conversations_create(name=f"free-{number}")


async def test_injected_limits_do_not_count_as_the_bots_fault(slack: Slack) -> None:
    slack.faults.ratelimit("chat.postMessage", retry_after=7, times=2)
    for _ in range(2):
        with pytest.raises(SlackApiError) as refused:
            await post(slack)
        assert refused.value.response.headers["Retry-After"] == "7"
    await post(slack)
    assert slack.rate_limited == []
    assert len(slack.messages("incidents")) == 1


async def test_an_answer_is_lost_after_the_effect(slack: Slack) -> None:
    slack.faults.lose_answer("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await post(slack, "once")
    assert slack.transcript("incidents").count("once") == 1
    slack.faults.drop("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await post(slack, "never")
    assert "never" not in slack.transcript("incidents")


async def test_slacks_own_client_doubles_a_message_whose_answer_was_lost(slack: Slack) -> None:
    """Which is why an app that must not say things twice switches its retries off."""
    slack.faults.lose_answer("chat.postMessage")
    default = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    await default.chat_postMessage(channel=slack.channel("incidents").id, text="once?")
    assert slack.transcript("incidents").count("once?") == 2


async def test_errors_of_the_server_and_garbage(slack: Slack) -> None:
    for status in (500, 503):
        slack.faults.fail("chat.postMessage", status)
        with pytest.raises(SlackApiError) as refused:
            await post(slack)
        assert refused.value.response.status_code == status
    slack.faults.garble("chat.postMessage")
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await post(slack)
    assert slack.messages("incidents") == []


async def test_slow_answers_come(slack: Slack) -> None:
    slack.faults.slow("*", 0.05)
    await post(slack)
    assert slack.calls[0].fault == "slow"


async def test_faults_by_chance_are_the_same_in_each_run() -> None:
    runs = []
    for _ in range(2):
        async with Slack.start(seed=7, limits=False) as slack:
            slack.faults.fail("chat.postMessage", probability=0.3)
            runs.append([await attempt(slack) for _ in range(20)])
    assert runs[0] == runs[1]
    assert set(runs[0]) == {".", "x"}


async def attempt(slack: Slack) -> str:
    """A dot for a message that went."""
    try:
        await post(slack)
    except SlackApiError:
        return "x"
    return "."
