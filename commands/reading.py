"""The reading that commands show: a short window, so that it tells of now."""

from __future__ import annotations

from datetime import timedelta

from commands.context import Call
from commands.domain.sli import Reading

WINDOW = timedelta(seconds=10)


async def current_reading(call: Call) -> Reading:
    """How the service at hand does; `up` is False when nothing answers."""
    return await call.services.telemetry.reading(service_of(call), window=WINDOW)


def service_of(call: Call) -> str:
    """The incident's service, else the default one."""
    return call.incident.service if call.incident else call.services.default_service
