"""What the stories look at."""

from __future__ import annotations

from tests.simulators.slack import Slack

FIRST, SECOND = "incident-20260301-001", "incident-20260301-002"
DECLARE = "/incident declare sev1 API answers 502"


def channels(slack: Slack) -> list[str]:
    """The names of the incidents' channels."""
    return sorted(one.name for one in slack.team.channels.values() if one.name.startswith("incident-"))


def said(slack: Slack, channel: str, words: str) -> int:
    """How many messages of a channel show these words."""
    shown = slack.core.transcripts
    place = slack.channel(channel)
    return sum(words in "\n".join(shown.message(place, one)) for one in slack.messages(channel))
