"""The loads of the gateway's benchmark: wrk, and requests at a constant rate.

`python -m bench.gateway_load PORT RATE SECONDS CONNECTIONS` sends at that rate and prints a line of JSON. Latency
counts from when a request was due: one that is due while all connections are busy waits for one, and its waiting
counts, so nothing is left out because the server was slow (coordinated omission). What the sender itself was late is
told as well.
"""

from __future__ import annotations

import asyncio
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import dataclass

import uvloop

from bench.client import HOST, BenchError
from bench.gateway_token import TOKEN

#: Ten headers and a token, as a browser's script sends them.
HEADERS = {
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, deflate, br",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.7",
    "Authorization": f"Bearer {TOKEN}",
    "Cache-Control": "no-cache",
    "Origin": "https://shop.example.com",
    "Referer": "https://shop.example.com/checkout/basket?step=2",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-site",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "X-Client-Version": "2026.11.3",
}
#: What differs from one request to the next: the order, and the page.
PATH = "/api/orders/{order}?fields=id,total,lines&page={page}"
#: So often a request has an id and a trace of its own, as those of a browser's script and of another service have.
OWN_ID_EACH = 4
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_WAKE_SECONDS = 0.001
_PATIENCE_SECONDS = 3.0
_PREPARED = 1000


@dataclass(frozen=True)
class Served:
    """What wrk counted; milliseconds."""

    requests: int
    seconds: float
    p50: float
    p99: float


