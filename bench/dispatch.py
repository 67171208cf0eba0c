"""`make bench`: how fast a command is dispatched, beside a bare handler that writes one row.

A dispatch is a signed-in `POST /api/messages` with `/incident note ...` to the real bot: authenticated, stored in
the inbox, parsed, authorised, decided, put on the timeline and into the audit, answered in the record; the request
ends after the commit. Both servers are real processes under uvicorn on SQLite files with synchronous=FULL, asked by
the same client with the same concurrency, in rounds that alternate. The medians of the rounds are compared.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import sqlite3
import statistics
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bench.client import HOST, BenchError, Body, Connection, round_of
from bench.processes import PROGRAM, beside, free_port, process, up


@dataclass
class Measured:
    """The rounds of one server: requests a second, and percentiles in milliseconds."""

    name: str
    rates: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    requests: int = 0

    def add(self, taken: list[float], seconds: float) -> None:
        """One more round."""
        cuts = statistics.quantiles(taken, n=100)
        self.rates.append(len(taken) / seconds)
        self.p50.append(cuts[49] * 1000)
        self.p99.append(cuts[98] * 1000)
        self.requests += len(taken)

    def row(self) -> str:
        """A line of the table."""
        rate, p50, p99 = (statistics.median(values) for values in (self.rates, self.p50, self.p99))
        return f"{self.name:<24}{rate:>12,.0f}{p50:>12.1f}{p99:>12.1f}{self.requests:>12,}"


Side = tuple[Measured, int, Mapping[str, str], Body]


@contextlib.contextmanager
def _tocsin(directory: Path) -> Iterator[int]:
    """The bot, as it is installed, with one person and no gateway to watch; its port."""
    port = free_port()
    settings = {
        "people": [{"id": "ana", "name": "Ana Ruiz", "roles": ["operator"]}],
        "console": {"port": port},
        "watch": {"enabled": False},
        "log_level": "WARNING",
    }
    file = directory / "tocsin.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    token = {"TOCSIN_GATEWAY__ADMIN_TOKEN": "not-used-here"}
    with process(directory, "tocsin", PROGRAM, "serve", "--config", str(file), environment=token):
        yield port


@contextlib.contextmanager
def _bare(directory: Path) -> Iterator[int]:
    """The handler to compare with; its port."""
    port = free_port()
    command = (sys.executable, "-m", "bench.bare", str(directory / "bare.db"), str(port))
    with process(directory, "bare", *command):
        yield port


async def _sign_in(port: int) -> dict[str, str]:
    """Open the page as a browser does: the cookie and the token that its requests carry."""
    page = await Connection.open(port)
    _, head, _ = await page.ask("GET", "/")
    cookie = re.search(r"(?im)^set-cookie: ([^;]+)", head)
    assert cookie is not None, head
    page.close()
    page = await Connection.open(port, {"cookie": cookie[1]})
    _, _, html = await page.ask("GET", "/c/general")
    page.close()
    token = re.search(r'name="csrf-token" content="([^"]+)"', html)
    assert token is not None, html[:400]
    return {"cookie": cookie[1], "x-csrf-token": token[1], "origin": f"http://{HOST}:{port}"}


def _said(channel: str, text: str) -> dict[str, Any]:
    return {"channel": channel, "text": text, "id": uuid.uuid4().hex}


async def _declare(port: int, headers: Mapping[str, str]) -> str:
    """An incident to write notes into; its channel."""
    connection = await Connection.open(port, headers)
    status, _, answer = await connection.ask("POST", "/api/messages", _said("general", "/incident declare sev4 bench"))
    if status != 200:
        raise BenchError(f"{status}: {answer[:300]}")
    try:
        for _ in range(100):
            _, _, listed = await connection.ask("GET", "/api/channels/incidents/messages")
            found = re.search(r"incident-\d{8}-\d{3}", listed)
            if found:
                return found[0]
            await asyncio.sleep(0.05)
    finally:
        connection.close()
    raise BenchError("the incident was not declared")


async def _answered(port: int, headers: Mapping[str, str], channel: str, directory: Path, wanted: int) -> None:
    """Every command has its answer in the record, its event and its audit entry; and the page renders them."""
    connection = await Connection.open(port, headers)
    _, _, shown = await connection.ask("GET", f"/api/channels/{channel}/messages")
    connection.close()
    with contextlib.closing(sqlite3.connect(directory / "var" / "tocsin.db")) as record:
        counts = {
            "answers": "SELECT count(*) FROM tocsin_messages WHERE key LIKE '%:reply' AND channel = ?",
            "events": "SELECT count(*) FROM tocsin_events WHERE type = 'noted' AND stream = ?",
            "inbox": "SELECT count(*) FROM tocsin_inbox WHERE state = 'done' AND reply_channel = ?",
        }
        found = {name: record.execute(query, (channel,)).fetchone()[0] for name, query in counts.items()}
    if set(found.values()) != {wanted} or "a note of the benchmark" not in shown:
        raise BenchError(f"{wanted} commands were acknowledged, but the record has {found}")


async def _measure(directory: Path, rounds: int, seconds: float, concurrency: int) -> tuple[Measured, Measured]:
    dispatch, bare = Measured("command dispatch"), Measured("bare handler, one row")
    with _tocsin(directory) as bot_port, _bare(directory) as bare_port:
        await asyncio.gather(up(bot_port), up(bare_port))
        headers = await _sign_in(bot_port)
        channel = await _declare(bot_port, headers)
        sides: tuple[Side, ...] = (
            (bare, bare_port, {}, lambda n: _said(channel, f"a note of the benchmark, number {n}")),
            (dispatch, bot_port, headers, lambda n: _said(channel, f"/incident note a note of the benchmark {n}")),
        )
        warm = 0
        for number in range(rounds + 1):
            for measured, port, sent, body in sides:
                length = seconds if number else min(seconds, 1.0)
                taken = await round_of(port, sent, body, seconds=length, concurrency=concurrency)
                if number:
                    measured.add(taken, length)
                elif measured is dispatch:
                    warm = len(taken)
        await _answered(bot_port, headers, channel, directory, dispatch.requests + warm)
    return dispatch, bare


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--concurrency", type=int, default=8, help="people who type at the same time")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=beside()) as name:
        measured = _measure(Path(name), options.rounds, options.seconds, options.concurrency)
        dispatch, bare = asyncio.run(measured)
    print(f"{options.rounds} rounds of {options.seconds:g} s each, {options.concurrency} at a time, medians\n")
    print(f"{'':<24}{'requests/s':>12}{'p50 ms':>12}{'p99 ms':>12}{'requests':>12}")
    print(f"{bare.row()}\n{dispatch.row()}\n")
    rate = statistics.median(dispatch.rates)
    result = {
        "dispatch_per_s": round(rate, 1),
        "p99_ms": round(statistics.median(dispatch.p99), 2),
        "vs_bare": round(rate / statistics.median(bare.rates), 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
