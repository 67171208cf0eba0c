"""Which events the app gets, and in what envelope."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tests.simulators.slack import contract
from tests.simulators.slack.model import Channel, Installation
from tests.simulators.slack.state import State

EVERYTHING = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "channel_archive",
    "channel_created",
    "channel_rename",
    "channel_unarchive",
    "file_shared",
    "group_archive",
    "group_rename",
    "group_unarchive",
    "link_shared",
    "member_joined_channel",
    "member_left_channel",
    "message.channels",
    "message.groups",
    "message.im",
    "message.mpim",
    "pin_added",
    "pin_removed",
    "reaction_added",
    "reaction_removed",
    "subteam_members_changed",
    "subteam_updated",
    "team_join",
    "tokens_revoked",
    "user_change",
)

ALWAYS = {"app_uninstalled", "tokens_revoked"}
# The reference leaves these out of the Events API, where Slack sends them.
ALSO_SENT = {"channel_archive": ("channels:read",), "channel_unarchive": ("channels:read",)} | {
    "group_archive": ("groups:read",),
    "group_unarchive": ("groups:read",),
    "group_rename": ("groups:read",),
}


class Events:
    """Turns what happened into deliveries to the app of each workspace that may know of it."""

    def __init__(
        self, state: State, app_id: str, subscribed: Iterable[str], send: Callable[[dict[str, Any]], None]
    ) -> None:
        self._state = state
        self._app_id = app_id
        self._send = send
        self.subscribed = set(subscribed)
        known = set(contract.events()) | set(ALSO_SENT)
        unknown = self.subscribed - known if contract.events() else set()
        if unknown:
            raise ValueError(f"no such events: {', '.join(sorted(unknown))}")

    def emit(self, event: dict[str, Any], team: str, channel: Channel | None = None) -> None:
        """Something happened in a workspace; its app hears of it if it asked and may."""
        teams = [team] if channel is None else list(dict.fromkeys([channel.team, *channel.connected]))
        for one in teams:
            installed = self._state.teams[one].installation if one in self._state.teams else None
            if installed and installed.active and self._wanted(event, installed, channel):
                self._send(self.envelope(event, installed, channel))

    def envelope(self, event: dict[str, Any], installed: Installation, channel: Channel | None) -> dict[str, Any]:
        """As the Events API writes it."""
        who = {
            "enterprise_id": None,
            "team_id": installed.team,
            "user_id": installed.bot.id,
            "is_bot": True,
            "is_enterprise_install": False,
        }
        return {
            "token": "verification-token",
            "team_id": installed.team,
            "context_team_id": installed.team,
            "context_enterprise_id": None,
            "api_app_id": self._app_id,
            "event": event,
            "type": "event_callback",
            "event_id": self._state.id("Ev"),
            "event_time": int(self._state.now),
            "authorizations": [who],
            "is_ext_shared_channel": bool(channel and channel.connected),
            "event_context": f"4-{self._state.id('ctx')}",
        }

    def _wanted(self, event: dict[str, Any], installed: Installation, channel: Channel | None) -> bool:
        kind = str(event["type"])
        name = _subscription(event, channel)
        if name not in self.subscribed or not self._may(name, installed, channel):
            return False
        if channel is None or kind in {"channel_created", "app_home_opened"}:
            return True
        if channel.kind == "public" and kind in {"channel_rename", "channel_archive", "channel_unarchive"}:
            return True
        if kind == "member_left_channel" and event["user"] == installed.bot.id:
            return True
        return installed.bot.id in channel.members

    def _may(self, name: str, installed: Installation, channel: Channel | None) -> bool:
        scopes = contract.events().get(name) or ALSO_SENT.get(name) or ()
        if channel is not None:
            families = [one for one in scopes if one.split(":")[0] in {"channels", "groups", "im", "mpim"}]
            scopes = tuple(one for one in scopes if one not in families or one.startswith(channel.family + ":"))
        return not scopes or bool(set(scopes) & set(installed.scopes))


def _subscription(event: dict[str, Any], channel: Channel | None) -> str:
    """The name by which an app asks for such an event."""
    kind = str(event["type"])
    if kind != "message" or channel is None:
        return kind
    return "message." + channel.family
