"""Who is in which user group. Asked now and then, and anew in every process once Slack says that groups changed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from bot.platforms.slack.web import Refused, Web
from commands.ports import Clock

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Group:
    """A user group's members, when they were asked for, and in which state of the workspace's groups."""

    members: frozenset[str]
    asked: float
    as_of: int


class Groups:
    """The user groups of all workspaces. A workspace's groups have a state, a number: it grows with each change."""

    def __init__(self, web: Web, clock: Clock, fresh: timedelta) -> None:
        self._web = web
        self._clock = clock
        self._fresh = fresh.total_seconds()
        self._states: dict[str, int] = {}
        self._known: dict[tuple[str, str], _Group] = {}

    def state(self, team: str) -> int:
        """The newest state that this process has heard of."""
        return self._states.get(team, 0)

    def heard(self, team: str, state: int) -> None:
        """There is a newer one, maybe."""
        self._states[team] = max(state, self.state(team))

    async def members_of(self, team: str, group: str) -> frozenset[str]:
        """The users of a group, by its id or handle; nobody for a group that is not there. Raises Busy, Unclear."""
        kept = self._known.get((team, group))
        state, now = self.state(team), self._clock.now().timestamp()
        if kept and kept.as_of == state and now - kept.asked < self._fresh:
            return kept.members
        members = await self._ask(team, group)
        self._known[team, group] = _Group(members, now, state)
        return members

    async def _ask(self, team: str, group: str) -> frozenset[str]:
        try:
            found = group if group.startswith("S") and group.isupper() else await self._id(team, group.lstrip("@"))
            said = await self._web.call(team, "usergroups.users.list", usergroup=found) if found else {}
        except Refused as refused:
            log.warning("the group %s cannot be read: %s", group, refused)
            return frozenset()
        return frozenset(said.get("users", ()))

    async def _id(self, team: str, handle: str) -> str:
        said = await self._web.call(team, "usergroups.list")
        return next((str(one["id"]) for one in said.get("usergroups", ()) if one.get("handle") == handle), "")
