"""A bot whose gateway is a real process before two targets, which have nothing to do but answer."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bot.adapters.gateway import GatewayAdmin
from tests.fakes import FakeClock
from tests.gateway.running import TOKEN, RunningGateway, running
from tests.gateway.targets import document_for, targets
from tests.scenario.operating import Operating
from tests.waiting import eventually
from tests.world import settings_for, world

#: Where orders of operators are listed, and the name of the list there.
ORDERS = {
    "/admin/circuit-breaker/overrides": "overrides",
    "/admin/upstreams/overrides": "overrides",
    "/admin/config/overrides": "overrides",
    "/admin/blocks": "blocks",
    "/admin/blocks/clients": "blocks",
    "/admin/faults": "faults",
}


@contextmanager
def gateway_process(directory: Path, **sections: dict[str, Any]) -> Iterator[RunningGateway]:
    """Routes `users`, which is cached, and `orders`, of one upstream with the targets blue and green."""
    with targets(2) as places:
        document = document_for(*places, circuit_breaker={"enabled": True})
        document["routes"] = [
            {"id": "users", "path": "/users", "upstream_id": "backend", "cache": {"enabled": True, "default_ttl": 60}},
            {"id": "orders", "path": "/orders", "upstream_id": "backend"},
        ]
        for name, values in sections.items():
            document[name] = {**document.get(name, {}), **values}
        with running(document, directory) as process:
            yield process


def as_it_was(process: RunningGateway) -> None:
    """Nothing is ordered of it any more, nothing is cached, and the file is that of the start."""
    for path, within in ORDERS.items():
        for order in process.admin.get(path).json()[within]:
            process.admin.delete(f"{path}/{order['id']}").raise_for_status()
    process.admin.delete("/admin/maintenance").raise_for_status()
    process.admin.post("/cache/purge", json={"all": True}).raise_for_status()
    process.config_path.write_text(_first(process.config_path))
    process.admin.post("/admin/config/reload", json={"actor": "tests"}).raise_for_status()


def _first(file: Path) -> str:
    """What was in a file when it was looked at for the first time."""
    kept = file.with_suffix(".first")
    if not kept.exists():
        kept.write_text(file.read_text())
    return kept.read_text()


@dataclass
class Steered(Operating):
    """The gateway's process, and the bot that looks after it."""

    process: RunningGateway

    def ask(self, path: str) -> Any:
        """What its admin API says."""
        return self.process.admin.get(path).raise_for_status().json()

    def order(self, path: str, **said: Any) -> Any:
        """Somebody orders something without the bot."""
        body = {"expires_in_seconds": 600, "actor": "zoe", "reason": "by hand", **said}
        return self.process.admin.post(path, json=body).raise_for_status().json()

    async def is_nothing_held(self) -> bool:
        """Whether each temporary change has ended."""
        return not await self.bot.app.store.look(lambda tx: tx.leases.standing())

    @staticmethod
    def eventually(found: Callable[[], bool]) -> None:
        """Workers follow an order within a moment."""
        eventually(found, "the workers follow")

    def get(self, path: str) -> httpx.Response:
        """A client's request."""
        return httpx.get(f"{self.process.url}{path}", trust_env=False)


@asynccontextmanager
async def steered(process: RunningGateway, database_url: str) -> AsyncIterator[Steered]:
    """The bot, running; the gateway as it was before others."""
    as_it_was(process)
    adapter: Any = GatewayAdmin(name="gateway", admin_url=process.ready["admin"], token=TOKEN)
    async with world(settings_for(database_url), clock=FakeClock(), gateway=adapter) as bot:
        yield Steered(bot, process)
    await adapter.close()


_PASSING = (
    (re.compile(r"\b\d+ (?:s|min)(?: \d+ s)? ago"), "… ago"),
    (re.compile(r"\b\d+ (?:s|min|h)(?: \d+ (?:min|s))? left"), "… left"),
    (re.compile(r"until (?:\d{4}-\d\d-\d\d )?\d\d:\d\d UTC"), "until (time) UTC"),
    (re.compile(r"127\.0\.0\.1:\d+"), "(address)"),
    (re.compile(r"^  Requests: .*", re.MULTILINE), "  Requests: …"),
    (re.compile(r"\b(?:circuit|target|override|block)-[0-9a-f]{8}"), r"(id)"),
)


#: What a result says of its measurements, which stand on the requests of tests before.
_MEASURED = (
    (re.compile(r"^Done(?:, not verified)?: "), "Done: "),
    (re.compile(r"; (?:verified|not verified: look at it yourself)$", re.MULTILINE), ""),
    (re.compile(r"^  (?:Before|After|Undo): .*\n", re.MULTILINE), ""),
)


def timeless(text: str) -> str:
    """Without what passes."""
    for pattern, instead in _PASSING:
        text = pattern.sub(instead, text)
    return text


def done(text: str) -> str:
    """A result, without how errors and latency went."""
    for pattern, instead in _MEASURED:
        text = pattern.sub(instead, text)
    return timeless(text)
