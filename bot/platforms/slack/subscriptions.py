"""What Tocsin asks Slack for: the events that it hears of, its shortcuts, and the scopes that all of it needs.

The manifest, the documentation and `tocsin slack doctor` are made from these tables; a test holds them against the
listeners.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bot.platforms.slack.methods import METHODS

#: The callback ids of the shortcuts.
DECLARE, ADD_TO_TIMELINE, DECLARE_FROM = "tocsin.declare", "tocsin.add_to_timeline", "tocsin.declare_from"


@dataclass(frozen=True)
class Event:
    """An event by the name under which it is asked for."""

    name: str
    scopes: tuple[str, ...]
    why: str

    @property
    def type(self) -> str:
        """What the event itself says it is: `message` for each kind of channel."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Shortcut:
    """An entry of Slack's menus: of the whole workspace, or of one message."""

    callback: str
    type: Literal["global", "message"]
    name: str
    why: str


EVENTS = (
    Event("app_home_opened", (), "the home tab is brought up to date for whoever opens it"),
    Event("app_mention", ("app_mentions:read",), "commands in threads, where Slack has no slash commands"),
    Event("app_uninstalled", (), "a workspace that removed Tocsin is forgotten"),
    Event("link_shared", ("links:read",), "links to incidents get a preview"),
    Event("member_joined_channel", ("channels:read", "groups:read"), "who is in a private incident may see it"),
    Event("member_left_channel", ("channels:read", "groups:read"), "who left a private incident may not"),
    Event("message.channels", ("channels:history",), "edits and deletions of what is on a timeline are followed"),
    Event("message.groups", ("groups:history",), "the same in private channels"),
    Event("message.im", ("im:history",), "commands in a direct message, edits and deletions"),
    Event("message.mpim", ("mpim:history",), "edits and deletions; commands there begin with a slash"),
    Event("reaction_added", ("reactions:read",), "the reaction that puts a message on the timeline"),
    Event("reaction_removed", ("reactions:read",), "its removal takes the message away"),
    Event("subteam_members_changed", ("usergroups:read",), "roles by user group count at once"),
    Event("subteam_updated", ("usergroups:read",), "the same, where a group is renamed or switched off"),
    Event("tokens_revoked", (), "a workspace whose token is void is forgotten"),
    Event("user_change", ("users:read",), "names, time zones and deactivations count at once"),
)

SHORTCUTS = (
    Shortcut(DECLARE, "global", "Declare an incident", "Open an incident with its own channel."),
    Shortcut(ADD_TO_TIMELINE, "message", "Add to timeline", "Put this message on an incident's timeline."),
    Shortcut(DECLARE_FROM, "message", "Declare from message", "Open an incident that this message is about."),
)

#: Scopes that belong to no method and no event.
_OTHERS = {"commands": "slash commands and shortcuts"}


def reasons() -> dict[str, list[str]]:
    """Every scope that is needed, in the order of its name: what needs it, and why."""
    found: dict[str, list[str]] = {scope: [why] for scope, why in _OTHERS.items()}
    for name, method in METHODS.items():
        for scope in method.scopes:
            found.setdefault(scope, []).append(f"`{name}`: {method.why}")
    for event in EVENTS:
        for scope in event.scopes:
            found.setdefault(scope, []).append(f"event `{event.name}`: {event.why}")
    return dict(sorted(found.items()))


def scopes() -> tuple[str, ...]:
    """The bot's scopes."""
    return tuple(reasons())
