"""The simulated Slack as tests use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from tests.simulators.slack.core import Core
from tests.simulators.slack.deliveries import Delivery
from tests.simulators.slack.faults import Faults
from tests.simulators.slack.human.base import Where, Who
from tests.simulators.slack.human.forms import Forms
from tests.simulators.slack.human.govern import Govern
from tests.simulators.slack.human.talk import Talk
from tests.simulators.slack.limits import Limits
from tests.simulators.slack.model import ApiCall, Channel, Message, Ping, Team, User, View
from tests.simulators.slack.responses import Responses
from tests.simulators.slack.server import Server
from tests.simulators.slack.sockets import Sockets


class Slack(Talk, Forms, Govern):
    """A workspace called Acme with the app in it. People act by methods; what was seen is read by properties."""

    def __init__(self, **options: Any) -> None:
        self.core = Core(**options)
        self.server = Server(self.core)
        self.responses = Responses(self.core)

    @classmethod
    @asynccontextmanager
    async def start(cls, *, port: int = 0, people: bool = True, **options: Any) -> AsyncIterator[Slack]:
        """Listen on loopback, with some people and channels unless they are not wanted; gone on the way out."""
        slack = cls(**options)
        slack.furnish(people=people)
        await slack.server.start(port)
        try:
            yield slack
        finally:
            await slack.server.stop()

    def furnish(self, *, people: bool = True) -> None:
        """Acme: Ana is an admin, Ben, Carla and Dora are members, Gus is a guest."""
        team = self.add_team("Acme")
        self._token = self.install(team.id).value
        self._app_token = self.core.installs.app_token().value
        if not people:
            return
        self.add_channel("general", [self.bot], general=True)
        self.add_user("ana", "admin", real_name="Ana Alvarez")
        for name, real_name in (("ben", "Ben Brook"), ("carla", "Carla Costa"), ("dora", "Dora Diaz")):
            self.add_user(name, real_name=real_name)
        self.add_user("gus", "guest", real_name="Gus Guest")
        self.add_channel("incidents", [self.bot, "ana", "ben", "carla", "dora"])

    @property
    def api_url(self) -> str:
        """What a client takes as the base address of the Web API."""
        return f"{self.core.base_url}/api/"

    @property
    def bot_token(self) -> str:
        """The bot's token in the first workspace."""
        return self._token

    @property
    def app_token(self) -> str:
        """The app's token, for sockets."""
        return self._app_token

    @property
    def signing_secret(self) -> str:
        """What requests of this Slack are signed with."""
        return self.core.signing_secret

    @property
    def team(self) -> Team:
        """The first workspace."""
        return self.core.state.team()

    @property
    def bot(self) -> User:
        """The bot in the first workspace."""
        return self.core.state.installation(self.team.id).bot

    @property
    def faults(self) -> Faults:
        """What happens to calls and deliveries on their way."""
        return self.core.faults

    @property
    def limits(self) -> Limits:
        """The rate limits; `limits.on = False` switches them off."""
        return self.core.limits

    @property
    def sockets(self) -> Sockets:
        """The connections of Socket Mode: kill, deaden and disconnect them."""
        return self.core.sockets

    @property
    def calls(self) -> list[ApiCall]:
        """Every Web API call and every use of a response URL."""
        return self.core.calls

    def calls_of(self, method: str) -> list[ApiCall]:
        """The calls of one method."""
        return [one for one in self.calls if one.method == method]

    @property
    def violations(self) -> list[str]:
        """What no correct app does; tests assert that it is empty."""
        return self.core.violations

    @property
    def rate_limited(self) -> list[ApiCall]:
        """The calls that were refused because they came too fast."""
        return self.core.rate_limited

    @property
    def pings(self) -> list[Ping]:
        """Whom the bot's messages really notified, or would seem to."""
        bots = {team.installation.bot.id for team in self.core.state.teams.values() if team.installation}
        return [one for one in self.core.pings if one.by in bots]

    @property
    def sent(self) -> list[Message]:
        """Each version of every message of the bot, ephemeral ones too, with its blocks as they were sent."""
        return self.core.happen.sent

    @property
    def views(self) -> list[View]:
        """Each version of every modal and home tab, with its blocks."""
        return self.core.screens.sent

    def messages(self, channel: Where) -> list[Message]:
        """What is in a channel now."""
        return list(self.channel(channel).messages)

    def transcript(self, channel: Where) -> str:
        """A channel as a human reads it."""
        return self.core.transcripts.channel(self.channel(channel))

    def direct_transcript(self, who: Who) -> str:
        """The conversation of somebody with the bot alone."""
        return self.transcript(self.directly(who))

    def directly(self, who: Who) -> Channel:
        """The channel of that conversation."""
        user = self.user(who)
        team = self._team_of(user)
        return self.core.state.direct(team, self.core.state.installation(team.id).bot.id, user.id)

    def home(self, who: Who) -> str:
        """The home tab of somebody."""
        user = self.user(who)
        home = self._team_of(user).homes.get(user.id)
        return self.core.transcripts.view(home) if home else ""

    def modals(self, who: Who) -> list[str]:
        """The modals of somebody, the visible one last."""
        user = self.user(who)
        return [self.core.transcripts.view(one) for one in self.core.screens.stack(self._team_of(user), user.id)]

    def send_to(self, *urls: str) -> None:
        """Deliver by signed HTTP to these addresses, each payload to one of them."""
        self.core.socket_mode = False
        self.core.http.urls = list(urls)

    def use_sockets(self) -> None:
        """Deliver by Socket Mode."""
        self.core.socket_mode = True

    async def settle(self) -> None:
        """Until all deliveries were taken, and no retry is due by the clock."""
        await self.core.deliveries.settle()

    async def advance(self, seconds: float) -> None:
        """Let the clock move, with all that is due in between."""
        clock: Any = self.core.clock
        clock.advance(timedelta(seconds=seconds))
        self.core.write_scheduled()
        await self.settle()

    async def quiet(self, seconds: float = 0.1) -> None:
        """Until the bot has called nothing for so long by the wall's clock, and nothing is under way."""
        while True:
            await self.settle()
            before = len(self.calls)
            await asyncio.sleep(seconds)
            if len(self.calls) == before and not self.server.gate.under_way:
                return

    async def verify_url(self) -> bool:
        """What Slack does when a request URL is entered: it must say the challenge back."""
        body = {"token": "verification-token", "challenge": "a-challenge", "type": "url_verification"}
        ack = await self.core.http.bring(Delivery("event", body))
        return ack.ok and ack.body in ({"challenge": "a-challenge"}, "a-challenge")

    async def redeliver(self) -> None:
        """Run all retries now, whenever they are due."""
        self.core.deliveries.due(all_of_them=True)
        await self.settle()

    async def until_shown(self, channel: Where, words: str, *, seconds: float = 60.0) -> str:
        """Wait until a channel exists and shows these words; its transcript then."""

        def shown() -> str:
            known = [one for team in self.core.state.teams.values() for one in team.channels.values()]
            if not any(channel in {one.id, one.name} or channel is one for one in known):
                return ""
            text = self.transcript(channel)
            return text if words in text else ""

        found: str = await self.until(shown, seconds=seconds)
        return found

    async def until(self, holds: Callable[[], Any], *, seconds: float = 60.0) -> Any:
        """Wait until something is so."""
        return await self.core.until(holds, seconds=seconds)
