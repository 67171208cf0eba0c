"""One call of a method that passed the gate, and what handlers ask of it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulators.slack import contract
from tests.simulators.slack.errors import Refused
from tests.simulators.slack.model import Channel, Installation, Message, Team, Token, User

if TYPE_CHECKING:
    from tests.simulators.slack.core import Core

Answer = dict[str, Any]
Handler = Callable[["Call"], Answer]
Item = TypeVar("Item")

HANDLERS: dict[str, Handler] = {}
ERRORS: dict[str, frozenset[str]] = {}


def method(name: str, *errors: str) -> Callable[[Handler], Handler]:
    """Marks what answers a method, and the errors of its own that it answers with."""

    def mark(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        ERRORS[name] = frozenset(errors)
        return handler

    return mark


@dataclass
class Call:
    """The arguments as Python values, and who calls."""

    core: Core
    method: str
    args: dict[str, Any]
    token: Token | None

    @property
    def team(self) -> Team:
        """The workspace of the token."""
        assert self.token
        return self.core.state.teams[self.token.team]

    @property
    def installation(self) -> Installation:
        """The app there."""
        return self.core.state.installation(self.team.id)

    @property
    def bot(self) -> User:
        """The bot that calls."""
        return self.installation.bot

    def text(self, name: str, default: str = "") -> str:
        """An argument that is text."""
        return str(self.args.get(name, default))

    def flag(self, name: str) -> bool:
        """An argument that is true or false."""
        return self.args.get(name) is True

    def may(self, scope: str) -> bool:
        """The token has this scope."""
        return bool(self.token and scope in self.token.scopes)

    def channel(self, name: str = "channel", *, error: str = "channel_not_found") -> Channel:
        """The channel of an argument that this bot can see; its scopes fit its kind."""
        found = self.find_channel(self.text(name))
        if found is None or not self.sees(found):
            raise Refused(error)
        self.scoped(found.family)
        return found

    def find_channel(self, channel_id: str) -> Channel | None:
        """By id, in this workspace or shared with it."""
        for team in self.core.state.teams.values():
            channel = team.channels.get(channel_id)
            if channel and (channel.team == self.team.id or self.team.id in channel.connected):
                return channel
        return None

    def sees(self, channel: Channel) -> bool:
        """Public, or the bot is in it."""
        return channel.kind == "public" or self.bot.id in channel.members

    def scoped(self, family: str) -> None:
        """Refuse when the scopes of a method that depends on the kind of channel do not reach this kind."""
        page = contract.methods().get(self.method)
        needed = [one for one in (page.scopes if page else ()) if one.startswith(family + ":")]
        if needed and not any(self.may(one) for one in needed):
            raise missing(needed, self.token)

    def inside(self, channel: Channel) -> None:
        """Refuse when the bot is not a member."""
        if self.bot.id not in channel.members:
            raise Refused("not_in_channel")

    def user(self, name: str = "user", error: str = "user_not_found") -> User:
        """The user of an argument."""
        found = self.find_user(self.text(name))
        if found is None:
            raise Refused(error)
        return found

    def find_user(self, user_id: str) -> User | None:
        """By id: somebody here, or somebody elsewhere who shares a channel with this workspace."""
        if user_id in self.team.users:
            return self.team.users[user_id]
        known = [one for team in self.core.state.teams.values() for one in team.channels.values()]
        shared = [one for one in known if one.connected and self.team.id in {one.team, *one.connected}]
        if not any(user_id in one.members for one in shared):
            return None
        return next((one for one in self.core.state.users() if one.id == user_id), None)

    def message(self, channel: Channel, name: str, error: str = "message_not_found") -> Message:
        """The message of a channel that has this timestamp, and all can see."""
        found = channel.message(self.text(name))
        if found is None:
            raise Refused(error)
        return found

    def page(self, things: list[Item], *, default: int = 100, most: int = 1000) -> tuple[list[Item], str]:
        """One page of a list, and the cursor of the next."""
        limit = self.args.get("limit", default)
        if not isinstance(limit, int) or not limit > 0:
            raise Refused("invalid_limit" if "invalid_limit" in ERRORS[self.method] else "invalid_arguments")
        limit = min(limit, most, self.core.page_cap)
        start = _start(self.text("cursor"))
        more = start + limit < len(things)
        return things[start : start + limit], _cursor(start + limit) if more else ""


def _cursor(start: int) -> str:
    return base64.b64encode(f"next:{start}".encode()).decode()


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, number = base64.b64decode(cursor, validate=True).decode().partition(":")
        return int(number) if word == "next" else _bad_cursor()
    except ValueError:
        return _bad_cursor()


def _bad_cursor() -> int:
    raise Refused("invalid_cursor")


def missing(needed: list[str] | tuple[str, ...], token: Token | None) -> Refused:
    """The answer to a token whose scopes are too few."""
    provided = ",".join(token.scopes) if token else ""
    return Refused("missing_scope", needed=",".join(needed), provided=provided)
