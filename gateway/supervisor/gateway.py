"""The gateway as a whole: what the admin API reads and changes. It knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway import __version__, config_file
from gateway.background import Background
from gateway.config_source import ConfigSource
from gateway.settings import Settings
from gateway.supervisor.block_registry import BlockRegistry
from gateway.supervisor.cache_control import CacheControl
from gateway.supervisor.cache_figures import CacheFigures
from gateway.supervisor.callers import CALLER, Refusals
from gateway.supervisor.circuit_overrides import CircuitOverrides
from gateway.supervisor.config_versions import KeptVersions
from gateway.supervisor.configurations import Applying, Configurations
from gateway.supervisor.credentials import Credentials
from gateway.supervisor.fault_registry import FaultRegistry
from gateway.supervisor.fleet import Fleet
from gateway.supervisor.history import History
from gateway.supervisor.kept_orders import KeptOrders
from gateway.supervisor.log_shipping import LogShipping
from gateway.supervisor.maintenance_override import MaintenanceOverrides
from gateway.supervisor.operations import ConflictError, Operation, Operations, OutOfLimitsError
from gateway.supervisor.orders_file import OrdersFile
from gateway.supervisor.pages import Pages
from gateway.supervisor.public_listeners import PublicListeners
from gateway.supervisor.revocation_registry import RevocationRegistry
from gateway.supervisor.summary import summary_of
from gateway.supervisor.upstream_targets import UpstreamTargets
from gateway.telemetry.ledger import Ledger
from gateway.telemetry.log_writer import DESCRIPTORS, LogWriter
from gateway.telemetry.records import LEVELS, as_json, iso, record
from gateway.telemetry.redaction import without_secrets

if TYPE_CHECKING:
    from gateway.supervisor.shared_revocations import SharedRevocations

Expected = dict[str, Any]


class Gateway:
    """The supervisor's state and the changes that operators make to it."""

    def __init__(
        self,
        settings: Settings,
        *,
        source: ConfigSource,
        listeners: PublicListeners,
        history: History,
        orders: OrdersFile | None,
        revocations: RevocationRegistry,
        writer: LogWriter,
    ) -> None:
        self.uid = str(uuid.uuid4())
        self.settings = settings
        self.started_at = time.time()
        self.workers_at_start = settings.workers.count
        self.revision = 1
        self.stopping = False
        self.history = history
        self.operations = Operations(history)
        self.ledger = Ledger(settings.logging.recent_records)
        self.refusals = Refusals(self.log)
        self.faults = FaultRegistry(
            lambda: [route.id for route in self.settings.routes], record=self.record_change,
            changed=self._broadcast_faults,
        )  # fmt: skip
        upstreams = [upstream.id for upstream in settings.upstreams]
        self.circuit_overrides = CircuitOverrides(upstreams, record=self.record_change, changed=self._tell_circuits)
        self.maintenance = MaintenanceOverrides(
            lambda: [route.id for route in self.settings.routes], record=self.record_change,
            changed=self._tell_maintenance,
        )  # fmt: skip
        self.blocks = BlockRegistry("network", record=self.record_change, changed=self._tell_blocks)
        self.client_blocks = BlockRegistry("client", record=self.record_change, changed=self._tell_client_blocks)
        self.targets = UpstreamTargets(
            record=self.record_change, broadcast=self._tell_workers, log=self.log,
            reports=lambda: [worker.last_report for worker in self.fleet.workers if worker.last_report],
        )  # fmt: skip
        self.listeners = listeners
        self.logs = LogShipping(settings.logging, writer, self._sink_turned)
        self._clock = asyncio.get_running_loop().time
        self._begun = self._clock()
        self.cache_figures = CacheFigures(settings, clock=self._clock, reports=self._cache_reports)
        self._pages = Pages(self, self._clock)
        self.fleet = Fleet(
            settings, listeners, absorb=self._absorb, log=self.log, pages=self._pages.by_name(),
            revocations=revocations.for_workers, log_socket=self.logs.socket_for_worker,
        )  # fmt: skip
        self.configurations = self._loading(source)
        self.fleet.rollout.number = self.configurations.current.number
        self._shared = self._sharing(revocations)
        self.credentials = Credentials(
            settings.auth, revocations, record=self.record_change, ask=self.fleet.ask, shared=self._shared
        )
        self.cache_control = CacheControl(
            settings, record=self.record_change, ask=self.fleet.ask, workers=lambda: self.fleet.ready,
            holds=self.cache_figures.holds,
        )  # fmt: skip
        self.kept_orders = KeptOrders(self, orders)
        self._background = Background(self.fleet.failed)
        self._stopped = False

    def _loading(self, source: ConfigSource) -> Configurations:
        """Those of this run, with what is kept of the runs before; each goes to all workers."""
        rollout = self.fleet.rollout
        return Configurations(
            source, self.settings,
            Applying(prepare=rollout.prepare, discard=rollout.discard, commit=self._configure),
            kept=KeptVersions(self.settings.admin.versions_path, source, partial(self.log, "WARNING", "config_kept")),
            record=self.record_change, told=self._tell_of_configuration,
        )  # fmt: skip

    def _sharing(self, revocations: RevocationRegistry) -> SharedRevocations | None:
        settings = self.settings.auth.revocations
        if settings.redis_url is None:
            return None
        from gateway.supervisor.shared_revocations import SharedRevocations

        return SharedRevocations(settings, revocations, self.log)

    # The configuration.

    async def _configure(self, settings: Settings, number: int) -> None:
        """Go by these settings, and have the workers do so."""
        if settings.logging.output != self.settings.logging.output:
            self._background.spawn(asyncio.to_thread(self.logs.writer.close))
            self.logs.writer = LogWriter(DESCRIPTORS[settings.logging.output])
        self.logs.configure(settings.logging)
        self.settings = settings
        self.revision += 1
        self.ledger.recent.keep_at_most(settings.logging.recent_records)
        for one in self.circuit_overrides.configure(upstream.id for upstream in settings.upstreams):
            self.log("WARNING", "orders_lost", f"{one.id} is over: upstream {one.upstream!r} is gone", order=one.id)
        self.credentials.configure(settings.auth)
        self.cache_control.configure(settings)
        self.cache_figures.configure(settings)
        self._pages.configure(settings)
        await self.fleet.rollout.commit(settings, number)
        self.targets.configure(settings.upstreams)
        self._broadcast_faults()
        self._tell_circuits()

    def _tell_of_configuration(self, result: str, words: str) -> None:
        refused = self.configurations.last_error
        level = "INFO" if result in {"loaded", "unchanged"} else "ERROR"
        self.log(level, f"config_{result}", words, version=self.configurations.current.hash)
        self.fleet.broadcast({"type": "config_refused", "at": None if refused is None else refused["at"]})

    # Running.

    async def start(self) -> None:
        """Start the configured number of workers and wait until they serve."""
        self.log(
            "INFO",
            "config_loaded",
            f"Configuration loaded from {self.configurations.source.path}",
            version=self.configurations.current.hash,
        )
        for words in self.configurations.source.misplaced():
            self.log("WARNING", "setting_misplaced", words)
        if self._shared is not None:
            # Before anybody is served: what is revoked elsewhere is not believed here for a moment either.
            await self._shared.catch_up(self.credentials.apply)
            self._background.spawn(self._shared.follow(self.credentials.apply))
        self.targets.configure(self.settings.upstreams)
        if states := self._sink_states():
            self.fleet.broadcast({"type": "log_sinks", "states": states})
        await self.fleet.scale_to(self.workers_at_start, lambda: None)

    async def stop(self) -> None:
        """Drain and end all workers, and have the log delivered."""
        if self._stopped:
            return
        self.stopping = True
        self._background.cancel()
        self.targets.stop()
        self.log("INFO", "gateway_stopping", "draining all workers")
        await self.fleet.stop()
        if self._shared is not None:
            await self._shared.close()
        self.log("INFO", "gateway_stopped", "all workers are gone")
        self._stopped = True
        await self.logs.close()

    def log(self, level: str, event_type: str, message: str, **fields: Any) -> None:
        """Write and keep a record of the supervisor's own."""
        if LEVELS[level] < LEVELS[self.settings.logging.lowest_level]:
            return
        now = time.time()
        entry = record(now, level, "supervisor", event_type, without_secrets(message), **fields)
        line = as_json(entry)
        self.ledger.recent.add(now, level, line)
        self.logs.write(line)

    def _sink_turned(self, name: str, why: str | None) -> None:
        """A sink of the log is down, or up again. Workers tell it on /health."""
        if why is None:
            self.log("INFO", "log_sink_up", f"the log sink {name} takes records again", sink=name)
        else:
            self.log("ERROR", "log_sink_down", f"the log sink {name} takes no records: {why}", sink=name)
        self.fleet.broadcast({"type": "log_sinks", "states": self._sink_states()})

    def _sink_states(self) -> dict[str, str]:
        return {name: "up" if count.up else "down" for name, count in self.logs.counts().items()}

    def _absorb(self, report: dict[str, Any]) -> tuple[int, int]:
        self.cache_figures.absorb(report.get("cache"))
        return self.ledger.absorb(report, self._clock())

    def _cache_reports(self) -> list[dict[str, Any]]:
        return [found for worker in self.fleet.workers if (found := worker.last_report.get("cache"))]

    # Changes.

    def scale(
        self, operation_id: str, replicas: int, actor: str, reason: str, expected: Expected
    ) -> tuple[Operation, bool]:
        """Change the number of workers; (operation, whether it is new).

        Raises:
            ConflictError, OutOfLimitsError: nothing was changed.
        """
        arguments = {"replicas": replicas, "actor": actor, "reason": reason, "expected": expected}
        if known := self.operations.repeated(operation_id, "scale", arguments):
            return known, False
        limits = self.settings.workers
        if not limits.min <= replicas <= limits.max:
            raise OutOfLimitsError(f"replicas must be between {limits.min} and {limits.max}, got {replicas}")
        before = self.fleet.desired
        operation = Operation(
            operation_id, "scale", actor, reason, arguments,
            {"replicas": before}, {"replicas": replicas}, abs(replicas - before),
        )  # fmt: skip
        return self._begin(operation, expected, lambda op: self.fleet.scale_to(replicas, op.progressed)), True

    def restart(
        self, operation_id: str, actor: str, reason: str, expected: Expected, workers: list[str] | None = None
    ) -> tuple[Operation, bool]:
        """Replace all workers, or those with these names, one by one; (operation, whether it is new).

        A name is of one process: one that is gone already counts as replaced.

        Raises:
            ConflictError: nothing was changed.
        """
        names = None if workers is None else frozenset(workers)
        wanted = None if names is None else sorted(names)
        arguments = {"actor": actor, "reason": reason, "expected": expected, "workers": wanted}
        if known := self.operations.repeated(operation_id, "restart", arguments):
            return known, False
        before = {"replicas": self.fleet.desired}
        after = before if names is None else {**before, "restarted": len(names)}
        total = before["replicas"] if names is None else len(names)
        operation = Operation(operation_id, "restart", actor, reason, arguments, before, after, total)
        return self._begin(operation, expected, lambda op: self.fleet.restart_all(op.progressed, names)), True

    def _begin(
        self, operation: Operation, expected: Expected, run: Callable[[Operation], Awaitable[None]]
    ) -> Operation:
        self._require(expected)
        self.operations.begin(operation, run)
        self.revision += 1
        self.log(
            "INFO", f"{operation.kind}_started", f"{operation.kind} asked for by {operation.actor}",
            operation_id=operation.operation_id, actor=operation.actor, caller=operation.caller,
            reason=operation.reason,
        )  # fmt: skip
        return operation

    def _require(self, expected: Expected) -> None:
        found = {"uid": self.uid, "replicas": self.fleet.desired}
        for name, value in expected.items():
            if value is not None and value != found[name]:
                raise ConflictError(f"expected {name} {value}, found {found[name]}", found)
        if self.operations.running is not None:
            message = f"operation {self.operations.running.operation_id!r} is still running"
            raise ConflictError(message, found)

    def _broadcast_faults(self) -> None:
        self.revision += 1
        self.fleet.broadcast({"type": "faults", "faults": [fault.for_workers() for fault in self.faults.active()]})

    def _tell_circuits(self) -> None:
        self._tell_workers({"type": "circuits", "orders": self.circuit_overrides.for_workers()})

    def _tell_workers(self, message: dict[str, Any]) -> None:
        self.revision += 1
        self.fleet.broadcast(message)

    def _tell_maintenance(self) -> None:
        self.revision += 1
        held = self.maintenance.held
        self.fleet.broadcast({"type": "maintenance", "order": None if held is None else held.for_workers()})

    def _tell_blocks(self) -> None:
        self.revision += 1
        blocks = [{"network": name, "expires_at": end} for name, end in self.blocks.until().items()]
        self.fleet.broadcast({"type": "blocks", "blocks": blocks})

    def _tell_client_blocks(self) -> None:
        self._tell_workers({"type": "client_blocks", "until": self.client_blocks.until()})

    def record_change(self, kind: str, actor: str, reason: str, before: Any, after: Any) -> None:
        """Record a change before it is made: one that cannot be recorded is not made."""
        change = {
            "at": iso(time.time()), "kind": kind, "operation_id": None, "actor": actor, "caller": CALLER.get(),
            "reason": reason, "before": before, "after": after, "outcome": "done",
        }  # fmt: skip
        self.history.append(f"{kind}-{uuid.uuid4()}", change)
        told = {name: change[name] for name in ("actor", "caller", "reason", "before", "after")}
        self.log("WARNING", kind, f"{kind} by {actor}", **told)

    # Reading.

    def status(self) -> dict[str, Any]:
        """The gateway in one answer."""
        running = self.operations.running
        limits = self.settings.workers
        return {
            "name": "gateway",
            "uid": self.uid,
            "version": __version__,
            "started_at": iso(self.started_at),
            "config_version": self.configurations.current.hash,
            "config": {"number": self.configurations.current.number, "error": self.configurations.last_error},
            "listen": [*self.listeners.urls.values()],
            "listeners": self.listeners.described(worker.last_report for worker in self.fleet.workers),
            "replicas": {"desired": self.fleet.desired, "ready": self.fleet.ready},
            "limits": {"min": limits.min, "max": limits.max},
            "revision": self.revision,
            "orders_kept": self.kept_orders.kept,
            "operation": running.described() if running else None,
            "log_sinks": {name: count.described() for name, count in self.logs.counts().items()},
        }

    async def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Whether any worker can serve, and why not."""
        await self.fleet.collect()
        serving = [one for one in self.fleet.workers if one.state == "ready"]
        ready = [one for one in serving if one.last_report.get("ready")]
        if self.stopping:
            status = "draining"
        elif not serving:
            status = "starting"
        else:
            status = "ready" if ready else "not_ready"
        return status == "ready", {"status": status, "workers": {"ready": len(ready), "serving": len(serving)}}

    async def workers(self) -> list[dict[str, Any]]:
        """Every worker process with fresh numbers."""
        await self.fleet.collect()
        return [worker.described() for worker in self.fleet.workers]

    async def summary(self, seconds: int) -> dict[str, Any]:
        """Requests, errors and latencies of the last `seconds`."""
        await self.fleet.collect()
        now = self._clock()
        return summary_of(self.ledger, now=now, uptime_seconds=now - self._begun, seconds=seconds)

    async def config(self) -> dict[str, Any]:
        """The effective settings, secrets masked, and which of them every worker goes by."""
        await self.fleet.collect()
        current = self.configurations.current
        workers = {one.name: one.last_report.get("config", 0) for one in self.fleet.workers if one.state == "ready"}
        return {
            **current.described(),
            "path": str(self.configurations.source.path),
            "error": self.configurations.last_error,
            "overrides": [one.described() for one in self.configurations.overrides],
            "workers": [{"name": name, "number": number} for name, number in workers.items()],
            "agreed": set(workers.values()) <= {current.number},
            "config": config_file.masked(self.settings),
        }

    def sample_resources(self) -> None:
        """See what is used now; to be called each SAMPLE_SECS."""
        self._pages.resources.sample()
        self.listeners.refresh()
