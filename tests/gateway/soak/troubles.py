"""What happens to the gateway during a soak: reloads, kills of workers, targets and a Redis that fail."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import psutil
import yaml

from tests.gateway.running import TOKEN, RunningGateway, is_worker
from tests.gateway.soak.clients import Crowd
from tests.gateway.soak.measures import peers_of, workers_of
from tests.gateway.soak.origins import Mode, Origin
from tests.gateway.soak.outcomes import Kill, Outcomes, Trouble
from tests.gateway.soak.plan import Plan, generation
from tests.gateway.soak.redis import FlappingRedis

_WAYS = ("file", "signal", "admin")
_MODES: tuple[Mode, ...] = ("stopped", "errors", "hangs")


class Troubles:
    """All of it; `faults` are sentences about what the gateway did not do in time."""

    def __init__(
        self, plan: Plan, gateway: RunningGateway, crowd: Crowd, outcomes: Outcomes, say: Callable[[str], None]
    ) -> None:
        self.faults: list[str] = []
        self.reloads = 0
        self.slowest_reload = 0.0
        self.flaps = 0
        self._plan = plan
        self._gateway = gateway
        self._crowd = crowd
        self._outcomes = outcomes
        self._say = say
        self._document: dict[str, Any] = yaml.safe_load(gateway.config_path.read_text())
        self._admin = httpx.AsyncClient(
            base_url=gateway.ready["admin"], headers={"authorization": f"Bearer {TOKEN}"}, timeout=plan.settle,
            trust_env=False,
        )  # fmt: skip

    async def run(self, origins: tuple[Origin, Origin], redis: FlappingRedis) -> None:
        """Until the crowd is over. What has begun is ended."""
        async with self._admin, asyncio.TaskGroup() as group:
            for work in (self._reload(), self._kill(), self._fail(origins), self._flap(redis)):
                group.create_task(work)

    async def _beats(self, seconds: float) -> AsyncIterator[int]:
        """1, 2, ... each so many seconds, until the crowd is over."""
        began = self._now()
        for number in itertools.count(1):
            if not await self._rest(began + number * seconds - self._now()):
                return
            yield number

    async def _rest(self, seconds: float) -> bool:
        """Whether the crowd still asks after so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._crowd.over.wait(), max(0.0, seconds))
        return not self._crowd.over.is_set()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    async def _until(self, condition: Callable[[], Awaitable[bool]], what: str) -> None:
        """Wait for what the gateway has to do; it is a fault if it does not."""
        deadline = self._now() + self._plan.settle
        while not await condition():
            if self._now() > deadline:
                self.faults.append(f"not within {self._plan.settle:.0f} s: {what}")
                return
            await asyncio.sleep(0.05)

    # Reloads.

    async def _reload(self) -> None:
        async for number in self._beats(self._plan.reload_every):
            began = self._now()
            await self._load(number, _WAYS[number % len(_WAYS)])
            self.slowest_reload = max(self.slowest_reload, self._now() - began)

    async def _load(self, number: int, way: str) -> None:
        """Have the gateway go by another configuration, each time by another way."""
        fresh = self._gateway.config_path.with_name("fresh.yaml")
        fresh.write_text(yaml.safe_dump(generation(self._document, number)))
        fresh.replace(self._gateway.config_path)
        if way == "signal":
            self._gateway.process.send_signal(signal.SIGHUP)
        elif way == "admin":
            body = {"actor": "soak", "reason": f"the {number}th"}
            answer = await self._admin.post("/admin/config/reload", json=body)
            if answer.status_code != 200:
                self.faults.append(f"reload {number}: {answer.status_code} {answer.text}")

        async def agreed() -> bool:
            shown = (await self._admin.get("/admin/config")).json()
            made_by = shown["config"]["headers"]["response"]["set"]["x-generation"]
            return bool(made_by == str(number) and shown["agreed"])

        await self._until(agreed, f"all workers go by configuration {number}, loaded by {way}")
        self._crowd.generation = number
        self.reloads += 1
        error = (await self._admin.get("/admin/status")).json()["config"]["error"]
        if error is not None:
            self.faults.append(f"reload {number}: {error}")

    # Kills.

    async def _kill(self) -> None:
        async for _ in self._beats(self._plan.kill_every):
            await self._until(self._complete, "two workers serve")
            self._strike(await self._youngest())
            await self._until(self._complete, "a killed worker is replaced")

    async def _workers(self) -> list[dict[str, Any]]:
        workers: list[dict[str, Any]] = (await self._admin.get("/admin/workers")).json()["workers"]
        self._gateway.worker_pids |= {one["pid"] for one in workers}
        return [one for one in workers if one["state"] == "ready" and is_worker(one["pid"])]

    async def _complete(self) -> bool:
        return len(await self._workers()) == 2

    async def _youngest(self) -> int:
        """The same slot each time, so that the other worker is there from the start to the end and shows any growth."""
        return int(max(await self._workers(), key=lambda one: one["started_at"])["pid"])

    def _strike(self, pid: int) -> None:
        """Stopped first, so that it is known exactly whose connections its end cuts."""
        if pid not in workers_of(self._gateway.process.pid):
            return
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            ports = peers_of(pid, self._gateway.port)
            self._outcomes.kills.append(Kill(self._now(), ports))
            os.kill(pid, signal.SIGKILL)
            self._say(f"killed worker {pid} with {len(ports)} connections of clients")

    # Targets and Redis.

    async def _fail(self, origins: tuple[Origin, Origin]) -> None:
        for mode, origin in zip(itertools.cycle(_MODES), itertools.cycle(origins), strict=False):
            if not await self._rest(self._plan.calm):
                return
            self._say(f"target {origin.name}: {mode}")
            began = self._now()
            await origin.turn(mode)
            await self._rest(self._plan.trouble)
            await origin.turn("well")
            self._outcomes.troubles.append(Trouble(origin.name, mode, began, self._now()))

    async def _flap(self, redis: FlappingRedis) -> None:
        for how in itertools.cycle(("stopped", "hangs")):
            if not await self._rest(self._plan.calm * 1.5):
                return
            self.flaps += 1
            self._say(f"Redis: {how}")
            if how == "stopped":
                await redis.stop()
                await self._rest(self._plan.trouble)
                await redis.start()
            else:
                redis.hang()
                await self._rest(self._plan.trouble)
                redis.resume()
