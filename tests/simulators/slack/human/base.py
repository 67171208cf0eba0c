"""What all that people do has in common: who they are, and the ids that let an app answer."""

from __future__ import annotations

from typing import Any

from tests.simulators.slack.core import Core
from tests.simulators.slack.deliveries import Ack
from tests.simulators.slack.errors import NotPossible
from tests.simulators.slack.model import Channel, Message, ResponseUrl, Team, Trigger, User
from tests.simulators.slack.responses import Responses

Who = str | User
Where = str | Channel
Which = str | Message

ERRORS = {"http_timeout": "operation_timeout", "timeout": "operation_timeout"}


class Person:
    """Somebody before a screen."""

    core: Core
    responses: Responses

    def user(self, who: Who) -> User:
        """Somebody by id or name."""
        return self.core.state.user(who)

    def channel(self, where: Where) -> Channel:
        """A channel by id or name."""
        return self.core.state.channel(where)

    def message(self, where: Where, which: Which) -> Message:
        """A message by its timestamp, or the last one that shows these words."""
        if isinstance(which, Message):
            return which
        channel = self.channel(where)
        for one in reversed(channel.messages):
            if one.ts == which or which in "\n".join(self.core.transcripts.body(one)):
                return one
        raise NotPossible(f"no message in {channel.name} shows {which!r}")

    def _team_of(self, user: User, channel: Channel | None = None) -> Team:
        """The workspace whose app is spoken to."""
        return self.core.state.teams[channel.team if channel else user.team]

    def _acting(self, who: Who, where: Where | None = None) -> User:
        """Somebody who can act, where they say so."""
        user = self.user(who)
        if user.deleted:
            raise NotPossible(f"{user.name} is deactivated")
        if where is not None and user.id not in self.channel(where).members:
            raise NotPossible(f"{user.name} is not in {self.channel(where).name}")
        return user

    def _open(self, where: Where) -> Channel:
        channel = self.channel(where)
        if channel.archived:
            raise NotPossible(f"{channel.name} is archived")
        return channel

    def _trigger(self, team: Team, user: User, view: str = "") -> str:
        number = self.core.state.id("")
        trigger = Trigger(f"{number}.{team.id}.trigger", team.id, user.id, self.core.state.now, view)
        self.core.state.triggers[trigger.id] = trigger
        return trigger.id

    def _response_url(self, team: Team, channel: Channel, user: User, message: Message | None = None) -> ResponseUrl:
        url = ResponseUrl(self.core.state.id("R"), team.id, channel.id, user.id, self.core.state.now)
        if message is not None:
            url.message, url.ephemeral = message.ts, bool(message.ephemeral_to)
            url.thread_ts = message.thread_ts if message.is_reply else ""
        self.core.state.response_urls[url.id] = url
        return url

    def _envelope(self, kind: str, team: Team, user: User, view: str = "") -> dict[str, Any]:
        """What every interaction carries."""
        return {
            "type": kind,
            "token": "verification-token",
            "api_app_id": self.core.app_id,
            "team": {"id": team.id, "domain": team.domain},
            "enterprise": None,
            "is_enterprise_install": False,
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team},
            "trigger_id": self._trigger(team, user, view),
        }

    def _complain(self, channel: Channel | None, user: User, what: str, ack: Ack) -> None:
        """What a human reads when the app did not take it."""
        error = ERRORS.get(ack.error, "dispatch_failed")
        words = f'{what} failed with the error "{error}"'
        ack.error = error
        if channel is None:
            self.core.state.teams[user.team].stacks.setdefault(user.id, [])
            self.core.troubles.append((user.id, words))
            return
        slackbot = self.core.state.teams[channel.team].users["USLACKBOT"]
        self.core.happen.post(channel, self.core.happen.message(channel, slackbot, words, ephemeral_to=user.id))
