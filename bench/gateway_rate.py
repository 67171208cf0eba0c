"""Requests at a constant rate: `python -m bench.gateway_rate PORT RATE SECONDS CONNECTIONS` prints a line of JSON.

Each is sent when it is due, and its latency counts from then: one that is due while all connections are busy waits
for one, and its waiting counts, so nothing is left out because the server was slow (coordinated omission). What the
sender itself was late is told as well.

Debian's senders do not do this: h2load wakes all of its connections at once, each 10 ms, and neither it nor hey counts
from when a request was due. There is no event loop here, because those of Python wake each whole millisecond at best,
and would send what became due meanwhile as a burst.
"""

from __future__ import annotations

import gc
import json
import re
import select
import socket
import statistics
import sys
import time
from collections import deque

from bench.client import HOST, BenchError
from bench.gateway_load import request

_PATIENCE_SECONDS = 3.0
_PREPARED = 1000
_ANSWER_BYTES = 65_536
_clock = time.perf_counter


class Caller:
    """One connection; each answer is as long as the first. Raises BenchError where one is not what it should be."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self._size = 0
        self._have = 0

    def ask(self, due: float, request: bytes) -> None:
        self.due, self._have = due, 0
        if self.socket.send(request) < len(request):
            raise BenchError("a request did not fit into an idle connection")

    def answered(self) -> bool:
        """Read what there is; whether it is all of the answer."""
        data = self.socket.recv(_ANSWER_BYTES)
        if not data:
            raise BenchError("a connection was closed")
        if self._have == 0 and not data.startswith(b"HTTP/1.1 200"):
            raise BenchError(f"not a 200: {data[:200]!r}")
        if not self._size:
            self._size = _size_of(data)
        self._have += len(data)
        if self._have > self._size:
            raise BenchError("an answer was longer than the first")
        return self._have == self._size


def _size_of(data: bytes) -> int:
    head, found, _ = data.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    if not found or length is None:
        raise BenchError("the first answer has no length, or its head came in parts")
    return len(head) + 4 + int(length[1])


class Rate:
    """Sends when it is time, and keeps when each answer came; seconds."""

    def __init__(self, port: int, rate: int, seconds: int, connections: int) -> None:
        self._each = 1 / rate
        self._total = rate * seconds
        self._last = seconds + _PATIENCE_SECONDS
        self._requests = [request(number) for number in range(1, _PREPARED + 1)]
        self._sent = 0
        self._began = 0.0
        self._poll = select.epoll()
        self._callers = {one.socket.fileno(): one for one in (Caller(port) for _ in range(connections))}
        for number in self._callers:
            self._poll.register(number, select.EPOLLIN)
        self._free = list(self._callers.values())
        self._waiting: deque[float] = deque()
        self.late: list[float] = []
        self.taken: list[float] = []

    def run(self) -> None:
        """Send all, and wait for all answers. Raises BenchError."""
        self._began = _clock()
        while len(self.taken) < self._total:
            now = _clock() - self._began
            if now > self._last:
                raise BenchError(f"it did not keep up: {len(self.taken):,} of {self._total:,} were answered in time")
            self._send_due(now)
            if not self._read():
                self._rest()

    def _send_due(self, now: float) -> None:
        while self._sent < self._total and (due := self._sent * self._each) <= now:
            self._sent += 1
            if self._free:
                self._ask(self._free.pop(), due)
            else:
                self._waiting.append(due)
            now = _clock() - self._began

    def _ask(self, caller: Caller, due: float) -> None:
        self.late.append(_clock() - self._began - due)
        caller.ask(due, self._requests[len(self.late) % _PREPARED])

    def _read(self) -> bool:
        """Take what has arrived; whether there was anything."""
        ready = self._poll.poll(0)
        for number, _ in ready:
            caller = self._callers[number]
            if caller.answered():
                self.taken.append(_clock() - self._began - caller.due)
                if self._waiting:
                    caller.ask(self._waiting.popleft(), self._requests[len(self.taken) % _PREPARED])
                else:
                    self._free.append(caller)
        return bool(ready)

    def _rest(self) -> None:
        """Until the next is due; answers are looked for then."""
        until_due = self._began + self._sent * self._each - _clock()
        # Behind the last one, too: who never rests keeps the upstream, on the same core, from answering.
        time.sleep(self._each if self._sent == self._total else max(0.0, min(until_due, self._each)))


def main() -> None:
    """Send, and print what came of it; milliseconds."""
    port, rate, seconds, connections = (int(one) for one in sys.argv[1:5])
    sending = Rate(port, rate, seconds, connections)
    gc.disable()
    began = _clock()
    sending.run()
    found = {"rps": len(sending.taken) / (_clock() - began)}
    cuts, late = statistics.quantiles(sending.taken, n=1000), statistics.quantiles(sending.late, n=100)
    found |= {"p50": cuts[499] * 1000, "p99": cuts[989] * 1000, "late_p99": late[98] * 1000}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
