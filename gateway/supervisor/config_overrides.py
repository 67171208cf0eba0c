"""Keys of the configuration that operators have changed for a while: each expires, and can be undone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from gateway.config_file import ConfigError
from gateway.config_patch import patched
from gateway.settings import Settings
from gateway.telemetry.records import iso

MAX_OVERRIDES = 100


@dataclass(frozen=True, slots=True)
class ConfigOverride:
    """One of them, who asked for it and why. Times are seconds since the epoch."""

    id: str
    changes: dict[str, Any]
    actor: str
    reason: str
    created_at: float
    expires_at: float

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {
            "id": self.id, "changes": self.changes, "actor": self.actor, "reason": self.reason,
            "created_at": iso(self.created_at), "expires_at": iso(self.expires_at),
        }  # fmt: skip


def drafted(changes: dict[str, Any], expires_in_seconds: float, actor: str, reason: str) -> ConfigOverride:
    """One that begins now."""
    now = time.time()
    return ConfigOverride(f"override-{secrets.token_hex(4)}", changes, actor, reason, now, now + expires_in_seconds)


def applied(base: Settings, overrides: Iterable[ConfigOverride]) -> tuple[Settings, list[ConfigOverride]]:
    """The settings with all that hold and still fit, the older first, and those."""
    settings, fitting = base, []
    for one in overrides:
        try:
            settings = patched(settings, one.changes)
        except ConfigError:
            continue  # What it changed is gone from the configuration.
        fitting.append(one)
    return settings, fitting
