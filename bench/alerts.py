"""`make bench-alerts`: a storm of alerts while people type, beside a bare webhook that writes one row.

Ten thousand different alerts of one service are sent to the real bot at a thousand a second, ten in each delivery as
Alertmanager groups them. A person types notes meanwhile. Afterwards the record must hold each alert once, and one
incident. Then single alerts are sent as fast as they are acknowledged, in rounds that alternate with the bare webhook.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import uvloop
import yaml

from bench.client import BenchError, Connection
from bench.dispatch import _bare, _declare, _said, _sign_in
from bench.processes import PROGRAM, beside, free_port, process, up

TOKEN = "a-token-of-the-benchmark"
RULES = {"rules": [{"name": "all", "then": "declare", "severity": "sev2"}]}
_SETTLE_SECONDS = 120.0


@contextlib.contextmanager
def _tocsin(directory: Path) -> Iterator[tuple[int, int]]:
    """The bot with one sender, whose alerts open an incident; its port and its process."""
    port = free_port()
    (directory / "alerts.yaml").write_text(yaml.safe_dump(RULES), encoding="utf-8")
    settings = {
        "people": [{"id": "ana", "name": "Ana Ruiz", "roles": ["operator"]}],
        "console": {"port": port},
        "watch": {"enabled": False},
        "log_level": "WARNING",
        "alerts": {
            "rules": str(directory / "alerts.yaml"),
            "receivers": {"prom": {"kind": "alertmanager", "token": TOKEN, "service": "checkout"}},
        },
    }
    file = directory / "tocsin.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    token = {"TOCSIN_GATEWAY__ADMIN_TOKEN": "not-used-here"}
    with process(directory, "tocsin", PROGRAM, "serve", "--config", str(file), environment=token) as pid:
        yield port, pid


def _delivery(first: int, each: int) -> dict[str, Any]:
    """Alerts as Alertmanager sends them."""
    alerts = [
        {
            "status": "firing",
            "labels": {"alertname": f"Alert{number % 7}", "instance": f"host-{number}", "severity": "critical"},
            "annotations": {"summary": "The error rate is above its objective of 1%"},
            "startsAt": "2026-03-01T12:00:00Z",
            "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "https://prometheus.example/graph",
            "fingerprint": f"{number:016x}",
        }
        for number in range(first, first + each)
    ]
    return {"version": "4", "status": "firing", "receiver": "tocsin", "alerts": alerts}


async def _storm(port: int, count: int, rate: float, each: int) -> float:
    """Send them at that rate; seconds until the last one was acknowledged."""
    waiting: asyncio.Queue[int | None] = asyncio.Queue()
    senders = [asyncio.create_task(_send(port, waiting, each)) for _ in range(16)]
    began = time.perf_counter()
    for first in range(0, count, each):
        await asyncio.sleep(max(began + first / rate - time.perf_counter(), 0))
        waiting.put_nowait(first)
    for _ in senders:
        waiting.put_nowait(None)
    await asyncio.gather(*senders)
    return time.perf_counter() - began


async def _send(port: int, waiting: asyncio.Queue[int | None], each: int) -> None:
    connection = await Connection.open(port, {"authorization": f"Bearer {TOKEN}"})
    while (first := await waiting.get()) is not None:
        status, _, answer = await connection.ask("POST", "/alerts/prom", _delivery(first, each))
        if status != 202:
            raise BenchError(f"{status}: {answer[:300]}")
    connection.close()


async def _type(port: int, headers: Mapping[str, str], channel: str, per_second: float, taken: list[float]) -> None:
    """A note now and then, until cancelled; the seconds until each was acknowledged."""
    connection = await Connection.open(port, headers)
    while True:
        began = time.perf_counter()
        status, _, answer = await connection.ask("POST", "/api/messages", _said(channel, "/incident note in a storm"))
        taken.append(time.perf_counter() - began)
        if status != 200:
            raise BenchError(f"{status}: {answer[:300]}")
        await asyncio.sleep(max(1 / per_second - taken[-1], 0))


async def _memory(pid: int, most: list[float]) -> None:
    """The most memory that was in use, until cancelled."""
    running = psutil.Process(pid)
    while True:
        most.append(running.memory_info().rss / 2**20)
        await asyncio.sleep(0.2)


async def _settled(directory: Path, count: int) -> dict[str, int]:
    """What the record holds once all is worked off. Raises BenchError for what was lost or doubled."""
    queries = {
        "waiting": "SELECT count(*) FROM tocsin_alert_arrivals WHERE finished_at IS NULL",
        "taken": "SELECT sum(alerts) FROM tocsin_alert_arrivals",
        "alerts": "SELECT count(*) FROM tocsin_alerts WHERE firing",
        "incidents": "SELECT count(*) FROM tocsin_events WHERE type = 'declared' AND actor = 'tocsin'",
        "cards": "SELECT count(*) FROM tocsin_messages WHERE key LIKE '%:alerts'",
    }
    deadline, found = time.monotonic() + _SETTLE_SECONDS, dict[str, int]()
    while time.monotonic() < deadline:
        with contextlib.closing(sqlite3.connect(directory / "var" / "tocsin.db")) as record:
            found = {name: record.execute(query).fetchone()[0] for name, query in queries.items()}
        if found["waiting"] == 0:
            break
        await asyncio.sleep(0.2)
    if found != {"waiting": 0, "taken": count, "alerts": count, "incidents": 1, "cards": 1}:
        raise BenchError(f"{count} alerts were acknowledged, but the record has {found}")
    return found


async def _as_fast_as_it_can(port: int, path: str, start: int, seconds: float) -> float:
    """Single alerts, acknowledged in a second, by eight senders."""
    end, done = time.perf_counter() + seconds, 0

    async def send(place: int) -> None:
        nonlocal done
        connection = await Connection.open(port, {"authorization": f"Bearer {TOKEN}"})
        number = start + place
        while time.perf_counter() < end:
            status, _, answer = await connection.ask("POST", path, _delivery(number, 1))
            if status not in {200, 202}:
                raise BenchError(f"{status}: {answer[:300]}")
            done += 1
            number += 8
        connection.close()

    await asyncio.gather(*(send(place) for place in range(8)))
    return done / seconds


async def _measure(directory: Path, options: argparse.Namespace) -> dict[str, float]:
    taken, most = list[float](), list[float]()
    with _tocsin(directory) as (port, pid), _bare(directory) as bare_port:
        await asyncio.gather(up(port), up(bare_port))
        headers = await _sign_in(port)
        channel = await _declare(port, headers)
        beside_it = [
            asyncio.create_task(_type(port, headers, channel, options.commands, taken)),
            asyncio.create_task(_memory(pid, most)),
        ]
        seconds = await _storm(port, options.alerts, options.rate, options.each)
        acknowledged = time.perf_counter()
        found = await _settled(directory, options.alerts)
        print(f"worked off {time.perf_counter() - acknowledged:.1f} s after the last acknowledgement: {found}")
        for task in beside_it:
            task.cancel()
        failed = [
            one for one in await asyncio.gather(*beside_it, return_exceptions=True) if isinstance(one, BenchError)
        ]
        if failed:
            raise failed[0]
        rates: dict[str, list[float]] = {"prom": [], "bare": []}
        for number in range(options.rounds):
            for name, at in (("bare", bare_port), ("prom", port)):
                start = 1_000_000 * (number + 1)
                rates[name].append(await _as_fast_as_it_can(at, f"/alerts/{name}", start, options.seconds))
    cuts = statistics.quantiles(taken, n=100)
    bare, own = (statistics.median(rates[name]) for name in ("bare", "prom"))
    print(f"{len(taken)} commands meanwhile: p50 {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms")
    print(f"single alerts, as fast as can be: {own:,.0f} a second; the bare webhook {bare:,.0f}")
    return {
        "alerts_per_s": round(options.alerts / seconds, 1),
        "vs_bare": round(own / bare, 3),
        "command_ack_p99_ms": round(cuts[98] * 1000, 1),
        "rss_mb": round(max(most), 1),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--alerts", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1000.0, help="alerts a second")
    parser.add_argument("--each", type=int, default=10, help="alerts of a delivery")
    parser.add_argument("--commands", type=float, default=10.0, help="typed a second")
    parser.add_argument("--rounds", type=int, default=3, help="of single alerts")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each such round")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=beside()) as name:
        result = uvloop.run(_measure(Path(name), options))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
