"""The reading that commands show: a short window, so that it tells of now."""

from __future__ import annotations

from datetime import datetime, timedelta

from commands.context import Call
from commands.domain.sli import Reading

WINDOW = timedelta(seconds=10)

#: What a reading of the time since an effect leaves out at its beginning: seconds are counted whole, and are
#: reported a little late.
_MARGIN = timedelta(seconds=1)
#: The least that says something, where what measures knows of each second.
SECONDS = timedelta(seconds=2)


def window_since(effect: datetime, now: datetime, *, grain: timedelta = SECONDS) -> timedelta | None:
    """The window of a reading that holds no traffic from before an effect; None while it would say too little.

    `grain`: the shortest time that the figures are about.
    """
    window = timedelta(seconds=(now - effect - _MARGIN) // timedelta(seconds=1))
    return min(window, max(WINDOW, grain)) if window >= grain else None


async def current_reading(call: Call) -> Reading:
    """How the incident's service does, or the default one; `up` is False when nothing answers."""
    service = call.incident.service if call.incident else call.services.default_service
    return await call.services.telemetry.reading(service, window=WINDOW)


def service_of(call: Call) -> str:
    """The service that `/gw` looks at and changes. An incident may be about any other; the gateway stays this one."""
    return call.services.default_service
