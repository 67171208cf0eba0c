"""Two bots on one database, the gateway that they change, and the Slack beside their consoles: to be treated badly."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml

from commands.domain.lease import STANDING, Lease, LeaseState
from commands.domain.plan import FINAL, Plan, PlanState
from tests.faults.client import Refused
from tests.faults.processes import BotProcess
from tests.faults.record import Record
from tests.simulators.gateway.server import GatewaySimulator, gateway_simulator
from tests.simulators.slack import Slack
from tests.slack.beside import bot_beside, slack_by_the_wall
from tests.waiting import eventually

T = TypeVar("T")

#: Percent of ready capacity that may go, over all commands.
BUDGET = 60
OPERATORS = {"ana", "ben", "root"}
_POLICY = {
    "people_sets": {"operators": {"roles": ["operator", "admin"]}},
    "rules": [
        {"name": "undo", "effect": "allow", "commands": ["gw undo"], "who": {"sets": ["operators"]}},
        {
            "name": "restarts",
            "effect": "allow",
            "commands": ["gw restart"],
            "who": {"sets": ["operators"]},
            "approvals": {"count": 1, "who": {"sets": ["operators"]}},
            "blast": {"percent": BUDGET, "within": "15m"},
        },
        {
            "name": "mitigations",
            "effect": "allow",
            "classes": ["mitigation"],
            "who": {"sets": ["operators"]},
            "blast": {"percent": BUDGET, "within": "15m"},
        },
    ],
}
#: Plans that nobody decides expire while the others go on.
_PATIENCE = {"approve_within_seconds": 4, "execute_within_seconds": 60}
_UNDER_WAY = {PlanState.APPROVED, PlanState.LOCKED, PlanState.EXECUTING}


@contextmanager
def _perhaps_in_vain() -> Iterator[None]:
    """Nobody may be there, or it may not be able to take it now."""
    try:
        yield
    except httpx.TransportError:
        return
    except Refused as refused:
        if refused.status < httpx.codes.INTERNAL_SERVER_ERROR:
            raise


class Loop:
    """An event loop of its own, for the simulated Slack."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for it here."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Site:
    """What people and misfortune may do. `tokens`: of all buttons that were ever seen. `meddled`: when others did."""

    bots: list[BotProcess]
    gateway: GatewaySimulator
    slack: Slack
    loop: Loop
    record: Record
    tokens: list[str] = field(default_factory=list)
    meddled: list[datetime] = field(default_factory=list)
    _typed: int = 0

    # ------------------------------------------------------------ people

    def type(self, who: str, line: str, through: int) -> None:
        """A line at the console; it is answered, or its bot dies with it."""
        bot, delivery = self.bots[through], f"delivery-{self._typed:04d}"
        self._typed += 1
        with _perhaps_in_vain():
            bot.console.command(who, "general", line, delivery=delivery)
            eventually(lambda: self.record.answered(delivery) or not bot.is_alive, f"{line} is answered")

    def type_in_slack(self, who: str, line: str, through: int) -> None:
        """A line in Slack, which delivers it to one of the bots; who waits in vain types it again, or not."""
        command, _, words = line.partition(" ")
        url = str(self.bots[through].settings["platforms"]["slack"]["port"])
        urls = [one for one in self.slack.core.http.urls if f":{url}/" in one]
        self.slack.send_to(*urls, *(one for one in self.slack.core.http.urls if one not in urls))
        self.loop.run(self.slack.slash(who, command, words, channel="general"))

    def press(self, who: str, token: str, through: int) -> None:
        """A button, perhaps an old one."""
        with _perhaps_in_vain():
            self.bots[through].console.click(who, "general", token)

    def plans(self) -> list[Plan]:
        """Newest first; their buttons are remembered."""
        plans = self.record.plans()
        for plan in plans[:3]:
            self.tokens += [one.token for one in self.record.card(f"{plan.told_in}:card").buttons]
        return plans

    def leases(self) -> list[Lease]:
        """Those that stand, the one that ends last first; what people were asked about them is remembered."""
        standing = [lease for lease in self.record.leases() if lease.state in STANDING]
        for lease in standing:
            asked = self.record.rows("SELECT key FROM tocsin_messages WHERE key LIKE :of", of=f"{lease.plan}:lease:%")
            self.tokens += [one.token for row in asked for one in self.record.card(row.key).buttons]
        return standing

    # ------------------------------------------------------------ misfortune

    def meddle(self, change: Callable[[], None]) -> None:
        """Somebody changes the gateway past the bots."""
        self.meddled.append(datetime.now(UTC))
        change()

    def strike(self, when: str, who: list[int], request: str = "POST /admin/") -> None:
        """If something is on its way to the gateway, it is held there, and bots are killed; it never arrives again."""
        held = self.gateway.faults.hold(request, "after" if when == "after" else "before")
        if self._something_comes():
            held.arrived.wait(2)
        for number in who:
            self.bots[number].kill()
        self.gateway.faults.clear()
        held.abandon()

    def _something_comes(self) -> bool:
        """A change is under way, or something temporary ends now."""
        soon = datetime.now(UTC) + timedelta(seconds=2)
        ends = [lease for lease in self.record.leases() if lease.state in {LeaseState.RUNNING, LeaseState.ENDING}]
        under_way = any(plan.state in _UNDER_WAY for plan in self.record.plans())
        return under_way or any(lease.until < soon or lease.ended_by for lease in ends)

    def revive(self) -> None:
        """Start what was killed; a minute has passed for its lease."""
        for bot in self.bots:
            if not bot.is_alive:
                self.record.age(bot.pid)
                bot.start()

    def rest(self) -> None:
        """Until nothing is under way, or nobody is left to do it."""
        alive = [bot for bot in self.bots if bot.is_alive]
        if alive:
            eventually(self.record.at_rest, f"it comes to rest; {[bot.said()[-800:] for bot in alive]}", within=60)

    def settle(self) -> list[Plan]:
        """Everything runs again, nothing fails any more; all plans, once each has ended and no lease is late."""
        self.gateway.faults.clear()
        self.revive()
        self.type("root", "/tocsin thaw", 0)

        def ended() -> bool:
            if not self.record.at_rest() or not all(plan.state in FINAL for plan in self.record.plans()):
                return False
            self.record.hasten()
            return not self.record.has_late_lease() and self.record.at_rest()

        eventually(
            ended, f"every plan ends; {self.record.leases()}, {[bot.said()[-800:] for bot in self.bots]}", within=90
        )
        return self.record.plans()


@contextmanager
def site(directory: Path, url: str) -> Iterator[Site]:
    """Fresh, and running."""
    policy, loop = directory / "policy.yaml", Loop()
    policy.write_text(yaml.safe_dump(_POLICY), encoding="utf-8")
    with contextlib.ExitStack() as ending, gateway_simulator() as gateway:
        ending.callback(loop.close)
        coming = slack_by_the_wall()
        slack = loop.run(coming.__aenter__())
        ending.callback(lambda: loop.run(coming.__aexit__(None, None, None)))
        bots = [bot_beside(slack, "http", directory, url, gateway, name=name) for name in ("one", "two")]
        record: Record | None = None
        for bot in bots:
            bot.settings["policy"] = {**_PATIENCE, "file": str(policy)}
            ending.callback(bot.console.close)
            ending.callback(bot.kill)
            bot.start()
        record = Record(url)
        ending.callback(record.close)
        yield Site(bots, gateway, slack, loop, record)
