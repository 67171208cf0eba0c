"""Bringing a configuration to all workers: each makes what can be wrong of it before any of them goes by it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from gateway.config_file import version_of
from gateway.control import Message
from gateway.listening.certificates import CertificateError
from gateway.settings import ProxySettings, Settings
from gateway.supervisor.listeners import PortUnavailableError
from gateway.supervisor.process import WorkerProcess
from gateway.supervisor.public_listeners import PublicListeners


class Rollout:
    """The configuration that workers go by, and those begin with that start from now on."""

    def __init__(
        self,
        settings: Settings,
        *,
        workers: Callable[[], list[WorkerProcess]],
        ask: Callable[[Message], Awaitable[list[Any]]],
        desired: Callable[[], int],
        revocations: Callable[[], dict[str, Any]],
        listeners: PublicListeners,
        reassign: Callable[[], None],
    ) -> None:
        self.settings = settings
        self.number = 1
        self._workers = workers
        self._ask = ask
        self._desired = desired
        self._revocations = revocations
        self._listeners = listeners
        self._reassign = reassign

    def start(self, name: str) -> Message:
        """What a worker begins with."""
        return {"type": "start", "name": name, **self._told(self.settings, self.number)}

    def _told(self, settings: Settings, number: int) -> Message:
        named = {"number": number, "version": version_of(settings)}
        proxy = ProxySettings.of(settings).for_worker()
        return {**named, "settings": proxy, "workers": self._desired(), "revocations": self._revocations()}

    async def prepare(self, settings: Settings, number: int) -> list[str]:
        """Open its listeners and have all workers make it; what there is to say against it."""
        try:
            self._listeners.prepare(settings.server)
        except (PortUnavailableError, CertificateError) as error:
            return [str(error)]
        for worker in self._workers():
            worker.prepared = number if worker.accepting else 0
        answers = await self._ask({"type": "prepare", **self._told(settings, number)})
        return sorted({answer["error"] for answer in answers if answer["error"] is not None})

    def discard(self) -> None:
        """Have nobody keep what was prepared."""
        self._listeners.discard()
        for worker in self._workers():
            if worker.prepared > self.number:
                worker.prepared = 0
                worker.send({"type": "discard"})

    async def commit(self, settings: Settings, number: int) -> None:
        """Have all workers go by what they have prepared; those that were not asked to prepare it do so first."""
        self.settings, self.number = settings, number
        message = {"type": "prepare", "id": 0, **self._told(settings, number)}
        for worker in self._workers():
            # One that has started meanwhile was told of the one before.
            if worker.accepting and worker.prepared != number:
                worker.send(message)
        await self._ask({"type": "commit", "number": number})
        self._listeners.commit(settings.server)
        self._reassign()
