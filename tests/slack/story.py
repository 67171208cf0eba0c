"""One incident from its declaration to its postmortem, as people act it out, and the state that it ends in.

The crew differs: in one process with the bot, or beside bots that are killed. The end must not.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from difflib import unified_diff
from typing import Any, Protocol

from bot.store.transaction import SqlTransaction
from tests.simulators.slack import Slack
from tests.simulators.slack.model import Channel, Message
from tests.simulators.slack.transcript import SYSTEM

INCIDENT = "incident-20260301-001"
#: What the stories' bots are set to beside their people.
SETTINGS: dict[str, Any] = {
    "bookmarks": [{"label": "Dashboard", "url": "https://grafana.example/d/api"}],
    "invite": {"SEV1": ["@sre"]},
    "policy": {"approve_within_seconds": 3600, "execute_within_seconds": 7200},
}


class Crew(Protocol):
    """People who act, and wait for what comes of it."""

    slack: Slack

    async def slash(self, who: str, line: str, channel: str = "general") -> None: ...

    async def click(self, who: str, channel: str, label: str) -> None: ...

    async def scaled(self) -> None:
        """Until the mitigation has ended."""

    async def drafted(self) -> None:
        """Until the postmortem is there."""


def furnish(slack: Slack) -> None:
    """What the workspace has before the story begins."""
    slack.add_group("sre", ["dora"])


async def whole_incident(crew: Crew, where: str = INCIDENT) -> None:
    """Declared, led, mitigated, noted, handed over, resolved. `where` is its channel."""
    await crew.slash("ana", "/incident declare sev1 API answers 502")
    await crew.slack.join("ben", where)
    await crew.slash("ana", "/incident role claim ic", where)
    await crew.slash("ana", "/incident role tech @ben", where)
    await crew.slash("ben", "/gw scale 10", where)
    await crew.click("ana", where, "Confirm")
    await crew.scaled()
    await crew.slash("ben", "/incident note the pool is <too> small & slow", where)
    await crew.slash("carla", "/incident note typed in the wrong place")
    await crew.slash("ana", "/handover @ben", where)
    await crew.click("ben", where, "Accept")
    await crew.slash("ben", "/incident status monitoring", where)
    await crew.slash("ben", "/incident resolve more workers", where)
    await crew.drafted()


# ---------------------------------------------------------------- the end


@dataclass
class Room:
    """A channel as it ends. What only one person saw is apart: Slack cannot say whether it was shown."""

    topic: str
    purpose: str
    members: list[str]
    pinned: list[str]
    bookmarks: list[tuple[str, str]]
    said: list[str]
    files: list[str]
    whispered: set[str] = field(default_factory=set)


def ending(slack: Slack) -> dict[str, Room]:
    """Every channel of the workspace, without what differs from run to run: times, ids, the order."""
    rooms = [one for one in slack.team.channels.values() if one.kind in {"public", "private"}]
    return {one.name: _room(slack, one) for one in rooms}


def _room(slack: Slack, channel: Channel) -> Room:
    people = [one for one in channel.messages if one.subtype not in SYSTEM and not one.files]
    loud = [_words(slack, one) for one in people if not one.ephemeral_to]
    return Room(
        topic=channel.topic.value,
        purpose=channel.purpose.value,
        members=sorted(slack.user(one).name for one in channel.members),
        pinned=[_words(slack, slack.message(channel, pin["ts"])).split("\n")[0] for pin in channel.pins],
        bookmarks=sorted((one["title"], one["link"]) for one in channel.bookmarks),
        said=sorted(loud),
        files=sorted(slack.team.files[file].name for one in channel.messages for file in one.files),
        whispered={_words(slack, one) for one in people if one.ephemeral_to},
    )


def _words(slack: Slack, message: Message) -> str:
    return smooth("\n".join([f"{slack.core.transcripts.author(message)}:", *slack.core.transcripts.body(message)]))


def shown(slack: Slack, record: list[str]) -> str:
    """The end as lines, for people who compare two of them. Whispers are left out."""
    lines: list[str] = []
    for name, room in sorted(ending(slack).items()):
        lines += [f"== #{name}: {room.topic}", room.purpose, f"members: {room.members}", f"pinned: {room.pinned}"]
        lines += [f"bookmarks: {room.bookmarks}", f"files: {room.files}", *room.said]
    return smooth("\n".join([*lines, "== the record", *record]))


def same(expected: str, found: str) -> None:
    """Two ends are one. What differs is said line by line."""
    difference = "\n".join(unified_diff(expected.split("\n"), found.split("\n"), lineterm="", n=1))
    assert not difference, difference


def whispers(slack: Slack) -> set[str]:
    """What only one person saw."""
    return set().union(*(room.whispered for room in ending(slack).values()))


_DIFFERS = (
    (re.compile(r"plan-\d{8}-[0-9a-f]{8}"), "plan-…"),
    (re.compile(r"incident-\d{8}-001"), INCIDENT),
    (re.compile(r"(\*(?:Before|After)\*) \|.*"), r"\1 | (measured)"),
    (re.compile(r"\b\d+ (?:s|min|h)\b(?: \d+ (?:s|min)\b)?"), "… s"),
    (re.compile(r"(?:\w{3} \d+, \d{4} )?\b\d\d:\d\d UTC"), "(time)"),
    (re.compile(r"^(\s*)\d\d:\d\d ", re.MULTILINE), r"\1"),
    (re.compile(r"\(\d+ bytes\)"), "(… bytes)"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://tocsin"),
    (re.compile(r"-{3,}|(?<=\S)[ ]{2,}|[ ]+$", re.MULTILINE), " "),
    (re.compile(r"; (?:verified|not verified)[^|\n]*| \(Tocsin was restarted[^)]*\)"), ""),
)


def smooth(text: str) -> str:
    """Words without what differs from run to run."""
    for pattern, instead in _DIFFERS:
        text = pattern.sub(instead, text)
    return "\n".join(line.rstrip() for line in text.split("\n"))


_TOP = re.compile(r"(?:\d\d:\d\d )?\* .*(?:has joined the channel$|set the channel )")


def apart(transcript: str) -> tuple[str, list[str]]:
    """What was said; and who joined, then the topics, the last one last: neither waits for the other."""
    lines = transcript.split("\n")
    tops = [line for line in lines if _TOP.match(line)]
    tops.sort(key=lambda line: (": " in line, "" if ": " in line else line))
    return "\n".join(line for line in lines if not _TOP.match(line)), tops


def timeline(tx: SqlTransaction, incident: str) -> list[str]:
    """What the record tells of an incident, in its order: the kind of each event, and who."""
    return [f"{entry.actor}: {type(entry.event).__name__}" for entry in tx.incidents.timeline(incident)]


def nothing_twice(slack: Slack) -> None:
    """No message of the bot has the key of another, nobody is invited twice, no file or channel has a double."""
    for channel in slack.team.channels.values():
        keys = [one.metadata["event_payload"]["key"] for one in channel.messages if one.metadata]
        assert [key for key, times in Counter(keys).items() if times > 1] == []
        assert len(channel.members) == len(set(channel.members))
        files = [slack.team.files[file].name for one in channel.messages for file in one.files]
        assert len(files) == len(set(files))
    names = [one.name for one in slack.team.channels.values() if one.name.startswith("incident-")]
    assert len(names) == 1
