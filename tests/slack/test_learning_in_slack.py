"""Handing a shift over, catching up, the review of a postmortem and a report in Slack: what is said, and to whom."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.scenario.stage import golden
from tests.slack.stage import SlackWorld, slack_world

pytestmark = pytest.mark.filterwarnings("ignore:unclosed")

WHERE = "incident-20260301-001"


async def test_a_shift_is_handed_over_and_whoever_comes_back_catches_up(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        await stage.slash("ana", "/incident role claim ic", WHERE)
        await stage.slash("ana", "/incident hypothesis the pool is too small", WHERE)
        await stage.slash("ana", "/task add look at the pool @ben", WHERE)
        await stage.slash("ana", "/handover shift @ben")
        offered, checklist = last(stage, "general", "Shift handover").split("    Before you go\n")
        assert offered.rstrip() == golden("""
            Shift handover
                @Ana Alvarez hands the shift over to @Ben Brook.
                1 open incident
                SEV1 · API answers 502 · investigating · … · @Ana Alvarez · #incident-20260301-001 · next update 12:15 UTC · 1 open task
            """)  # noqa: E501
        assert [line.split()[0] for line in checklist.splitlines()] == ["☐"] * 7 + ["[Accept"]
        await stage.click("ben", "general", "Accept the shift")
        assert last(stage, "general", "Shift handed over") == golden("""
            Shift handed over
                @Ben Brook has the shift. Thank you, @Ana Alvarez.
                Roles in an incident move in its channel: /handover @who
            """)
        stage.world.clock.advance(timedelta(minutes=10))
        await stage.slash("ana", "/catchup", WHERE)
        said = last(stage, WHERE, "(only Ana Alvarez sees this) ## 🚨 Catch-up")
        assert "Nothing new since you last did something here, 12:00 UTC." in said
        assert "*Suspected* | H1 the pool is too small" in said
        assert "*Open tasks* | T1 look at the pool · @Ben Brook" in said


async def test_what_was_learned_is_reviewed_and_reported(sqlite_url: str) -> None:
    async with slack_world(sqlite_url) as stage:
        await stage.slash("ana", "/incident declare sev1 API answers 502")
        await stage.slash("ana", "/task add alert on the pool @ben", WHERE)
        await stage.slash("ana", "/incident resolve a bigger pool", WHERE)
        await said_in(stage, WHERE, "Postmortem of SEV1")
        await stage.slash("ana", "/postmortem review @ben", WHERE)
        assert last(stage, WHERE, "Postmortem to review") == golden("""
            Postmortem to review: SEV1 · API answers 502
                @Ben Brook, please read it (http://127.0.0.1:8700/postmortems/incident-20260301-001).
                Change what is wrong (http://127.0.0.1:8700/postmortems/incident-20260301-001/edit). Once it is right: /postmortem publish
                Now: version 1, in review
                [Publish]
                (by Ana Alvarez)
            """)  # noqa: E501
        await stage.slash("ana", "/report weekly")
        await said_in(stage, "general", "Weekly performance: 1 incident")
        said = last(stage, "general", "Weekly performance: 1 incident")
        assert "*Incidents* | SEV1 1" in said
        assert "*Open action items* | 1: /actions" in said
        assert "<image: Weekly performance of gateway, " in said
        assert "| Open | from declared to resolved |" in said
        assert "Files: HTML (http://127.0.0.1:8700/reports/weekly/" in said


async def said_in(stage: SlackWorld, channel: str, words: str) -> None:
    """What comes by itself has come."""

    async def there() -> bool:
        await stage.settled()
        return words in stage.slack.transcript(channel)

    await stage.world.until(there)


def last(stage: SlackWorld, channel: str, title: str) -> str:
    """What was said last under this title; how long it lasts depends on the moment."""
    said = stage.slack.transcript(channel)
    return re.sub(r"investigating · \d+ s · ", "investigating · … · ", said[said.rindex(title) :])
