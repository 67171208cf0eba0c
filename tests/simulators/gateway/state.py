"""What the simulated gateway is, and the rules by which it changes."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

MINIMUM, MAXIMUM = 1, 20


class Refused(Exception):  # noqa: N818 - an answer
    """A request that changes nothing: a status, a code and a message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def now() -> str:
    """As the admin API writes times."""
    return datetime.now(UTC).isoformat()


@dataclass
class GatewayState:
    """One gateway. `effects` counts, for each operation id, how often it really changed something."""

    uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    desired: int = 3
    errors: int = 2
    effects: Counter[str] = field(default_factory=Counter)
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    finishing: bool = True
    started_at: str = field(default_factory=now)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self, kind: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """A scale or a restart: done once for an operation id, and only on the state that was expected."""
        with self._lock:
            known = self.operations.get(body["operation_id"])
            if known:
                return 200, self._repeated(known, kind, body)
            self._check(body)
            operation = self._begin(kind, body)
            return 202, operation

    def _repeated(self, known: dict[str, Any], kind: str, body: dict[str, Any]) -> dict[str, Any]:
        if known["kind"] != kind or known["after"] != {"replicas": body.get("replicas", self.desired)}:
            raise Refused(409, "conflict", f"operation_id {body['operation_id']!r} was used before")
        return known

    def _check(self, body: dict[str, Any]) -> None:
        found = {"uid": self.uid, "replicas": self.desired}
        for key, wanted in body.get("expected", {}).items():
            if wanted is not None and wanted != found[key]:
                raise Refused(409, "conflict", f"expected {key} {wanted}, found {found[key]}")
        if "replicas" in body and not MINIMUM <= body["replicas"] <= MAXIMUM:
            raise Refused(422, "out_of_limits", f"replicas must be {MINIMUM} to {MAXIMUM}")

    def _begin(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        before, after = self.desired, body.get("replicas", self.desired)
        self.effects[body["operation_id"]] += 1
        self.desired = after
        total = abs(after - before) or len(body.get("workers") or ()) or after
        operation = {
            "operation_id": body["operation_id"],
            "kind": kind,
            "state": "done" if self.finishing else "running",
            "actor": body["actor"],
            "reason": body.get("reason", ""),
            "started_at": now(),
            "finished_at": now() if self.finishing else None,
            "before": {"replicas": before},
            "after": {"replicas": after},
            "progress": {"done": total if self.finishing else 0, "total": total},
            "error": None,
        }
        self.operations[body["operation_id"]] = operation
        return operation

    def finish(self) -> None:
        """Let the operations that run come to their end."""
        with self._lock:
            for one in self.operations.values():
                one.update(
                    state="done", finished_at=now(), progress=one["progress"] | {"done": one["progress"]["total"]}
                )

    def replace(self) -> None:
        """Another gateway under the same name: a new identity, and no memory of operations."""
        with self._lock:
            self.uid, self.operations = str(uuid.uuid4()), {}

    def status(self) -> dict[str, Any]:
        """GET /admin/status."""
        running = next((one for one in self.operations.values() if one["state"] == "running"), None)
        return {
            "uid": self.uid,
            "version": "1.2.3",
            "revision": 7,
            "started_at": self.started_at,
            "replicas": {"desired": self.desired, "ready": self.desired},
            "limits": {"min": MINIMUM, "max": MAXIMUM},
            "operation": running,
            "listen": ["http://127.0.0.1:9"],
        }

    def workers(self) -> list[dict[str, Any]]:
        """GET /admin/workers."""
        one = {"state": "ready", "restarts": 0, "requests_total": 10, "errors_total": 0, "rss_bytes": 2**25}
        return [one | {"name": f"gateway-{n}", "started_at": self.started_at} for n in range(1, self.desired + 1)]

    def summary(self, seconds: int) -> dict[str, Any]:
        """GET /admin/metrics/summary."""
        window = {
            "seconds": seconds,
            "requests": 1000,
            "errors": self.errors,
            "error_rate": self.errors / 1000,
            "rps": 100,
        }
        return {"at": now(), "window": window | {"p50_ms": 8, "p95_ms": 40, "p99_ms": 90}, "by_route": []}
