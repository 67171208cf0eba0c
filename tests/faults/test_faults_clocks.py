"""The clocks of incidents over kills and on two replicas: what is due is told, and once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import BotProcess, Scene, scene
from tests.simulators.gateway.server import GatewaySimulator
from tests.waiting import eventually

CLOCKS: dict[str, Any] = {
    "enabled": True, "every_seconds": 0.2, "commander_within_minutes": 0.03, "again_every_minutes": 60,
}  # fmt: skip


def told(acting: Scene, channel: str, kind: str) -> list[str]:
    """The messages of a clock, or of what somebody asked to be reminded of."""
    return [key for key in acting.record.messages(channel) if kind in key]


def looks_again(acting: Scene, channel: str, number: int, through: BotProcess | None = None) -> None:
    """The clocks have been looked at since now: somebody was reminded of what is due in a second."""
    acting.answer("ana", channel, "/remind @ana 1s look", delivery=f"remind-{number:04}", through=through)
    eventually(lambda: len(told(acting, channel, "ask-")) == number, "the clocks are looked at")


def test_a_kill_loses_no_reminder_and_doubles_none(
    tmp_path: Path, database_url: str, gateway: GatewaySimulator
) -> None:
    with scene(tmp_path, database_url, gateway, clocks=CLOCKS) as acting:
        channel = acting.declare("declare-1")
        acting.bot.restart_after_kill(acting.record)
        looks_again(acting, channel, 1)
        eventually(lambda: told(acting, channel, ":clock:commander"), "a commander is asked for")
        acting.bot.restart_after_kill(acting.record)
        looks_again(acting, channel, 2)
        assert len(told(acting, channel, ":clock:")) == 1


@pytest.mark.postgres
def test_of_two_replicas_one_tells_and_the_other_goes_on_when_it_dies(
    tmp_path: Path, postgres_url: str, gateway: GatewaySimulator
) -> None:
    with scene(tmp_path, postgres_url, gateway, clocks=CLOCKS) as acting:
        other = BotProcess(tmp_path, postgres_url, gateway.url, name="other")
        other.settings |= {"clocks": CLOCKS}
        try:
            other.start()
            channel = acting.declare("declare-1")
            looks_again(acting, channel, 1)
            eventually(lambda: told(acting, channel, ":clock:commander"), "a commander is asked for")
            acting.bot.kill()
            looks_again(acting, channel, 2, through=other)
            assert len(told(acting, channel, ":clock:")) == 1
        finally:
            other.stop()
