"""Stakeholders and maintenance in Slack: a channel that is told, a preview that is sent, a window that is begun."""

from __future__ import annotations

import re
from datetime import timedelta
from textwrap import dedent

import pytest

from bot.clocks import Clocks
from tests.slack.stage import slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"
PLACES = {"network": {"kind": "channel", "channel": "network", "platform": "slack", "form": "tactical"}}


async def test_a_channel_of_slack_is_told_and_a_window_is_begun(sqlite_url: str) -> None:
    async with slack_world(sqlite_url, overrides={"stakeholders": PLACES}) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        assert stage.slack.transcript("network") == _lines("""
            12:00 * Tocsin has joined the channel
            12:00 Tocsin: ## 🚨 SEV1 · investigating · API answers 502
                *Since* | Mar 1, 2026 12:00 UTC
                *Conditions* | Service gateway
                *Actions* | No change has been made.
                *Next word* | 12:15 UTC
                Needs: Somebody as incident commander, technical lead, communications lead
                (incident-20260301-001)
            """)
        await stage.slash("ana", "/stakeholders send tactical The network team is needed.", WHERE)
        await stage.click("ana", WHERE, "Send")
        said = stage.slack.transcript(WHERE)
        assert said[said.rindex("## ") :] == _lines("""
            ## ✅ Told 1 stakeholder (tactical)
                @Ana Alvarez told network.
                Whether it has reached them: /stakeholders
            """)
        assert "The network team is needed." in stage.slack.transcript("network")
        await stage.slash("ana", '/maintenance plan "Upgrade" from 15:00 to 16:00')
        stage.world.clock.advance(timedelta(hours=3))
        await Clocks(stage.world.app.store, stage.world.app.services, every=5).once()
        await stage.settled()
        await stage.click("ana", "general", "Begin")
        said = re.sub(r"maint-[0-9a-f]{8}", "maint-…", stage.slack.transcript("general"))
        assert said[said.rindex("## ") :] == _lines("""
            ## ⚠️ Maintenance running: Upgrade
                To show everybody a page meanwhile: /gw maintenance on
                *From* | Mar 1, 2026 15:00 UTC
                *To* | Mar 1, 2026 16:00 UTC (1 h)
                *The public reads* | The maintenance has begun.
                (planned by Ana Alvarez · `maint-…`)
            """)


def _lines(text: str) -> str:
    return dedent(text).strip()
