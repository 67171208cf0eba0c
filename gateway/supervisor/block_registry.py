"""The networks that operators have blocked, until that expires or is undone."""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from gateway.supervisor.operations import OutOfLimitsError
from gateway.telemetry.records import iso

MAX_BLOCKS = 1000

#: Records a change before it is made: kind, actor, reason, before, after. Raises OSError when it cannot.
Record = Callable[[str, str, str, Any, Any], None]


@dataclass(frozen=True, slots=True)
class NetworkBlock:
    """One block, who asked for it and why. Times are seconds since the epoch."""

    id: str
    network: str
    actor: str
    reason: str
    created_at: float
    expires_at: float

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {**asdict(self), "created_at": iso(self.created_at), "expires_at": iso(self.expires_at)}


class BlockRegistry:
    """All blocks that hold, by their network; a newer one of the same network replaces it."""

    def __init__(self, *, record: Record, changed: Callable[[], None]) -> None:
        self._record = record
        self._changed = changed
        self._by_network: dict[str, NetworkBlock] = {}

    def block(self, *, network: str, expires_in_seconds: float, actor: str, reason: str) -> NetworkBlock:
        """Let nobody of the network through until it expires.

        Raises:
            OutOfLimitsError: it is no network, or there are too many blocks.
            OSError: it could not be recorded, and is not done.
        """
        try:
            name = str(ipaddress.ip_network(network, strict=False))
        except ValueError:
            raise OutOfLimitsError(f"network {network!r} is no address, and no network such as 192.0.2.0/24") from None
        held = self._held()
        if name not in held and len(held) >= MAX_BLOCKS:
            raise OutOfLimitsError(f"there are {MAX_BLOCKS} blocks already; undo some first")
        now, before = time.time(), held.get(name)
        made = NetworkBlock(f"block-{secrets.token_hex(4)}", name, actor, reason, now, now + expires_in_seconds)
        self._record("network_blocked", actor, reason, before and before.described(), made.described())
        self._by_network[name] = made
        self._changed()
        return made

    def active(self) -> list[NetworkBlock]:
        """What holds now."""
        return list(self._held().values())

    def get(self, block_id: str) -> NetworkBlock | None:
        """The one with this id, while it holds."""
        return next((block for block in self.active() if block.id == block_id), None)

    def undo(self, block: NetworkBlock, actor: str, reason: str) -> None:
        """Let them through again."""
        self._record("network_unblocked", actor, reason, block.described(), None)
        self._by_network.pop(block.network, None)
        self._changed()

    def for_workers(self) -> list[dict[str, Any]]:
        """What a worker needs."""
        return [{"network": block.network, "expires_at": block.expires_at} for block in self.active()]

    def _held(self) -> dict[str, NetworkBlock]:
        now = time.time()
        self._by_network = {name: block for name, block in self._by_network.items() if block.expires_at > now}
        return self._by_network
