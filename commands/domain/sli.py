"""Service level indicators: what is measured before, during and after."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field


class Reading(BaseModel):
    """One reading over a short window.

    `error_rate` is a ratio (0 to 1), latencies are milliseconds (None without requests), `rps` is
    requests per second, `requests` and `errors` count the window, `cache_hit_ratio` is that of all lookups, where there
    is a cache that is measured. `up` False: nothing answered. `trouble`: why there
    are no figures, where that says nothing about the service. `drill`: a fault was injected on purpose.
    """

    model_config = ConfigDict(frozen=True)

    at: AwareDatetime
    up: bool = True
    window_seconds: float = 0
    requests: int = 0
    errors: int = 0
    error_rate: float = 0.0
    rps: float = 0.0
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    cache_hit_ratio: float | None = None
    trouble: str = ""
    drill: bool = False

    def words(self) -> str:
        """One line: `errors 1.2%, p95 41 ms, 180 req/s`."""
        if not self.up:
            return "the gateway does not answer"
        if not self.requests:
            return f"no figures: {self.trouble}" if self.trouble else "no requests"
        hits = "" if self.cache_hit_ratio is None else f", cache hits {self.cache_hit_ratio:.0%}"
        return f"errors {self.error_rate:.1%}, p95 {_ms(self.p95_ms)}{hits}, {self.rps:,.0f} req/s"

    def change_to(self, now: Reading) -> str:
        """What became of it: `errors 12.4% → 0.3%, p95 900 ms → 40 ms`."""
        if not (self.up and self.requests and now.up and now.requests):
            return f"{self.words()} → {now.words()}"
        errors = f"errors {self.error_rate:.1%} → {now.error_rate:.1%}"
        return f"{errors}, p95 {_ms(self.p95_ms)} → {_ms(now.p95_ms)}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f} ms"


class Objectives(BaseModel):
    """The line between good and bad: errors as a ratio, p95 in milliseconds.

    `availability` is what is promised over `period_days`: what is left of it is the error budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_rate: float = 0.05
    p95_ms: float = 500.0
    availability: float = Field(default=0.9999, gt=0, lt=1)
    period_days: float = Field(default=30, gt=0, le=366)

    def met(self, reading: Reading) -> bool:
        """Whether a reading is good. No requests is not good: it says nothing."""
        return reading.up and reading.requests > 0 and not self.breached(reading)

    def breached(self, reading: Reading) -> bool:
        """Whether a reading is bad."""
        if not reading.up:
            return True
        slow = reading.p95_ms is not None and reading.p95_ms > self.p95_ms
        return reading.requests > 0 and (reading.error_rate > self.error_rate or slow)
