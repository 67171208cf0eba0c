"""The loads of the gateway's benchmark: wrk, and requests at a constant rate (`bench/gateway_rate.py`)."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass

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
    command = ["taskset", "-c", core, sys.executable, "-m", "bench.gateway_rate"]
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
