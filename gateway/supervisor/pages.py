"""The pages about all workers as one, made from the supervisor's sums and from what workers last reported."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.supervisor import circuits
from gateway.supervisor.allowance import Allowance
from gateway.supervisor.figures import FigurePages
from gateway.supervisor.resources import Resources
from gateway.telemetry.exposition import Moment, exposition

if TYPE_CHECKING:
    from gateway.settings import Settings
    from gateway.supervisor.gateway import Gateway


class Pages:
    """Reads them off a gateway; `resources` are to be sampled every few seconds."""

    def __init__(self, gateway: Gateway, clock: Callable[[], float]) -> None:
        self._gateway = gateway
        self._clock = clock
        self._began = clock()
        history = gateway.settings.admin.history_path
        self.resources = Resources(
            clock,
            pids=self._pids,
            connections=self._connections_percent,
            disk=Path(history).parent if history else Path(),
            allowance=Allowance(),
        )
        self._figures = FigurePages(
            gateway.ledger,
            self.resources,
            clock=clock,
            worst_circuit=lambda: circuits.gauge(self._circuits()),
            cache=gateway.cache_figures,
            critical=gateway.settings.critical_metrics,
            system=gateway.settings.system_metrics,
        )

    def configure(self, settings: Settings) -> None:
        """Judge by these settings from now on."""
        self._figures.configure(settings.critical_metrics, settings.system_metrics)

    def by_name(self) -> dict[str, Callable[[], str]]:
        """What workers and the metrics port ask for."""
        figures = self._figures
        return {
            "metrics": self.metrics,
            "circuits": lambda: circuits.told(self._circuits(), self._gateway.circuit_overrides.of_upstreams()),
            "performance": lambda: json.dumps(figures.performance()),
            "system": lambda: json.dumps(figures.system()),
            "cache": lambda: json.dumps(self._gateway.cache_figures.stats()),
            "cache_invalidation": lambda: json.dumps(self._gateway.cache_figures.invalidation()),
            "errors": lambda: json.dumps(figures.errors()),
            "error_groups": lambda: json.dumps(figures.error_groups()),
            "alerts": lambda: json.dumps(figures.alerts()),
        }

    def metrics(self) -> str:
        """The Prometheus page."""
        fleet, reports = self._gateway.fleet, self._reports()
        configurations = self._gateway.configurations
        moment = Moment(
            now=self._clock(),
            uptime_seconds=self._clock() - self._began,
            config_version=configurations.current.hash,
            config_number=configurations.current.number,
            config_is_refused=configurations.last_error is not None,
            config_reloads=configurations.counts,
            admin_refusals=self._gateway.refusals.counts,
            desired=fleet.desired,
            ready=fleet.ready,
            open_connections=sum(report["open_connections"] for report in reports),
            listeners=self._gateway.listeners.connections(reports),
            tunnels=sum(report["tunnels"] for report in reports),
            in_flight=sum(report["in_flight"] for report in reports),
            targets=self._gateway.targets.now(),
            certificates=self._certificates(),
            breakers=self._circuits(),
            worker_restarts=fleet.crashes,
            sinks=self._gateway.logs.counts(),
            cache=self._gateway.cache_figures.moment(),
        )
        return exposition(self._gateway.ledger, moment)

    def _certificates(self) -> dict[str, float]:
        return self._gateway.listeners.certificate_days(time.time())

    def _circuits(self) -> circuits.Circuits:
        """Of the workers that take requests: what one knew that leaves is of no interest."""
        workers = self._gateway.fleet.workers
        return circuits.worst(one.last_report for one in workers if one.last_report and one.state == "ready")

    def _reports(self) -> list[dict[str, Any]]:
        return [worker.last_report for worker in self._gateway.fleet.workers if worker.last_report]

    def _pids(self) -> list[int]:
        return [os.getpid(), *(worker.pid for worker in self._gateway.fleet.workers if worker.pid)]

    def _connections_percent(self) -> float:
        """Of what all workers together allow."""
        is_open: int = sum(report["open_connections"] for report in self._reports())
        return 100 * is_open / (self._gateway.settings.server.max_connections * max(1, self._gateway.fleet.ready))
