"""Alerts in Slack: the card in the announcements, its buttons, the card in the incident's channel."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.alerts.sending import RECEIVERS, alert, by_hand, sends
from tests.slack.stage import slack_world

WHERE = "incident-20260301-001"
pytestmark = pytest.mark.filterwarnings("ignore:unclosed")


async def test_a_card_in_slack_declares_with_one_click(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    by_hand(monkeypatch)
    alerts = {"receivers": RECEIVERS, "platform": "slack"}
    async with slack_world(sqlite_url, overrides={"alerts": alerts}) as stage:
        await stage.slash("ana", "/incident list")
        await sends(stage.world, alert("HighErrorRate", severity="critical"))
        await stage.settled()
        asked = stage.slack.transcript("incidents")
        assert "## 🚨 1 alert on checkout" in asked
        assert "[Declare SEV1] [Silence checkout 1h]" in asked
        await stage.click("ben", "incidents", "Declare SEV1")
        became = stage.slack.transcript("incidents")
        assert "Now part of #incident-20260301-001: SEV1 · HighErrorRate: seen on checkout" in became
        assert "[Declare SEV1]" not in became
        assert "## 🚨 Alerts: 1 firing" in stage.slack.transcript(WHERE)
        stage.world.clock.advance(timedelta(minutes=1))
        await sends(stage.world, alert("HighErrorRate", state="resolved"))
        await stage.settled()
        assert "This incident needs a commander" in stage.slack.transcript(WHERE)
        await stage.click("ben", WHERE, "Set monitoring")
        assert "Status: monitoring" in stage.slack.transcript(WHERE)
        await stage.slash("ana", "/silence checkout 2h moving it")
        assert "Silenced: checkout" in stage.slack.transcript("incidents")
