"""Active health checks of targets, made once for all workers: each target is asked by itself, in its own rhythm.

A target is taken to be well until `unhealthy_threshold` checks in a row have failed, and to be ill until
`healthy_threshold` have succeeded. What is known is kept by upstream and address, so it outlives other settings.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from gateway.background import described
from gateway.telemetry.records import iso
from gateway.upstreams.settings import HealthCheckSettings, TargetSettings, UpstreamSettings
from gateway.upstreams.tls import context_of, server_name_of

if TYPE_CHECKING:
    import httpx

AGENT = "tocsin-gateway-health-check"
# The first round is soon, but not everybody's at the same moment.
_FIRST_WITHIN_SECS = 1.0
# The whole check has one: see `_asked`.
_NO_TIMEOUT_OF_ITS_OWN = None


@dataclass(slots=True)
class CheckedTarget:
    """What checks have found of one target."""

    settings: HealthCheckSettings
    well: bool | None = None
    """None until enough is known to judge."""
    in_a_row: int = 0
    """How many of the last checks came to the same: good ones above 0, bad ones below."""
    last: dict[str, Any] | None = None
    task: asyncio.Task[None] | None = field(default=None, repr=False)

    def judge(self, *, good: bool) -> bool:
        """Take one check in; says whether the verdict has changed."""
        before = self.well
        self.in_a_row = max(1, self.in_a_row + 1) if good else min(-1, self.in_a_row - 1)
        if self.in_a_row >= self.settings.healthy_threshold:
            self.well = True
        elif -self.in_a_row >= self.settings.unhealthy_threshold:
            self.well = False
        return self.well != before


class HealthChecks:
    """All checks of one gateway. `changed` is told when a verdict has changed; `log` is the supervisor's."""

    def __init__(self, *, log: Callable[..., None], changed: Callable[[], None]) -> None:
        self._log = log
        self._changed = changed
        self._checked: dict[tuple[str, str], CheckedTarget] = {}
        self._names: dict[tuple[str, str], str] = {}

    def follow(self, upstreams: Iterable[UpstreamSettings]) -> None:
        """Check the targets of these from now on, and nobody else's."""
        self.stop()
        before, self._checked, self._names = self._checked, {}, {}
        for upstream in upstreams:
            if upstream.health_check is None:
                continue
            for place in upstream.places:
                key = (upstream.id, place.address)
                checked = before.get(key) or CheckedTarget(upstream.health_check)
                checked.settings = upstream.health_check
                self._checked[key], self._names[key] = checked, place.name
                work = self._check_on(upstream, place, checked)
                checked.task = asyncio.get_running_loop().create_task(work, name=f"health check of {place.name}")
                checked.task.add_done_callback(self._ended)

    def stop(self) -> None:
        """Check nobody any more."""
        for checked in self._checked.values():
            if checked.task is not None:
                checked.task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log("ERROR", "task_failed", f"{task.get_name()}: {described(error)}", task=task.get_name())

    def of(self, upstream: str, address: str) -> CheckedTarget | None:
        """What is known of a target; None where it is not checked."""
        return self._checked.get((upstream, address))

    def for_workers(self) -> dict[str, dict[str, bool]]:
        """Whether it is well, by upstream and target; nothing of those that are not judged yet."""
        told: dict[str, dict[str, bool]] = {}
        for key, checked in self._checked.items():
            if checked.well is not None:
                told.setdefault(key[0], {})[self._names[key]] = checked.well
        return told

    async def _check_on(self, upstream: UpstreamSettings, place: TargetSettings, checked: CheckedTarget) -> None:
        settings = checked.settings
        await asyncio.sleep(random.random() * min(_FIRST_WITHIN_SECS, settings.interval_secs))  # noqa: S311 - no secret
        async with _client(upstream) as client:
            while True:
                began = time.monotonic()
                status, error = await _asked(client, upstream, place)
                took = time.monotonic() - began
                self._took_in(upstream, place, checked, status=status, error=error, took=took)
                await asyncio.sleep(max(0.0, settings.interval_secs - took))

    def _took_in(
        self,
        upstream: UpstreamSettings,
        place: TargetSettings,
        checked: CheckedTarget,
        *,
        status: int | None,
        error: str | None,
        took: float,
    ) -> None:
        good = status is not None and checked.settings.expects(status)
        why = error or (None if good else f"status {status}")
        checked.last = {
            "at": iso(time.time()), "healthy": good, "status": status, "error": why, "took_ms": round(1000 * took, 3),
        }  # fmt: skip
        if not checked.judge(good=good):
            return
        self._changed()
        level, kind = ("INFO", "target_healthy") if checked.well else ("WARNING", "target_unhealthy")
        words = f"{place.name} of {upstream.id} is " + ("healthy" if checked.well else f"unhealthy: {why}")
        self._log(level, kind, words, upstream=upstream.id, target=place.name)


def _client(upstream: UpstreamSettings) -> httpx.AsyncClient:
    # Loaded where there is something to check: it takes a moment at each start.
    import httpx

    # Each check makes a connection of its own: a target that accepts none any more is ill.
    limits = httpx.Limits(max_keepalive_connections=0)
    # With plain http there is nobody to verify, and no need to load certificates.
    verify = context_of(upstream) or False
    is_http2 = upstream.protocol == "http2"
    return httpx.AsyncClient(
        http1=not is_http2,
        http2=is_http2,
        verify=verify,
        limits=limits,
        trust_env=False,
        timeout=_NO_TIMEOUT_OF_ITS_OWN,
    )


async def _asked(
    client: httpx.AsyncClient, upstream: UpstreamSettings, place: TargetSettings
) -> tuple[int | None, str | None]:
    """(the status of its answer or None, what went wrong or None) of one check."""
    assert upstream.health_check is not None
    url = urlsplit(upstream.base_url)
    headers = {"host": url.netloc, "user-agent": AGENT}
    extensions = {"sni_hostname": server_name_of(upstream)} if url.scheme == "https" else {}
    target = f"{url.scheme}://{place.address}{upstream.health_check.path}"
    try:
        async with asyncio.timeout(upstream.health_check.timeout_secs), contextlib.AsyncExitStack() as stack:
            asked = client.stream("GET", target, headers=headers, extensions=extensions)
            answer = await stack.enter_async_context(asked)
            return answer.status_code, None
    except TimeoutError:
        return None, f"no answer in {upstream.health_check.timeout_secs:g} s"
    except Exception as error:
        # Whatever it is, such as a host's name that is none: the next check has to come.
        return None, str(error) or type(error).__name__
