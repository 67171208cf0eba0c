"""Which clients an operator keeps out until that expires, wherever they ask from and however good their token is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from gateway.proxy.admission import Rule
from gateway.proxy.message import Refused

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

_MESSAGE = "requests of this client are not let through"


class BlockedClients:
    """Those of one worker. Who changes them has the routes worked out anew."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.until: Mapping[str, float] = {}
        """When the block of a client ends (epoch)."""
        self._now = now

    def have_expired(self) -> bool:
        """Whether a block has just ended, and is forgotten."""
        left = {client: end for client, end in self.until.items() if end > self._now()}
        is_over, self.until = len(left) < len(self.until), left
        return is_over

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The rule of a route that knows who asks; to be asked after authentication."""
        return (self._refuse,) if self.until and route.auth_required else ()

    def _refuse(self, exchange: Exchange) -> None:
        """Let pass who may.

        Raises:
            Refused: 403.
        """
        identity = exchange.identity
        if identity is not None and identity.client in self.until:
            raise Refused(403, "client_blocked", _MESSAGE)
