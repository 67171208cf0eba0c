"""Everything that exists in the simulated Slack, and how it is found. Rules live elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from tests.simulators.slack.clock import Clock
from tests.simulators.slack.errors import NotPossible
from tests.simulators.slack.model import (
    Channel,
    Installation,
    Kind,
    ResponseUrl,
    Role,
    Team,
    Token,
    Trigger,
    User,
)

Thing = TypeVar("Thing")


class State:
    """Workspaces and what is in them. Ids are counted, so that two runs of one test read the same."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.teams: dict[str, Team] = {}
        self.tokens: dict[str, Token] = {}
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self._numbers = itertools.count(1)
        self._last_ts = 0

    @property
    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.now().timestamp()

    @property
    def at(self) -> datetime:
        """The same, as a time."""
        return self.clock.now()

    def id(self, prefix: str) -> str:
        """A new id of Slack's form."""
        return f"{prefix}{next(self._numbers):08d}"

    def ts(self) -> str:
        """A new message's timestamp: the time, and unique."""
        self._last_ts = max(round(self.now * 1e6), self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def team(self, team: str = "") -> Team:
        """A workspace by its id or name; the first one when none is said."""
        if not team:
            return next(iter(self.teams.values()))
        return found(self.teams.values(), team, "workspace")

    def user(self, who: str | User) -> User:
        """A person by id, name, or first word of their real name."""
        return who if isinstance(who, User) else found(self.users(), who, "user")

    def users(self) -> list[User]:
        """Everybody."""
        return [user for team in self.teams.values() for user in team.users.values()]

    def channel(self, where: str | Channel, team: str = "") -> Channel:
        """A conversation by id or name; living ones before archived ones."""
        if isinstance(where, Channel):
            return where
        teams = [self.team(team)] if team else list(self.teams.values())
        known = [channel for one in teams for channel in one.channels.values()]
        return found(sorted(known, key=lambda one: one.archived), where.removeprefix("#"), "channel")

    def add_user(self, team: Team, name: str, role: Role, real_name: str = "", email: str = "") -> User:
        """Somebody new."""
        words = real_name or name.replace(".", " ").title()
        address = email or f"{name}@{team.domain}.example"
        user = User(id=self.id("U"), team=team.id, name=name, real_name=words, email=address, role=role)
        team.users[user.id] = user
        return user

    def add_channel(self, team: Team, name: str, kind: Kind, creator: str, members: Iterable[str]) -> Channel:
        """A new conversation, without a word about it."""
        prefix = {"im": "D", "mpim": "G"}.get(kind, "C")
        channel = Channel(
            id=self.id(prefix), team=team.id, name=name, kind=kind, creator=creator, created=int(self.now)
        )
        channel.members = list(members)
        team.channels[channel.id] = channel
        return channel

    def direct(self, team: Team, *people: str) -> Channel:
        """The direct conversation of these people, opened when there is none."""
        members = list(dict.fromkeys(people))
        kind: Kind = "im" if len(members) <= 2 else "mpim"
        for channel in team.channels.values():
            if channel.kind == kind and set(channel.members) == set(members):
                return channel
        name = "" if kind == "im" else "mpdm-" + "--".join(team.users[one].name for one in members) + "-1"
        return self.add_channel(team, name, kind, members[0], members)

    def installation(self, team: str) -> Installation:
        """The app in a workspace."""
        installed = self.teams[team].installation
        if installed is None:
            raise NotPossible(f"the app is not installed in {team}")
        return installed


def found(things: Iterable[Thing], name: str, word: str) -> Thing:
    """The first thing that has this id or name."""
    for thing in things:
        if name in _names(thing):
            return thing
    raise NotPossible(f"there is no {word} {name!r}")


def _names(thing: object) -> set[str]:
    known = [getattr(thing, one, "") for one in ("id", "name", "domain", "handle", "real_name")]
    return {one for one in [*known, known[-1].split(" ")[0]] if one}
