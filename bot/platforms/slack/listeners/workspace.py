"""What happens to the workspace: people change, come and go; the app is removed."""

from __future__ import annotations

import re
from typing import Any

from slack_bolt.app.async_app import AsyncApp

from bot.platforms.slack.places import Spot
from bot.platforms.slack.workshop import Bench


def LISTEN(app: AsyncApp, bench: Bench) -> None:  # noqa: N802 - see asked.py
    """Register."""
    news = News(bench)
    app.event("user_change")(news.person_changed)
    app.event(re.compile("^subteam_(members_changed|updated)$"))(news.groups_changed)
    app.event("member_joined_channel")(news.joined)
    app.event("member_left_channel")(news.left)
    app.event(re.compile("^(app_uninstalled|tokens_revoked)$"))(news.removed)


class News:
    """Keeps what is known here in step."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def person_changed(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        """Roles, names and zones may differ now; a deactivated person may do nothing from here on."""
        team, user = body["team_id"], event["user"]["id"]
        if await self._bench.people.known(team, user):
            await self._bench.people.changed(team, user)
            await self._bench.people.person(team, user)

    async def groups_changed(self, body: dict[str, Any]) -> None:
        """Others are in a group, or it has another name, or is switched off."""
        await self._bench.people.groups_changed(body["team_id"])

    async def joined(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        """Somebody is in a channel: what is private there is in their sight."""
        bench, spot = self._bench, Spot(body["team_id"], event["channel"])
        name = await bench.places.name(spot)
        person = await bench.people.person(spot.team, event["user"]) if name else None
        if name and person:
            cause = f"joined:{body['event_id']}"
            await bench.store.transact(cause, lambda tx: tx.messages.add_member(name, person.id))

    async def left(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        """Somebody is in a channel no more."""
        bench, spot = self._bench, Spot(body["team_id"], event["channel"])
        name, person = await bench.places.name(spot), await bench.people.known(spot.team, event["user"])
        if name and person:
            await bench.store.transact(f"left:{body['event_id']}", lambda tx: tx.messages.remove_member(name, person))

    async def removed(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        """The app is in the workspace no more, or its token is void."""
        if event["type"] == "app_uninstalled" or event.get("tokens", {}).get("bot"):
            await self._bench.installs.forget(body["team_id"])
