"""Everything of the simulator but its doors: state, rules, records and deliveries, held together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from tests.simulators.slack.clock import Clock, ManualClock
from tests.simulators.slack.deliveries import RETRIES, Deliveries
from tests.simulators.slack.events import EVERYTHING, Events
from tests.simulators.slack.faults import Faults
from tests.simulators.slack.happenings import Happenings
from tests.simulators.slack.installs import Installs
from tests.simulators.slack.limits import Limits
from tests.simulators.slack.model import ApiCall, Channel, Message, Ping, User
from tests.simulators.slack.screens import Screens
from tests.simulators.slack.signed_http import SignedHttp
from tests.simulators.slack.sockets import Sockets
from tests.simulators.slack.state import State
from tests.simulators.slack.transcript import Transcripts

APP_ID = "A00000001"
# What the bot does without a call to Slack wakes nobody.
GLANCE = 0.02
SIGNING_SECRET = "a-signing-secret"


class Core:
    """One simulated Slack with one app. The doors are `server.py`; what people do is `human/`."""

    app_id = APP_ID
    client_id = "1111.2222"
    client_secret = "a-client-secret"

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        events: Iterable[str] = EVERYTHING,
        app_name: str = "Tocsin",
        socket_mode: bool = False,
        rotation: bool = False,
        ack_timeout: float = 3.0,
        unfurl_domains: Iterable[str] = (),
        should_escape: bool = False,
        retries: tuple[float, ...] = RETRIES,
        limits: bool = True,
        seed: int = 1,
    ) -> None:
        self.clock = clock or ManualClock()
        self.app_name, self.bot_name = app_name, app_name.lower()
        self.signing_secret = SIGNING_SECRET
        self.socket_mode = socket_mode
        self.should_escape = should_escape
        self.unfurl_domains = tuple(unfurl_domains)
        self.state = State(self.clock)
        self.faults = Faults(seed)
        self.limits = Limits(on=limits)
        self.http = SignedHttp(self.signing_secret, timeout=ack_timeout)
        self.sockets = Sockets(self.app_id, timeout=ack_timeout)
        self.deliveries = Deliveries(self, self.faults, lambda: self.state.now, retries)
        self.events = Events(self.state, self.app_id, events, self.deliveries.event)
        self.happen = Happenings(self.state, self.events, self.changed)
        self.screens = Screens(self.state, self.changed)
        self.installs = Installs(self, rotation=rotation)
        self.transcripts = Transcripts(self.state)
        self._records()

    def _records(self) -> None:
        self.calls: list[ApiCall] = []
        self.violations: list[str] = []
        self.rate_limited: list[ApiCall] = []
        self.shared_links: dict[str, list[str]] = {}
        self.scheduled: list[tuple[int, Channel, User, dict[str, Any]]] = []
        self.troubles: list[tuple[str, str]] = []
        self.edit_window: float | None = None
        self.page_cap = 1000
        self.base_url = ""
        self._changed = asyncio.Event()
        self.sockets.violations = self.violation
        self.sockets.changed = self.changed

    async def bring(self, delivery: Any, *, to_all: bool = False) -> Any:
        """See Way: by sockets or by HTTP, as the app has chosen."""
        way = self.sockets if self.socket_mode else self.http
        return await way.bring(delivery, to_all=to_all)

    @property
    def pings(self) -> list[Ping]:
        """Everybody who was really notified."""
        return self.happen.pings

    def violation(self, what: str) -> None:
        """Note what no correct app does."""
        self.violations.append(what)

    def changed(self) -> None:
        """Wake those who wait for something."""
        self._changed.set()

    async def until(self, holds: Callable[[], Any], *, seconds: float = 60.0) -> Any:
        """Wait until something is so; the value that it has then. Woken by each change, and for others now and then."""
        async with asyncio.timeout(seconds):
            while not (value := holds()):
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._changed.wait(), GLANCE)
            return value

    def permalink(self, channel: Channel, message: Message) -> str:
        """The address of a message."""
        thread = f"?thread_ts={message.thread_ts}&cid={channel.id}" if message.is_reply else ""
        domain = self.state.teams[channel.team].domain
        return f"https://{domain}.slack.com/archives/{channel.id}/p{message.ts.replace('.', '')}{thread}"

    def socket_url(self) -> str:
        """Where a socket may connect, once."""
        return f"{self.base_url.replace('http', 'ws', 1)}/link/?ticket={self.sockets.ticket()}&app_id={self.app_id}"

    def write_scheduled(self) -> None:
        """Messages whose time has come."""
        due = [one for one in self.scheduled if one[0] <= self.state.now]
        self.scheduled = [one for one in self.scheduled if one not in due]
        for _, channel, bot, known in due:
            self.happen.post(channel, self.happen.message(channel, bot, **known))
