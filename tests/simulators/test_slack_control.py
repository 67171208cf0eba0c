"""The simulator in a process of its own, driven over its control API."""

from __future__ import annotations

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from tests.simulators.slack.control import process
from tests.simulators.slack.errors import NotPossible


async def test_everything_can_be_done_from_another_process() -> None:
    async with process("--send-to", "http://127.0.0.1:9/", "--retries", "") as slack:
        web = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        channel = (await web.conversations_create(name="inc-1"))["channel"]["id"]
        await slack.do("join", "ana", "inc-1")
        said = await slack.do("say", "ana", "inc-1", "see this", files=[("a.png", b"png")])
        await web.chat_postMessage(channel=channel, text="hello", thread_ts=said["ts"])
        ack = await slack.slash("ana", "/incident", "list", channel="inc-1")
        assert (ack["ok"], ack["error"]) == (False, "dispatch_failed")
        assert "<file: a.png (3 bytes)>" in await slack.until_shown("inc-1", "Tocsin: hello")
        await slack.do("faults.fail", "auth.test", 503)
        await slack.set("limits.on", False)
        with pytest.raises(Exception, match="503"):
            await web.auth_test()
        with pytest.raises(NotPossible, match="there is no user 'nobody'"):
            await slack.slash("nobody", "/incident")
        with pytest.raises(NotPossible, match="AttributeError"):
            await slack.do("core._records")
        assert [one["method"] for one in await slack.calls()][:2] == ["conversations.create", "chat.postMessage"]
        assert await slack.violations() == []