def wrk(port: int, *, connections: int, seconds: int, core: str, own_id_each: int = OWN_ID_EACH) -> Served:
    """As many requests as are answered, by so many connections. Raises BenchError.

    Their paths differ, and one of `own_id_each` has headers of its own: with 1, no two heads are alike.
    """
    command = ["taskset", "-c", core, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency"]
    with tempfile.NamedTemporaryFile("w", suffix=".lua", encoding="utf-8") as script:
        script.write(_SCRIPT % {"rest": _rest(HOST), "each": own_id_each})
        script.flush()
        command += ["-s", script.name, f"http://{HOST}:{port}/"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    text = done.stdout
    if done.returncode or "Socket errors" in text or "Non-2xx" in text:
        raise BenchError(f"wrk: {text} {done.stderr}")
    served = re.search(r"(\d+) requests in ([\d.]+)(us|ms|s|m),", text)
    if served is None:
        raise BenchError(f"wrk said what is not understood: {text}")
    span = float(served[2]) * (60 if served[3] == "m" else _UNITS[served[3]] / 1e3)
    return Served(int(served[1]), span, _latency(text, "50"), _latency(text, "99"))


def _latency(text: str, percent: str) -> float:
    found = re.search(rf"^\s+{percent}%\s+([\d.]+)(us|ms|s)$", text, re.MULTILINE)
    if found is None:
        raise BenchError(f"wrk told no latency: {text}")
    return float(found[1]) * _UNITS[found[2]]


def at_rate(port: int, *, rate: int, seconds: int, connections: int, core: str) -> dict[str, float]:
    """What came of a constant rate, sent by a process of its own. Raises BenchError."""
    command = ["taskset", "-c", core, sys.executable, "-m", "bench.gateway_load"]
    command += [str(one) for one in (port, rate, seconds, connections)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"at {rate}/s: {done.stderr.strip().rpartition('BenchError: ')[2]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


_SCRIPT = """
local rest, each, count, random, form = "%(rest)s", %(each)d, 0, math.random, string.format
math.randomseed(os.time())
request = function()
  count = count + 1
  local line = form("GET /api/orders/%%d?fields=id,total,lines&page=%%d HTTP/1.1\\r\\n", random(1000, 9999), count %% 9)
  if count %% each > 0 then return line .. rest end
  local id = form("%%08x%%08x%%08x%%08x", random(0, 2^31 - 1), random(0, 2^31 - 1), random(0, 2^31 - 1), count)
  return form("%%sX-Request-Id: %%s\\r\\nTraceparent: 00-%%s-%%s-01\\r\\n", line, id, id, id:sub(17)) .. rest
end
"""


def _rest(host: str) -> str:
    """The headers that are the same in all requests, and the end of the head, as a script of wrk writes them."""
    lines = [f"Host: {host}", *(f"{name}: {value}" for name, value in HEADERS.items())]
    return "\\r\\n".join([*lines, "", ""])


def request(number: int = 1) -> bytes:
    """One request as it goes over the wire; the number says which of them it is."""
    lines = [f"GET {PATH.format(order=1000 + number * 7919 % 9000, page=number % 9)} HTTP/1.1"]
    if number % OWN_ID_EACH == 0:
        own = f"{number:032x}"
        lines += [f"X-Request-Id: {own}", f"Traceparent: 00-{own}-{own[16:]}-01"]
    lines += [f"Host: {HOST}", *(f"{name}: {value}" for name, value in HEADERS.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Caller(asyncio.Protocol):
    """One connection; each answer is as long as the first."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._size = 0
        self._have = 0
        self._due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        self._rate.free.append(self)

    def ask(self, due: float, request: bytes) -> None:
        self._due, self._have = due, 0
        assert self._transport is not None
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._have == 0 and not data.startswith(b"HTTP/1.1 200"):
            self._rate.failed(f"not a 200: {data[:200]!r}")
        self._have += len(data)
        if not self._size:
            self._measure(data)
        if self._have == self._size:
            self._rate.answered(self, self._due)
        elif self._have > self._size > 0:
            self._rate.failed("an answer was longer than the first")

    def _measure(self, data: bytes) -> None:
        self._buffer += data
        head, found, _ = self._buffer.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if found and length is None:
            self._rate.failed("an answer without a length")
        elif found and length is not None:
            self._size = len(head) + 4 + int(length[1])

    def connection_lost(self, exc: Exception | None) -> None:
        self._rate.failed(f"a connection was closed: {exc}")


class Rate:
    """Sends when it is time, and keeps when each answer came."""

    def __init__(self, rate: int, seconds: int) -> None:
        self._each = 1 / rate
        self._total = rate * seconds
        self._requests = [request(number) for number in range(1, _PREPARED + 1)]
        self._sent = 0
        self._waiting: deque[float] = deque()
        self._loop = asyncio.get_running_loop()
        self._began = 0.0
        self.free: list[Caller] = []
        self.late: list[float] = []
        self.taken: list[float] = []
        self.over: asyncio.Future[None] = self._loop.create_future()

    def start(self) -> None:
        self._began = time.perf_counter() + 0.05
        self._wake()

    def _wake(self) -> None:
        now = time.perf_counter()
        due_count = min(self._total, int((now - self._began) / self._each) + 1) if now >= self._began else 0
        while self._sent < due_count:
            due = self._began + self._sent * self._each
            self._sent += 1
            self.late.append(now - due)
            if self.free:
                self.free.pop().ask(due, self._requests[self._sent % _PREPARED])
            else:
                self._waiting.append(due)
        if self._sent < self._total and not self.over.done():
            self._loop.call_later(_WAKE_SECONDS, self._wake)

    def answered(self, caller: Caller, due: float) -> None:
        self.taken.append(time.perf_counter() - due)
        if self._waiting:
            caller.ask(self._waiting.popleft(), self._requests[len(self.taken) % _PREPARED])
        else:
            self.free.append(caller)
        if len(self.taken) == self._total and not self.over.done():
            self.over.set_result(None)

    def failed(self, why: str) -> None:
        if not self.over.done():
            self.over.set_exception(BenchError(why))


async def _measure(port: int, rate: int, seconds: int, connections: int) -> dict[str, float]:
    sending = Rate(rate, seconds)
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(lambda: Caller(sending), HOST, port)
    began = time.perf_counter()
    sending.start()
    done, _ = await asyncio.wait([sending.over], timeout=seconds + _PATIENCE_SECONDS)
    if not done:
        raise BenchError(f"it did not keep up: {len(sending.taken):,} of {rate * seconds:,} were answered in time")
    sending.over.result()
    sending.failed("over")
    cuts, late = statistics.quantiles(sending.taken, n=1000), statistics.quantiles(sending.late, n=100)
    return {
        "rps": len(sending.taken) / (time.perf_counter() - began),
        "p50": cuts[499] * 1000,
        "p99": cuts[989] * 1000,
        "late_p99": late[98] * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_measure(*(int(one) for one in sys.argv[1:5])))))
