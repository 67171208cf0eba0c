"""Slack, put together: the one place of this package that makes its parts."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import aiohttp
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator

from bot.platforms import Parts
from bot.platforms.slack import screens, signed_http
from bot.platforms.slack.access import Access
from bot.platforms.slack.arriving import team_of_body
from bot.platforms.slack.asking import Asking
from bot.platforms.slack.attendance import Attendance
from bot.platforms.slack.belongings import Belongings
from bot.platforms.slack.chat import SlackChat
from bot.platforms.slack.documents import Documents
from bot.platforms.slack.giving_up import GivingUp
from bot.platforms.slack.installs import Installs, ManyWorkspaces, OneWorkspace
from bot.platforms.slack.intake import Intake, front
from bot.platforms.slack.inviting import Inviting
from bot.platforms.slack.oauth import Flow, Installations
from bot.platforms.slack.opening import Opening
from bot.platforms.slack.own_accounts import OwnAccounts
from bot.platforms.slack.pacing import Pacer
from bot.platforms.slack.people import People
from bot.platforms.slack.pictures import Pictures
from bot.platforms.slack.places import PLATFORM, Places, platform_of
from bot.platforms.slack.responses import Responses
from bot.platforms.slack.rooms import Rooms
from bot.platforms.slack.settings import SlackSettings
from bot.platforms.slack.sockets import Sockets
from bot.platforms.slack.web import NOT_INSTALLED, Barred, Web, Wire
from bot.platforms.slack.workshop import Bench, work, workshop
from bot.sending.undelivered import Undelivered
from bot.store.accounts import Accounts
from bot.store.arrivals import Arrival
from commands.ports import Room

log = logging.getLogger(__name__)

_SETTLE_SECONDS, _SETTLE_AGAIN_SECONDS = 30, 1


class Slack:
    """Slack at work."""

    name = PLATFORM

    def __init__(self, parts: Parts, settings: SlackSettings) -> None:
        self._parts = parts
        self._settings = settings
        self._clock = parts.services.clock
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=50))
        self._wire = Wire(settings.api_base_url, settings.proxy, self._session)
        self._settle = asyncio.Event()
        self._settled: set[str] = set()
        self._installs = self._make_installs()
        self._responses = Responses(parts.store, self._session, self._clock, proxy=settings.proxy)
        self.bench = self._make_bench()
        self.chat = self.bench.chat
        self._attendance = Attendance(self.bench.web, self.bench.people, parts.store)
        self._app: AsyncApp | None = None
        self.intake = Intake(
            parts.store,
            self._clock,
            self._work,
            screens.at_once(self.bench),
            GivingUp(self.bench, self._responses).tell,
        )
        by_http = settings.mode == "http" or settings.has_oauth
        self._listener = signed_http.listen(settings.host, settings.port) if by_http else None

    def _make_installs(self) -> Installs:
        settings = self._settings
        if not settings.has_oauth:
            return OneWorkspace(settings.bot_token.get_secret_value(), self._wire.client())
        store = Installations(self._parts.store.database, settings.client_id, settings.seal)
        secret = settings.client_secret.get_secret_value()
        rotator = AsyncTokenRotator(client_id=settings.client_id, client_secret=secret, client=self._wire.client())
        return ManyWorkspaces(store, rotator, self._clock, settings.admits)

    def _make_bench(self) -> Bench:
        parts, settings = self._parts, self._settings
        undelivered = Undelivered(parts.store, parts.services)
        access = Access(undelivered.at_home, self._clock)
        web = Web(self._wire, self._installs, Pacer(self._clock), self._clock, access)
        own = OwnAccounts(parts.people, parts.accounts, settings.believes)
        people = People(web, Accounts(parts.store.database), parts.directory, settings, self._clock, own)
        places, documents = Places(parts.store), Documents(web, parts.store)
        tell = undelivered.there
        rooms = Rooms(web, Inviting(web, people, tell), tell)
        pictures = Pictures(web, documents, self._clock)
        belongings = Belongings(web, documents, pictures, places, tell)
        chat = SlackChat(
            web, rooms, people, places, parts.directory, self._responses, belongings, address=parts.address
        )
        return Bench(
            intake=parts.intake,
            registry=parts.registry,
            services=parts.services,
            store=parts.store,
            settings=settings,
            web=web,
            installs=self._installs,
            people=people,
            places=places,
            asking=Asking(web, people, places),
            chat=chat,
            documents=documents,
            opening=Opening(self._wire, self._installs),
            address=parts.address,
        )

    @property
    def http_address(self) -> str:
        """Where Slack's requests are taken, in the mode http."""
        assert self._listener is not None
        host, port = self._listener.getsockname()[:2]
        return f"http://{host}:{port}"

    async def load(self) -> None:
        """Know everybody who was seen before; what was stored of them counts for an hour."""
        await self.bench.people.load()

    async def run(self) -> None:
        """Take in what people do, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._take_in())
            group.create_task(self.intake.run())
            group.create_task(self._settle_in())

    async def _take_in(self) -> None:
        settings = self._settings
        app = front(self.intake.receive, settings.signing_secret.get_secret_value(), **self._oauth())
        async with asyncio.TaskGroup() as group:
            if self._listener is not None:
                pages = signed_http.pages(app, events=settings.mode == "http", install=settings.has_oauth)
                group.create_task(signed_http.serve(pages, self._listener))
            if settings.mode == "socket":
                token = settings.app_token.get_secret_value()
                behind = front(self.intake.receive, "")
                group.create_task(Sockets(behind, token, self._wire, count=settings.sockets).run())

    def _oauth(self) -> dict[str, Any]:
        if not self._settings.has_oauth:
            return {}
        return {"oauth_flow": Flow(self._settings, self._parts.store.database, self._wire.client(), self._arrived)}

    def _arrived(self, team: str) -> None:
        """A workspace has just installed Tocsin."""
        self._installs.arrived(team)
        self._settle.set()

    async def _settle_in(self) -> None:
        """Each workspace has a channel for announcements, and its private incidents those who are in their channels.

        Slack may be away: it is asked until it answers.
        """
        while True:
            self._settle.clear()
            patience = _SETTLE_SECONDS
            try:
                for install in await self._installs.all():
                    await self._announce_there(install.team)
                    await self._attendance.take(install.team)
            except Exception as error:
                log.warning("Slack does not say who we are: %s: %s", type(error).__name__, error)
                patience = _SETTLE_AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._settle.wait(), patience)

    async def _announce_there(self, team: str) -> None:
        """Before anything is worked that could be announced; asking Slack is left to the outbox."""
        if not team or team in self._settled:
            return
        services = self._parts.services
        room = Room(
            name=services.standing(services.announce_in, platform_of(team)),
            platform=platform_of(team),
            private=False,
            topic="Incidents are announced here",
        )
        await self._parts.store.transact(f"standing:{team}", lambda tx: tx.messages.open_channel(room))
        self._settled.add(team)

    async def _work(self, arrival: Arrival) -> None:
        if self._app is None:
            self._app = workshop(self.bench, self._wire)
        team = team_of_body(arrival.payload)
        try:
            await self.bench.web.install(team)
        except Barred as barred:  # not installed: Bolt drops it. Anything else is tried again.
            if barred.code != NOT_INSTALLED:
                raise
        await self._announce_there(team)
        await work(self._app, arrival)

    async def close(self) -> None:
        """Stop working, and let go of connections."""
        await self.intake.close()
        if self._listener is not None:
            self._listener.close()
        await self._session.close()


def connect(parts: Parts, settings: Any) -> Slack:
    """See Platform. Slack's SDK writes whole answers into a debug log, new tokens among them: it may not."""
    logging.getLogger("slack_sdk").setLevel(logging.INFO)
    return Slack(parts, settings)
