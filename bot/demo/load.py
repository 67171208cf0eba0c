"""A steady, bounded load on the gateway: some requests a second, for some hours at most. Ends with its parent."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time

import httpx

from bot.demo.upstream import PATHS

MAX_SECONDS = 8 * 3600.0
MAX_PENDING = 64


async def send(url: str, per_second: float) -> None:
    """Requests at an even pace; what the gateway does not take in time is not sent twice."""
    pending: set[asyncio.Task[None]] = set()
    start = time.monotonic()
    async with httpx.AsyncClient(base_url=url, timeout=10, trust_env=False) as client:
        for number, path in enumerate(itertools.cycle(PATHS)):
            due = start + number / per_second
            if due - start > MAX_SECONDS:
                return
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if len(pending) < MAX_PENDING:
                task = asyncio.create_task(_one(client, path))
                pending.add(task)
                task.add_done_callback(pending.discard)


async def _one(client: httpx.AsyncClient, path: str) -> None:
    try:
        await client.get(path)
    except httpx.HTTPError:
        return  # the gateway counts its own failures; this is only the traffic


async def main(url: str, per_second: float) -> None:
    """Until the time is over, or standard input ends."""
    sending = asyncio.create_task(send(url, per_second))
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
    await asyncio.wait([sending, ended], return_when=asyncio.FIRST_COMPLETED)
    sending.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
