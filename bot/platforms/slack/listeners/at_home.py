"""The home tab is brought up to date when somebody looks at it."""

from __future__ import annotations

from typing import Any

from slack_bolt.app.async_app import AsyncApp

from bot.platforms.slack.home import Home
from bot.platforms.slack.workshop import Bench


def LISTEN(app: AsyncApp, bench: Bench) -> None:  # noqa: N802 - see asked.py
    """Register."""
    home = Home(bench)

    async def looked(body: dict[str, Any], event: dict[str, Any]) -> None:
        """Somebody opened the app: the tab with its messages needs nothing."""
        if event.get("tab") == "home":
            await home.publish(body["team_id"], event["user"])

    app.event("app_home_opened")(looked)
