"""The clocks of an incident in Slack: a reminder with its button, pressed, and ticked off."""

from __future__ import annotations

import re
from datetime import timedelta
from textwrap import dedent

import pytest

from bot.clocks import Clocks
from tests.slack.stage import MODES, SlackWorld, slack_world
from tests.slack.story import apart

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"


async def look(stage: SlackWorld, **later: float) -> str:
    """Time passes, the clocks are looked at; the end of what is in the channel."""
    stage.world.clock.advance(timedelta(**later))
    await Clocks(stage.world.app.store, stage.world.app.services, every=5).once()
    await stage.settled()
    return re.sub(r"ask-[0-9a-f]{12}", "ask-…", stage.slack.transcript(WHERE))


@pytest.mark.parametrize("mode", MODES)
async def test_nobody_commands_and_somebody_takes_it(sqlite_url: str, mode: str) -> None:
    async with slack_world(sqlite_url, mode=mode) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        said = await look(stage, minutes=2)
        assert said[said.index("## ⚠️") :] == _lines("""
            ## ⚠️ Nobody commands this incident
                @Ana Alvarez: SEV1 · API answers 502 needs somebody who decides.
                [Be incident commander] [Snooze 15 min]
                (due 12:02 UTC)
            """)
        await stage.click("ana", WHERE, "Be incident commander")
        said, topics = apart(await look(stage, seconds=5))
        assert topics[-1].endswith("SEV1 · API answers 502 · investigating · IC Ana Alvarez")
        assert said[said.index("## Nobody") :] == _lines("""
            ## Nobody commands this incident
                @Ana Alvarez does.
            12:02 Tocsin: ## ℹ️ Incident commander: Ana Alvarez
                @Ana Alvarez took the role.
            """)  # noqa: RUF001
        await stage.slash("ana", "/tocsin remind @ana in 10m look at the queue", WHERE)
        said = await look(stage, minutes=10)
        assert said[said.rindex("## ") :] == _lines("""
            ## ℹ️ Reminder: look at the queue
                @Ana Alvarez, it is time.
                [Done] [Snooze 15 min]
                (asked by Ana Alvarez · `ask-…`)
            """)  # noqa: RUF001


def _lines(text: str) -> str:
    return dedent(text).strip()
