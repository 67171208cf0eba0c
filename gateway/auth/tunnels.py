"""What clients and upstreams have between them by another protocol (WebSocket) ends with what it was allowed by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from gateway.auth.answers import refusal
from gateway.auth.credentials import REASONS, Credential

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange

#: Why a credential is believed no longer: one of REASONS, or None where it is.
Judge = Callable[[Credential], str | None]


class Tunnels:
    """The requests that ask for another protocol, or have gone over to it, with what let each in."""

    def __init__(self) -> None:
        self._held: WeakKeyDictionary[Exchange, Credential] = WeakKeyDictionary()

    def add(self, exchange: Exchange, credential: Credential) -> None:
        """A request with this credential was let in."""
        self._held[exchange] = credential

    def end(self, judge: Judge) -> None:
        """End those whose credential is not believed any more; they are logged and counted."""
        for exchange, credential in list(self._held.items()):
            if exchange.over:
                del self._held[exchange]
            elif reason := judge(credential):
                _end(exchange, reason)

    def sessions(self) -> list[str]:
        """The ids of the sessions that tunnels were opened with, each once."""
        held = [one for exchange, one in self._held.items() if one.identity.scheme == "session" and not exchange.over]
        return list(dict.fromkeys(one.id for one in held))

    def renew(self, ends: Mapping[str, float | None], *, over_until: float) -> None:
        """Sessions, by their ids, end at these times of the epoch now; None: there is no such one any more.

        One that was to end before `over_until` has ended by itself, and was not taken back.
        """
        for credential in self._held.values():
            end = ends.get(credential.id)
            if end is not None:
                credential.expires_at = end
        gone = {name for name, end in ends.items() if end is None}
        self.end(lambda one: "unknown_session" if one.id in gone and one.expires_at > over_until else None)


def _end(exchange: Exchange, reason: str) -> None:
    if exchange.upgraded_at:
        exchange.plane.journal.tunnel_ended(exchange, reason, REASONS[reason])
        exchange.plane.tally.tunnel_ended(reason)
        exchange.end_tunnel(REASONS[reason])
    elif not exchange.status:
        # It waits for the upstream's word: that would come too late.
        exchange.refuse(refusal(reason, scheme="Bearer"))
