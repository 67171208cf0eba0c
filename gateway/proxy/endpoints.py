"""The gateway's own endpoints on the main port: health and metrics. They come before every route."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway import __version__
from gateway.proxy.exchange import Exchange
from gateway.proxy.message import Refused
from gateway.proxy.replies import Reply, json_reply
from gateway.shared_pages import CACHE_PAGES, PUBLIC_PAGES, page_type

if TYPE_CHECKING:
    from gateway.proxy.dataplane import Dataplane

Endpoint = Callable[[Exchange], None]


class OwnEndpoints:
    """Which paths the gateway answers itself, and how."""

    def __init__(self, plane: Dataplane) -> None:
        self._plane = plane
        self.by_path: dict[bytes, tuple[str, Endpoint]] = {}
        if plane.settings.observability.health_enabled:
            self.by_path[b"/health"] = ("_health", self._health)
            probes = plane.settings.observability.health_checks
            if probes.liveness_enabled:
                self.by_path[b"/health/live"] = ("_health", self._live)
            if probes.readiness_enabled:
                self.by_path[b"/health/ready"] = ("_health", self._ready)
        if plane.settings.observability.metrics_enabled:
            for path, name in {**PUBLIC_PAGES, **(CACHE_PAGES if plane.caches else {})}.items():
                self.by_path[path.encode()] = ("_metrics", partial(self._page, name=name))

    def serve(self, exchange: Exchange) -> None:
        """Answer an exchange whose path is one of the gateway's own (`by_path`)."""
        exchange.label, endpoint = self.by_path[exchange.head.path]
        if exchange.head.method not in (b"GET", b"HEAD"):
            allow = ((b"allow", b"GET, HEAD"),)
            exchange.refuse(Refused(405, "method_not_allowed", "this endpoint is read with GET", allow))
        else:
            endpoint(exchange)

    def _health(self, exchange: Exchange) -> None:
        status = "draining" if self._plane.draining else "healthy"
        body: dict[str, Any] = {
            "status": status,
            "service": "tocsin-gateway",
            "version": __version__,
            "worker": self._plane.worker_name,
            "uptime_seconds": round(self._plane.clock() - self._plane.started_at, 3),
            "config": self._plane.running_config,
        }
        if self._plane.listeners:
            body["listeners"] = self._plane.listeners
        if self._plane.log_sinks:
            body["log_sinks"] = self._plane.log_sinks
        exchange.reply(json_reply(503 if self._plane.draining else 200, body))

    def _live(self, exchange: Exchange) -> None:
        exchange.reply(json_reply(200, {"status": "alive"}))

    def _ready(self, exchange: Exchange) -> None:
        ready, checks = self._plane.readiness()
        status = "draining" if self._plane.draining else "ready" if ready else "not_ready"
        told = {name: "ok" if good else "failed" for name, good in checks.items()}
        exchange.reply(json_reply(200 if ready else 503, {"status": status, "checks": told}))

    def _page(self, exchange: Exchange, name: str) -> None:
        """What the supervisor knows of all workers."""
        content_type = page_type(name).encode()

        def answer(text: str | None) -> None:
            if exchange.over:
                return
            if text is None:
                exchange.refuse(Refused(503, f"{name}_unavailable", "the supervisor did not answer in time"))
            else:
                exchange.reply(Reply(200, text.encode(), content_type))

        self._plane.fetch_page(name, answer)
