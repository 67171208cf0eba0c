"""The terminal of `make slack-sim`: whoever one is, one types as they do and sees what they see."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.simulators.slack import Slack
from tests.simulators.slack.clock import SystemClock
from tests.simulators.slack.player import Player


async def _typed(*lines: str) -> AsyncIterator[str]:
    for line in lines:
        yield line


async def test_messages_are_typed_and_read_by_turns(capsys: pytest.CaptureFixture[str]) -> None:
    async with Slack.start(clock=SystemClock()) as slack:
        await Player(slack, by_hand=False).run(
            _typed(
                "is checkout down?", ":as ben", ":in incidents", "yes", ":react eyes yes", ":channels", ":quit", "no"
            )
        )
        said = [one.text for one in slack.messages("incidents")]
    shown = capsys.readouterr().out
    assert said == ["yes"]
    assert "Ana Alvarez: is checkout down?" in shown
    assert "ben #incidents> " in shown
    assert ":eyes: 1" in shown


async def test_what_is_for_somebody_else_alone_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    async with Slack.start(clock=SystemClock()) as slack:
        await Player(slack, by_hand=False).run(_typed(":as ben", "hello"))
        hidden = slack.core.happen.message(slack.channel("general"), slack.bot, "a secret", ephemeral_to="UANA")
        slack.core.happen.post(slack.channel("general"), hidden)
        await Player(slack, by_hand=False).run(_typed(":as ben"))
    shown = capsys.readouterr().out
    assert "hello" in shown
    assert "a secret" not in shown


async def test_mistakes_are_told_and_end_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    async with Slack.start(clock=SystemClock()) as slack:
        await Player(slack, by_hand=False).run(
            _typed(":nonsense", ":press Confirm", ":fill a = b", ":in nowhere", ":as nobody", "still here")
        )
        said = [one.text for one in slack.messages("general")]
    shown = capsys.readouterr().out
    assert ":nonsense is no command here" in shown
    assert "no message here has the button [Confirm]" in shown
    assert "no form is open" in shown
    assert said == ["still here"]
