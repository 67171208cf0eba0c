"""All public listeners: the first one, which stays, and those that come and go with the configuration.

A configuration's new ones are opened before any worker goes by it, so that a port that is taken refuses it. Of those
that it has no longer the supervisor closes its own copies; then the workers, which have accepted what waited there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from gateway.listening.certificates import CertificateError
from gateway.listening.doors import Doors, doors_of
from gateway.listening.settings import FIRST, ListenerSettings
from gateway.supervisor.handover import public_role
from gateway.supervisor.listeners import Listeners, PortUnavailableError, url_of

if TYPE_CHECKING:
    import socket

    from gateway.settings import ServerSettings

#: A listener's place, and a slot.
Place: TypeAlias = tuple[str, int]


class PublicListeners:
    """Their sockets, by the places where they listen, and for metrics what they offer.

    Raises at the start:
        PortUnavailableError, CertificateError: one of them is impossible; the text says which.
    """

    def __init__(
        self,
        first: Listeners,
        server: ServerSettings,
        taken: Callable[[ListenerSettings], Mapping[int, socket.socket]] = lambda _: {},
    ) -> None:
        """`taken` is what a former gateway has left of a listener's sockets, by slot."""
        self._server = server
        self._taken = taken
        self._by_place: dict[str, Listeners] = {FIRST: first}
        self._next: dict[str, Listeners] = {}
        self._doors: Doors = {}
        self._next_doors: Doors = {}
        try:
            self.prepare(server)
        except (PortUnavailableError, CertificateError):
            self.close()
            raise
        self.commit(server)

    # What there is.

    @property
    def url(self) -> str:
        """Where clients connect: the first one's."""
        return self.urls[FIRST]

    @property
    def urls(self) -> dict[str, str]:
        """That of each, by its id, the first one first."""
        listeners = self._server.all_listeners
        return {one.id: url_of(one.bind_address, self._by_place[one.place].port, one.scheme) for one in listeners}

    def described(self, reports: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """As the admin API shows them."""
        connections, urls = self.connections(reports), self.urls
        return [
            {"id": one.id, "url": urls[one.id], "tls": one.tls is not None, "proxy_protocol": one.proxy_protocol,
             "redirect_to_https": one.redirect_to_https, "open_connections": connections[one.id]}
            for one in self._server.all_listeners
        ]  # fmt: skip

    def connections(self, reports: Iterable[Mapping[str, Any]]) -> dict[str, int]:
        """How many are open at each, by what workers have reported."""
        told = [report.get("listeners", {}) for report in reports]
        return {one.id: sum(found.get(one.id, 0) for found in told) for one in self._server.all_listeners}

    # Sockets.

    @property
    def slots(self) -> tuple[int, ...]:
        """All slots with sockets, in order."""
        return self._by_place[FIRST].slots

    def places(self, slots: Iterable[int]) -> set[Place]:
        """Where somebody has to accept for these slots."""
        return {(place, slot) for slot in slots for place in self._by_place}

    def at(self, place: Place) -> socket.socket:
        """The socket there, opened at its first use.

        Raises:
            PortUnavailableError: it cannot be.
        """
        name, slot = place
        return self._by_place[name].for_slot(slot)

    # Configurations.

    def prepare(self, server: ServerSettings) -> None:
        """Open what is new in a configuration; it waits there until `commit` or `discard`.

        Raises:
            PortUnavailableError, CertificateError: it cannot be had, and nothing of it stays.
        """
        self.discard()
        self._next_doors = self._offering(server)
        for one in server.listeners:
            if one.place in self._by_place:
                continue
            try:
                opened = self._next[one.place] = Listeners(
                    one.bind_address, one.port, server.backlog, taken=self._taken(one)
                )
                for slot in self.slots:
                    opened.for_slot(slot)
            except PortUnavailableError as error:
                self.discard()
                raise PortUnavailableError(f"server.listeners.{one.id}: {error}") from None

    def discard(self) -> None:
        """Close what was prepared."""
        opened, self._next = self._next, {}
        for one in opened.values():
            one.close()

    def commit(self, server: ServerSettings) -> None:
        """Go by what was prepared."""
        opened, self._next = self._next, {}
        self._by_place |= opened
        self._server, self._doors = server, self._next_doors
        for place in self._by_place.keys() - {one.place for one in server.all_listeners}:
            self._by_place.pop(place).close()

    def all(self) -> list[tuple[str, int, socket.socket]]:
        """Each socket, with its role in a handover and its slot."""
        return [(public_role(place), *one) for place, found in self._by_place.items() for one in found.all()]

    def close(self) -> None:
        """Close the supervisor's copies: from now on only the workers hold the ports."""
        self.discard()
        for one in self._by_place.values():
            one.close()

    # Certificates: workers offer them; here they are looked at, before anybody listens, and for metrics.

    def _offering(self, server: ServerSettings) -> Doors:
        ports = dict.fromkeys((one.id for one in server.all_listeners), None)
        return doors_of(server.all_listeners, ports, self._doors, lambda *_, **__: None)

    def refresh(self) -> None:
        """Look whether certificates have changed; to be called every few seconds."""
        for door in self._doors.values():
            if door.certificates is not None:
                door.certificates.refresh()

    def certificate_days(self, now: float) -> dict[str, float]:
        """Until when each is good, in days from `now` (seconds since the epoch), by its first name."""
        offered = [door.certificates for door in self._doors.values() if door.certificates is not None]
        return {name: days for one in offered for name, days in one.days_left(now).items()}
