"""One soak from the start to its verdict."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil

from gateway.supervisor.config_versions import KEPT
from tests.gateway.running import RunningGateway
from tests.gateway.soak.clients import Crowd
from tests.gateway.soak.measures import Holding, held_by, megabytes_of, workers_of
from tests.gateway.soak.origins import Origin
from tests.gateway.soak.outcomes import Outcomes
from tests.gateway.soak.plan import ERRORS, VERSIONS, Plan, document
from tests.gateway.soak.redis import FlappingRedis
from tests.gateway.soak.troubles import Troubles
from tests.gateway.upstream_http2 import Http2Upstream

#: MB that a worker may have grown by from the first minute to the end, and the supervisor once its memory is full.
GROWTH_MB = 8.0
#: MB that the supervisor fills meanwhile with figures and slowest requests of the last 15 minutes and the last 100
#: configurations; and when, in seconds, they are full.
FIGURES_MB = 32.0
_FULL_AFTER = 1080
#: Descriptors may differ by so many: a log file that is being turned over, a second connection to Redis.
_SPARE = 3
#: Threads that may be made meanwhile: those that files are read in, up to a bound, and a sink that ends.
_SPARE_THREADS = 8
#: Connections to Redis of a worker: what is asked while one is being made gets another one, and both are kept.
_TO_REDIS = 2
#: s; a worker reports each half second, and one that is slow a bit later.
_REPORTED_EACH = 4

#: What no log of a gateway that works has in it.
_BROKEN = ("task_failed", "Traceback", "config_kept")

Verdict = dict[str, Any]


class Soak:
    """A gateway, what is around it, and what is known of it so far."""

    def __init__(self, plan: Plan, directory: Path, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._directory = directory
        self._say = say
        self._origins = (Origin("first"), Origin("second"))
        self._redis = FlappingRedis()
        self._multiplexed = Http2Upstream()
        self._numbers = itertools.count(1)
        self._memory: dict[str, list[float]] = {}

    async def run(self) -> Verdict:
        """What happened, with `faults`: none where all was well."""
        async with self._surroundings():
            ports = (self._origins[0].port, self._origins[1].port, self._multiplexed.port)
            settings = document(self._plan, ports, self._redis.port, self._directory)
            gateway = await asyncio.to_thread(RunningGateway, settings, self._directory)
            try:
                return await self._watched(gateway)
            finally:
                await asyncio.to_thread(gateway.stop)

    @contextlib.asynccontextmanager
    async def _surroundings(self) -> AsyncIterator[None]:
        try:
            for origin in self._origins:
                await origin.turn("well")
            await self._redis.start()
            with self._multiplexed:
                yield
        finally:
            for origin in self._origins:
                await origin.close()
            await self._redis.close()

    async def _watched(self, gateway: RunningGateway) -> Verdict:
        loop = asyncio.get_running_loop()
        warm = Outcomes()
        await self._crowd_of(gateway, warm, 0.5)
        self._say(f"warm after {sum(warm.answers.values())} requests")
        _hang_up(gateway)
        idle = await self._at_rest(gateway, None)
        outcomes = Outcomes()
        crowd = Crowd(self._plan, gateway.port, outcomes, loop.time, self._numbers)
        troubles = Troubles(self._plan, gateway, crowd, outcomes, self._say)
        oldest = workers_of(gateway.process.pid)
        async with asyncio.TaskGroup() as group:
            asking = group.create_task(crowd.run())
            group.create_task(troubles.run(self._origins, self._redis))
            group.create_task(self._look_at_memory(gateway, oldest, crowd))
            await asyncio.wait([asking], timeout=self._plan.seconds)
            crowd.over.set()
        left = await self._at_rest(gateway, idle)
        page = await self._metrics(gateway)
        return self._verdict(outcomes, warm, crowd, troubles, page, (idle, left), _log_of(gateway))

    async def _crowd_of(self, gateway: RunningGateway, outcomes: Outcomes, seconds: float) -> None:
        plan, clock = replace(self._plan, clients=10), asyncio.get_running_loop().time
        crowd = Crowd(plan, gateway.port, outcomes, clock, self._numbers)
        async with asyncio.TaskGroup() as group:
            group.create_task(crowd.run())
            await asyncio.sleep(seconds)
            crowd.over.set()

    # What the processes hold.

    async def _look_at_memory(self, gateway: RunningGateway, oldest: list[int], crowd: Crowd) -> None:
        """Each second, of the supervisor and of the workers of the beginning."""
        began = asyncio.get_running_loop().time()
        while not crowd.over.is_set():
            passed = asyncio.get_running_loop().time() - began
            now = _megabytes(gateway.process.pid, oldest)
            for name, size in now.items():
                self._memory.setdefault(name, []).append(size)
            if len(self._memory["supervisor"]) % 30 == 0:
                self._say(f"{passed:.0f} s: {sum(crowd.outcomes.answers.values())} answers, MB {now}")
            await asyncio.sleep(1)

    async def _at_rest(self, gateway: RunningGateway, idle: list[Holding] | None) -> list[Holding]:
        """What all processes hold, when that is no more than `idle`, or else when it has not changed for a while."""
        deadline, last, since = time.monotonic() + self._plan.settle, list[Holding](), time.monotonic()
        while True:
            held = await asyncio.to_thread(_held_by_all, gateway.process.pid, self._redis.port)
            if held != last:
                last, since = held, time.monotonic()
            calm = len(held) == 3 and time.monotonic() - since > 2.5 if idle is None else _no_more(held, idle)
            if calm or time.monotonic() > deadline:
                return held
            await asyncio.sleep(0.2)

    def _growth(self) -> dict[str, tuple[float, float]]:
        """MB at the time of the first look that counts, and at the end, of who was there all the time."""
        first, whole = self._plan.judged_memory, len(self._memory["supervisor"])
        looks = {name: (sizes, first) for name, sizes in self._memory.items() if len(sizes) >= whole - 2}
        if whole > _FULL_AFTER:
            looks["supervisor, once it is full"] = (self._memory["supervisor"], _FULL_AFTER)
        return {name: (sizes[min(at, len(sizes) - 1)], max(sizes[-3:])) for name, (sizes, at) in looks.items()}

    def _left_on_disk(self) -> list[str]:
        """What is wrong with the configurations that are kept."""
        kept = [path.name for path in (self._directory / VERSIONS).iterdir()]
        odd = [name for name in kept if not name.endswith(".json")]
        return [f"kept configurations: {len(kept)}, {odd}"] if odd or not 0 < len(kept) <= KEPT else []

    # The verdict.

    async def _metrics(self, gateway: RunningGateway) -> str:
        def page() -> str:
            with gateway.client() as client:
                return client.get("/metrics").text

        # A page is a second old at most.
        await asyncio.sleep(1.5)
        return await asyncio.to_thread(page)

    def _verdict(
        self, outcomes: Outcomes, warm: Outcomes, crowd: Crowd, troubles: Troubles, page: str,
        held: tuple[list[Holding], list[Holding]], log: list[str],
    ) -> Verdict:  # fmt: skip
        excuses, failed = outcomes.judged(self._origins)
        faults = [*troubles.faults, *(f"failed: {one}" for one in failed[:50]), *log]
        faults += _counted_wrong(outcomes, warm, page)
        if not _no_more(held[1], held[0]):
            faults.append(f"not given back: {held[1]}, and at first {held[0]}")
        growth = self._growth()
        for name, (before, after) in growth.items():
            if after - before > (FIGURES_MB if name == "supervisor" else GROWTH_MB):
                faults.append(f"{name} grew from {before} to {after} MB")
        faults += self._left_on_disk()
        if dropped := _metric(page, r'gateway_log_sink_records_total{[^}]*result="dropped"[^}]*}'):
            faults.append(f"{dropped:.0f} records of the log were dropped by sinks that nothing ails")
        restarts = _metric(page, "gateway_worker_restarts_total")
        if restarts != len(outcomes.kills):
            faults.append(f"{len(outcomes.kills)} workers were killed, and {restarts:.0f} replaced")
        return {
            "requests": sum(outcomes.answers.values()) + outcomes.unanswered,
            "answers": {f"{kind} {status}": count for (kind, status), count in sorted(outcomes.answers.items())},
            "excused": dict(excuses),
            "failed_without_excuse": len(failed),
            "reloads": troubles.reloads,
            "slowest_reload_secs": round(troubles.slowest_reload, 2),
            "kills": len(outcomes.kills),
            "target_troubles": len(outcomes.troubles),
            "redis_flaps": troubles.flaps,
            "closed_unasked": crowd.closed_unasked,
            "retries": _metric(page, "upstream_retries_total"),
            "tunnels": outcomes.answers["tunnel", 101],
            "log_delivered": _metric(page, r'gateway_log_sink_records_total{[^}]*result="delivered"[^}]*}'),
            "log_dropped": _metric(page, "gateway_log_dropped_total"),
            "memory_mb": growth,
            "held_idle": held[0],
            "held_at_the_end": held[1],
            "faults": faults,
        }


def _hang_up(gateway: RunningGateway) -> None:
    """Have no connection to the admin API that is not used."""
    former = gateway.admin
    gateway.admin = httpx.Client(base_url=former.base_url, headers=former.headers, timeout=10, trust_env=False)
    former.close()


def _held_by_all(supervisor: int, redis_port: int) -> list[Holding]:
    """Of the supervisor, then of each worker; what has gone meanwhile is left out."""
    found = []
    for pid in [supervisor, *workers_of(supervisor)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(held_by(pid, redis_port))
    return found


def _megabytes(supervisor: int, oldest: list[int]) -> dict[str, float]:
    """Of the supervisor and of those of its oldest workers that there still are."""
    still = set(workers_of(supervisor)).intersection(oldest)
    return {"supervisor": megabytes_of(supervisor), **{f"worker {pid}": megabytes_of(pid) for pid in sorted(still)}}


def _no_more(held: list[Holding], idle: list[Holding]) -> bool:
    """Workers are compared with the one that held the most."""
    if len(held) != len(idle):
        return False
    most = Holding(
        max(one.descriptors for one in idle[1:]), max(one.connections for one in idle[1:]), _TO_REDIS,
        max(one.threads for one in idle[1:]),
    )  # fmt: skip
    allowed = [idle[0], *(most for _ in idle[1:])]
    return all(
        now.descriptors <= then.descriptors + _SPARE
        and now.connections <= then.connections
        and now.to_redis <= then.to_redis
        and now.threads <= then.threads + _SPARE_THREADS
        for now, then in zip(held, allowed, strict=True)
    )


def _metric(page: str, pattern: str) -> float:
    lines = (line for line in page.splitlines() if re.match(rf"{pattern}[{{ ]", line))
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _counted_wrong(outcomes: Outcomes, warm: Outcomes, page: str) -> list[str]:
    """Each status by itself: what clients were answered, but for what a killed worker took with it."""
    faults = []
    every = outcomes.answers + warm.answers
    lost = outcomes.lost_with_kills(_REPORTED_EACH)
    for status in sorted({str(status) for _, status in every}):
        answered = sum(count for (_, one), count in every.items() if str(one) == status)
        counted = _metric(page, rf'http_requests_total{{[^}}]*route="[^_][^}}]*status="{status}"}}')
        if not answered - lost <= counted <= answered + outcomes.unanswered:
            faults.append(f"counted {counted:.0f} answers of {status}, clients had {answered}, {lost} perhaps lost")
    return faults


def _log_of(gateway: RunningGateway) -> list[str]:
    """What broke in the gateway itself, by its log."""
    text = gateway.log_path.read_text() + gateway.log_path.with_name(ERRORS).read_text()
    return [f"in the log: {line[:400]}" for line in text.splitlines() if any(word in line for word in _BROKEN)]


async def soak(plan: Plan, directory: Path, say: Callable[[str], None]) -> Verdict:
    """Run one. Raises AssertionError when the gateway does not even start."""
    return await Soak(plan, directory, say).run()
