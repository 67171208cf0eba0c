"""A gateway that begins to start and comes no further than to its workers: what it says on the way."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from gateway.config_source import ConfigSource
from gateway.settings import Settings
from gateway.supervisor.gateway import Gateway
from gateway.supervisor.history import History
from gateway.supervisor.listeners import Listeners, PortUnavailableError
from gateway.supervisor.public_listeners import PublicListeners
from gateway.supervisor.revocation_registry import RevocationRegistry
from gateway.telemetry.log_writer import LogWriter
from tests.gateway.running import settings_for


class NoPorts(Listeners):
    """Every socket is refused."""

    def _opened(self) -> Any:
        raise PortUnavailableError("cannot listen: too many open files")


async def said_at_the_start(source: ConfigSource) -> list[dict[str, Any]]:
    """The records of its log."""
    settings = Settings.model_validate(settings_for("http://127.0.0.1:1"))
    gateway = Gateway(
        settings, source=source, history=History(None), orders=None, writer=LogWriter(None),
        listeners=PublicListeners(NoPorts("127.0.0.1", 0, 16), settings.server),
        revocations=RevocationRegistry(None, 10, time.time),
    )  # fmt: skip
    starting = asyncio.create_task(gateway.start())
    await asyncio.sleep(0)
    found = gateway.ledger.recent.found(limit=20, level=None, grep=None, since=0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    await gateway.stop()
    return list(found["records"])
