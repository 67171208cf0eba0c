"""What has to happen within Slack's three seconds, before anything is stored: a view opens, and is filled later."""

from __future__ import annotations

from typing import Any

from bot.platforms.slack.intake import AtOnce
from bot.platforms.slack.workshop import Bench


def at_once(_bench: Bench) -> AtOnce:
    """The acknowledgement's body for a delivery, or None; views are opened beside it."""

    def nothing(_body: dict[str, Any]) -> dict[str, Any] | None:
        return None

    return nothing
