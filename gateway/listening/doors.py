"""What connections are that come in through one listener, as a worker knows it."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.listening.certificates import Certificates, Tell
from gateway.listening.settings import FIRST, ListenerSettings


class Door:
    """One listener of a configuration. It is the same in the next one, where nothing about it has changed."""

    def __init__(
        self,
        settings: ListenerSettings | None = None,
        https_port: int | None = None,
        certificates: Certificates | None = None,
    ) -> None:
        self.id = FIRST if settings is None else settings.id
        self.settings = settings
        self.https_port = https_port
        """Where its clients are sent to, instead of being answered; None: they are answered."""
        self.certificates = certificates
        self.open = 0
        """How many clients are connected through it."""
        self.gone = False
        """Whether there is no such listener any more: who is connected may end what runs."""
        self.refresh_at = 0.0

    def leads_the_same(self, settings: ListenerSettings, https_port: int | None) -> bool:
        """Whether that is what it is already; where it listens is another matter."""
        if self.settings is None:
            return False
        moved = {"bind_address": settings.bind_address, "port": settings.port}
        return self.https_port == https_port and self.settings.model_copy(update=moved) == settings


#: By where they listen.
Doors = dict[str, Door]


def doors_of(
    listeners: tuple[ListenerSettings, ...], https_ports: Mapping[str, int | None], known: Doors, tell: Tell
) -> Doors:
    """Those of a configuration; `https_ports` by id.

    Raises:
        CertificateError: one of them would have nothing to offer.
    """
    doors: Doors = {}
    for one in listeners:
        former, port = known.get(one.place), https_ports[one.id]
        if former is not None and former.leads_the_same(one, port):
            doors[one.place] = former
        else:
            doors[one.place] = Door(one, port, None if one.tls is None else Certificates(one.tls, tell))
    return doors
