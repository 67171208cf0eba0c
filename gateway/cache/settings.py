"""The settings of the response cache. Sizes and times may be written as in runbook 003: `large`, `64MB`, `15m`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from gateway.sections import Section

#: The words of runbook 003.
SIZES = {"small": 16 * 1024 * 1024, "medium": 64 * 1024 * 1024, "large": 256 * 1024 * 1024}
SPANS = {"short": 60.0, "medium": 300.0, "long": 3600.0}
_UNITS = {"": 1, "b": 1, "kb": 1024, "mb": 1024**2, "gb": 1024**3}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}
_FIGURE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([A-Za-z]*)\s*")


def _figure(value: str, units: dict[str, int], wanted: str) -> float:
    found = _FIGURE.fullmatch(value)
    if found is None or found[2].lower() not in units:
        raise ValueError(f"must be {wanted}")
    return float(found[1]) * units[found[2].lower()]


def _size(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    wanted = "bytes, a number with KB, MB or GB behind it, or small, medium or large"
    return SIZES[value] if value in SIZES else int(_figure(value, _UNITS, wanted))


def _span(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    wanted = "seconds, a number with s, m or h behind it, or short, medium or long"
    return SPANS[value] if value in SPANS else _figure(value, _SECONDS, wanted)


Size = Annotated[int, BeforeValidator(_size), Field(ge=65_536, le=1024**4)]
Ttl = Annotated[float, BeforeValidator(_span), Field(ge=0, le=31_536_000, allow_inf_nan=False)]
Policy = Literal["lru", "lfu", "fifo"]


class CacheProfile(Section):
    """Size, time and policy that go together for one kind of work (runbook 003)."""

    cache_size: Size
    ttl: Ttl
    eviction_policy: Policy


def _profile(size: str, ttl: str, policy: Policy) -> Any:
    def made() -> CacheProfile:
        return CacheProfile.model_validate({"cache_size": size, "ttl": ttl, "eviction_policy": policy})

    return Field(default_factory=made)


class CacheProfiles(Section):
    """The three of runbook 003, with its words for their values."""

    high_traffic_low_latency: CacheProfile = _profile("large", "short", "lru")
    medium_traffic_balanced: CacheProfile = _profile("medium", "medium", "lfu")
    low_traffic_high_throughput: CacheProfile = _profile("small", "long", "fifo")


class CacheSettings(Section):
    """What all routes that are cached have in common."""

    enabled: bool = False
    profile: Literal["high_traffic_low_latency", "medium_traffic_balanced", "low_traffic_high_throughput"] | None = None
    cache_size: Size = SIZES["medium"]
    default_ttl: Ttl = 0.0
    eviction_policy: Policy = "lru"
    max_entry_bytes: Size = 1024 * 1024
    max_variants: Annotated[int, Field(ge=1, le=1000)] = 32
    stale_while_revalidate: Ttl = 0.0
    stale_if_error: Ttl = 0.0
    collapse_wait_secs: Annotated[float, Field(ge=0, le=60)] = 5.0
    obey_requests: bool = True
    max_snapshot_bytes: Size = 64 * 1024 * 1024

    @model_validator(mode="after")
    def _one_entry_fits(self) -> CacheSettings:
        if self.profile is None and self.max_entry_bytes > self.cache_size:
            raise ValueError(f"max_entry_bytes ({self.max_entry_bytes}) is more than cache_size ({self.cache_size})")
        return self

    def by_profile(self, profiles: CacheProfiles) -> CacheSettings:
        """These, with what their profile says in place of their own size, time and policy."""
        if self.profile is None:
            return self
        chosen: CacheProfile = getattr(profiles, self.profile)
        changed = {
            "profile": None, "cache_size": chosen.cache_size, "default_ttl": chosen.ttl,
            "eviction_policy": chosen.eviction_policy,
        }  # fmt: skip
        return CacheSettings.model_validate({**self.model_dump(), **changed})


class RouteCacheSettings(Section):
    """What one route has differently."""

    enabled: bool = True
    default_ttl: Ttl | None = None
    ignore_cookies: bool = False
