"""The networks and the clients that operators have blocked, until that expires or is undone."""

from __future__ import annotations

import ipaddress
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from gateway.supervisor.operations import OutOfLimitsError
from gateway.telemetry.records import iso

MAX_BLOCKS = 1000
#: A slip such as 10.0.0.0/0 must not shut everybody out; maintenance is for that.
_WIDEST = {4: 8, 6: 16}

#: Records a change before it is made: kind, actor, reason, before, after. Raises OSError when it cannot.
Record = Callable[[str, str, str, Any, Any], None]
Kind = Literal["network", "client"]


@dataclass(frozen=True, slots=True)
class HeldBlock:
    """One block, who asked for it and why. Times are seconds since the epoch."""

    id: str
    kind: Kind
    name: str
    actor: str
    reason: str
    created_at: float
    expires_at: float

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {
            "id": self.id, self.kind: self.name, "actor": self.actor, "reason": self.reason,
            "created_at": iso(self.created_at), "expires_at": iso(self.expires_at),
        }  # fmt: skip


class BlockRegistry:
    """All blocks of one kind that hold, by their names; a newer one of the same name replaces it."""

    def __init__(self, kind: Kind, *, record: Record, changed: Callable[[], None]) -> None:
        self._kind = kind
        self._record = record
        self._changed = changed
        self._by_name: dict[str, HeldBlock] = {}

    def block(self, name: str, *, expires_in_seconds: float, actor: str, reason: str) -> HeldBlock:
        """Let nobody of the network, or nothing of the client, through until it expires.

        Raises:
            OutOfLimitsError: it is no network, or too wide, or there are too many blocks.
            OSError: it could not be recorded, and is not done.
        """
        name = _network(name) if self._kind == "network" else name
        held = self._held()
        if name not in held and len(held) >= MAX_BLOCKS:
            raise OutOfLimitsError(f"there are {MAX_BLOCKS} blocks already; undo some first")
        now, before = time.time(), held.get(name)
        made = HeldBlock(
            f"block-{secrets.token_hex(4)}", self._kind, name, actor, reason, now, now + expires_in_seconds
        )
        self._record(f"{self._kind}_blocked", actor, reason, before and before.described(), made.described())
        self._by_name[name] = made
        self._changed()
        return made

    def active(self) -> list[HeldBlock]:
        """What holds now."""
        return list(self._held().values())

    def get(self, block_id: str) -> HeldBlock | None:
        """The one with this id, while it holds."""
        return next((block for block in self.active() if block.id == block_id), None)

    def undo(self, block: HeldBlock, actor: str, reason: str) -> None:
        """Let them through again."""
        self._record(f"{self._kind}_unblocked", actor, reason, block.described(), None)
        self._by_name.pop(block.name, None)
        self._changed()

    def restore(self, blocks: Iterable[HeldBlock]) -> None:
        """Have those of the former process hold, in place of all."""
        self._by_name = {block.name: block for block in blocks}
        self._changed()

    def until(self) -> dict[str, float]:
        """What a worker needs: when each ends, by its name."""
        return {block.name: block.expires_at for block in self.active()}

    def _held(self) -> dict[str, HeldBlock]:
        now = time.time()
        self._by_name = {name: block for name, block in self._by_name.items() if block.expires_at > now}
        return self._by_name


def _network(text: str) -> str:
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise OutOfLimitsError(f"network {text!r} is no address, and no network such as 192.0.2.0/24") from None
    if found.prefixlen < _WIDEST[found.version]:
        widest = f"at most a /{_WIDEST[found.version]} is blocked; maintenance is for everybody"
        raise OutOfLimitsError(f"network {found} is a large part of all addresses: {widest}")
    return str(found)
