"""A delivery of Slack as an arrival: which one it is, and what it has to wait for."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import Any

from bot.platforms.slack.places import platform_of
from bot.store.arrivals import Arrival

#: What happens to messages that may stand on a timeline.
_FOLLOWED = {"message_changed", "message_deleted"}


def arrival_of(body: dict[str, Any], at: datetime) -> Arrival:
    """The id is Slack's own where a retry repeats it, so that the same thing is never worked twice."""
    team, lane = team_of_body(body), _lane(body)
    return Arrival(
        id=f"{platform_of(team)}:{_identity(body)}",
        platform=platform_of(team),
        lane=f"{team}/{lane}",
        payload=body,
        received_at=at,
    )


def is_chatter(body: dict[str, Any]) -> bool:
    """What people say to each other in channels: it is not for Tocsin, and is kept nowhere."""
    event = body.get("event") or {}
    is_said = event.get("type") == "message" and event.get("subtype") not in _FOLLOWED
    return is_said and event.get("channel_type") != "im"


def rest_of(body: dict[str, Any]) -> dict[str, Any] | None:
    """What is still needed of a delivery once it was worked; None: all of it, for a form that may come back."""
    if body.get("event"):
        return {}
    if body.get("command") or body.get("type") == "block_actions":
        return {name: body[name] for name in ("command", "type", "response_url") if name in body}
    return None


def team_of_body(body: dict[str, Any]) -> str:
    """The workspace of the app that this is for; of a shared channel, not the other organisation's."""
    for one in body.get("authorizations") or ():
        if one.get("team_id"):
            return str(one["team_id"])
    team = (
        (body.get("view") or {}).get("app_installed_team_id")
        or body.get("team_id")
        or (body.get("team") or {}).get("id")
    )
    return str(team or (body.get("user") or {}).get("team_id") or "")


def _identity(body: dict[str, Any]) -> str:
    if body.get("event_id"):
        return str(body["event_id"])
    if body.get("type") == "view_submission":  # pressed twice, it has two triggers, but it is one view
        view = body["view"]
        return f"view-{view.get('id')}-{view.get('hash', '')}"
    if body.get("trigger_id"):
        return f"trigger-{body['trigger_id']}"
    return "body-" + hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]


def _lane(body: dict[str, Any]) -> str:
    """What concerns one channel is worked in order: a message before its edit. Commands and clicks wait for nobody.

    Who picks a message from its menu means it as it stands: that comes before its edit as well.
    """
    event = body if body.get("type") == "message_action" else body.get("event")
    if not isinstance(event, dict):
        return _identity(body)
    item = event.get("item") or {}
    channel = event.get("channel") or item.get("channel") or ""
    return f"events-{channel if isinstance(channel, str) else channel.get('id', '')}"
