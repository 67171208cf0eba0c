"""How long requests take: with one connection, and at a constant rate, in each round anew; the medians are told."""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict

from bench import gateway_load
from bench.client import BenchError
from bench.gateway_peers import Running
from bench.undisturbed import undisturbed


class Latencies:
    """What was found, by name and round; milliseconds."""

    ALONE = "upstream alone"
    """The name of the upstream without anything before it, which is measured first in each round."""

    def __init__(self, options: argparse.Namespace, core: str) -> None:
        self._seconds: int = options.latency
        self._rate: int = options.rate
        self._core = core
        self._one: dict[str, list[gateway_load.Served]] = defaultdict(list)
        self._steady: dict[str, list[dict[str, float]]] = defaultdict(list)
        self._undisturbed = True

    def measure(self, name: str, running: Running, *behind: Running) -> None:
        """With one connection, and at the constant rate, which it may not bear: that is said, and left out."""
        processes = [one for each in (running, *behind) for one in each.processes()]
        with undisturbed(processes) as allowed:
            self._undisturbed = self._undisturbed and allowed
            self._one[name].append(
                gateway_load.wrk(running.port, connections=1, seconds=self._seconds, core=self._core)
            )
            try:
                self._steady[name].append(
                    gateway_load.at_rate(
                        running.port, rate=self._rate, seconds=self._seconds, connections=64, core=self._core
                    )
                )
            except BenchError as error:
                print(f"{name}: {error}")

    def added(self, name: str) -> float:
        """To the p50 of the upstream alone, with one connection: the median of what it is in each round."""
        pairs = zip(self._one[name], self._one[self.ALONE], strict=True)
        return statistics.median(one.p50 - alone.p50 for one, alone in pairs)

    def p99(self, name: str) -> float | None:
        """At the constant rate; None where it was never borne."""
        return round(self._of_rate(name, "p99"), 2) if self._steady[name] else None

    @staticmethod
    def title(rate: int) -> str:
        """Of the columns that `told` fills."""
        return f"{'1 conn p50':>12}{'p99 ms':>8}{f'at {rate}/s p50':>17}{'p99 ms':>8}"

    def told(self, name: str) -> str:
        """The columns of one line."""
        alone, rated = f"{'-':>12}{'-':>8}", f"{'-':>17}{'-':>8}"
        if one := self._one[name]:
            p50, p99 = statistics.median(each.p50 for each in one), statistics.median(each.p99 for each in one)
            alone = f"{p50:>12.3f}{p99:>8.3f}"
        if self._steady[name]:
            rated = f"{self._of_rate(name, 'p50'):>17.2f}{self._of_rate(name, 'p99'):>8.2f}"
        return alone + rated

    def told_besides(self, name: str) -> None:
        """How late the sender was, what each round found, and whether other work took part in it."""
        if steady := self._steady[name]:
            each = ", ".join(f"{one['p99']:.2f}" for one in steady)
            late = self._of_rate(name, "late_p99")
            print(f"p99 at {self._rate}/s in each round: {each}; the sender was late by {late:.2f} ms (p99) of that")
        if not self._undisturbed:
            print("real-time priority is not allowed here: what else the machine does is part of these latencies")

    def _of_rate(self, name: str, key: str) -> float:
        return statistics.median(one[key] for one in self._steady[name])
