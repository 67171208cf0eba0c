"""How much pods use: what the metrics API shows, and what autoscalers act on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tests.simulators.kubernetes.store import Object

Metrics = Literal["served", "absent", "broken"]


@dataclass(frozen=True)
class Used:
    """By each pod."""

    cpu: str = "100m"
    memory: str = "128Mi"


@dataclass
class Usage:
    """What each pod uses, by its name or by what its name begins with."""

    known: dict[tuple[str, str], Used] = field(default_factory=dict)
    metrics: Metrics = "served"

    def of(self, pod: Object) -> Used:
        """What a pod uses: what was said of the longest name that fits."""
        meta = pod["metadata"]
        fitting = [
            name
            for space, name in self.known
            if space == meta["namespace"] and (meta["name"] == name or meta["name"].startswith(f"{name}-"))
        ]
        return self.known[meta["namespace"], max(fitting, key=len)] if fitting else Used()
