"""How long a soak takes, how often what happens, and the configuration that the gateway runs with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.gateway.running import settings_for
from tests.gateway.signing import SECRET

#: The answers that `limited` lets through in a second; clients ask for more.
LIMIT = 5
#: The file with what the gateway logs of errors.
ERRORS = "errors.log"
#: The directory with its configurations.
VERSIONS = "versions"


@dataclass(frozen=True, slots=True)
class Plan:
    """All times in seconds."""

    seconds: float
    clients: int = 24
    pause: float = 0.08
    """Between two requests of a client."""
    reload_every: float = 10.0
    kill_every: float = 30.0
    calm: float = 4.0
    """All is well with targets and Redis, before the next of them fails."""
    trouble: float = 6.0
    """One of them fails."""
    silence: float = 2.0
    """The gateway's patience with a target that hangs."""
    patience: float = 30.0
    """A client's, with an answer."""
    settle: float = 60.0
    """What has to come about may take so long."""
    judged_memory: int = 60
    """When memory is looked at first."""


def long_form(minutes: float) -> Plan:
    """With the intervals that the acceptance names."""
    return Plan(seconds=minutes * 60)


def short_form() -> Plan:
    """Two minutes with the same intervals, and fewer requests. A machine that is slow for a while has its time."""
    return Plan(seconds=120, clients=5, pause=0.25, silence=15, patience=60, settle=90)


def document(plan: Plan, ports: tuple[int, int, int], redis_port: int, directory: Path) -> dict[str, Any]:
    """The gateway's settings; `headers` and `timeout_secs` change with each reload."""
    first, second, multiplexed = ports
    made = settings_for(
        f"http://127.0.0.1:{first}",
        workers={"count": 2, "min": 1, "max": 4},
        reload={"check_secs": 0.5},
        admin={"versions_path": str(directory / VERSIONS)},
        server={"request_timeout_secs": plan.patience},
        auth={"jwt_algorithm": "HS256", "jwt_secret": SECRET},
        rate_limiting={
            "redis_url": f"redis://127.0.0.1:{redis_port}/0",
            "redis_retry_secs": 1,
            "default_limit": {"limit": 1_000_000_000, "window_secs": 60, "key_type": "user"},
        },
        logging={
            "recent_records": 500,
            "sinks": [_log_file(directory, "requests.log"), _log_file(directory, ERRORS, min_level="ERROR")],
        },
        upstream={
            "targets": [
                {"id": "first", "address": f"127.0.0.1:{first}"},
                {"id": "second", "address": f"127.0.0.1:{second}"},
            ],
            "timeout_secs": plan.silence,
            "pool_idle_timeout_secs": 1,
            "health_check": {"path": "/health", "interval_secs": 1, "timeout_secs": 1},
            "outlier_detection": {"base_ejection_secs": 2, "max_ejection_secs": 4},
            "retry": {
                "max_retries": 2, "statuses": [500, 502, 503, 504], "budget_percent": 100, "budget_min_per_sec": 100
            },
        },
    )  # fmt: skip
    made["routes"] = [
        _route("small", auth_required=True),
        _route("order", auth_required=True),
        _route("stream"),
        _route("tunnel", auth_required=True, upgrades=["websocket"]),
        {**_route("multiplexed"), "upstream_id": "multiplexed"},
        _route("upload"),
        _route("cached", cache={"enabled": True}),
        _route("limited", rate_limit={"limit": LIMIT, "window_secs": 1, "key_type": "ip", "algorithm": "fixed_window"}),
    ]
    made["upstreams"].append(
        {"id": "multiplexed", "base_url": f"http://127.0.0.1:{multiplexed}", "protocol": "http2"}
    )  # fmt: skip
    made["cache"] = {"cache_size": 1_000_000, "max_entry_bytes": 100_000}
    return generation(made, 0)


def generation(made: dict[str, Any], number: int) -> dict[str, Any]:
    """The same with another value in the header that answers tell it by; each second one has upstreams made anew."""
    made["headers"] = {"response": {"set": {"x-generation": str(number)}}}
    made["upstreams"][0]["connect_timeout_secs"] = 5 + number // 2 % 2
    return made


def _route(name: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "path": f"/{name}", "upstream_id": "backend", **more}


def _log_file(directory: Path, name: str, **more: Any) -> dict[str, Any]:
    return {"type": "file", "file": {"path": str(directory / name), "max_size_mb": 5, "max_backups": 2}, **more}
