"""`make bench-gateway`: the gateway beside nginx and Envoy, in turn, in one run, under a realistic load.

Ten request headers and a token, an answer of two kilobytes from an nginx that is far faster than any gateway. Paths
differ, and each fourth request has an id and a trace of its own; once more where every one has them. Each
gateway is alone on one core, with all of its processes; upstream and load are on the others. What counts is requests
per processor second of the gateway. Latency is told with one connection, and at a constant rate where it counts from
when each request was due. Rounds alternate, and ratios are of the same round, because a machine is never quiet.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench import gateway_load, gateway_peers
from bench.client import BenchError
from bench.gateway_latency import Latencies
from bench.gateway_peers import Running
from bench.gateway_policies import AWAKE, Policy, known, on_redis
from bench.processes import beside

KEYS = (
    "policies_vs_envoy", "plain_vs_nginx", "added_p50_ms", "p99_ms_at_10k", "redis_vs_local", "replicas_2_vs_1",
    "instance_rps", "rss_mb",
)  # fmt: skip
LOCAL, REDIS = "limits in the process", "limits on Redis"
Start = Callable[[], contextlib.AbstractContextManager[Running]]
PLAIN, GUARDED, NGINX, ENVOY, ENVOY_GUARDED = (
    "ours", "ours with policies", "nginx", "envoy", "envoy with policies",
)  # fmt: skip
#: Told for latency only, and in no figure of the last line: it is a setting that costs a processor.
POLLING = "ours, busy polling"
ALONE = Latencies.ALONE
#: The same where each request has an id and a trace of its own: nothing that is known of another head is of any use.
UNALIKE = {GUARDED: "ours, no heads alike", ENVOY_GUARDED: "envoy, no heads alike"}


class Bench:
    """One run: where things are, how long they are measured, and what was found, by name and round."""

    def __init__(self, directory: Path, options: argparse.Namespace, programs: dict[str, Path]) -> None:
        self.directory = directory
        self.options = options
        self.programs = programs
        cores = sorted(os.sched_getaffinity(0))
        self.own_core = str(cores[0])
        self.other_cores = ",".join(str(core) for core in cores[1:]) or self.own_core
        # What is started without a core of its own stays off the gateway's, too.
        os.sched_setaffinity(0, cores[1:] or cores)
        if len(cores) == 1:
            print("there is one core only: load, upstream and gateway share it, and rates and latencies are not theirs")
        self.per_second: dict[str, list[float]] = defaultdict(list)
        self.rps: dict[str, list[float]] = defaultdict(list)
        self.rss: dict[str, float] = {}
        self.latencies = Latencies(options, self.other_cores)

    def servers(self, behind: int, policies: tuple[Policy, ...]) -> dict[str, Start]:
        """What is measured, in this order."""
        place, core = self.directory, self.own_core
        nginx, envoy = self.programs["nginx"], self.programs["envoy"]
        return {
            PLAIN: lambda: gateway_peers.tocsin(place, PLAIN, core, behind, ()),
            NGINX: lambda: gateway_peers.nginx(place, nginx, core, behind),
            GUARDED: lambda: gateway_peers.tocsin(place, GUARDED, core, behind, policies),
            ENVOY_GUARDED: lambda: gateway_peers.envoy(place, envoy, core, behind, policies),
            ENVOY: lambda: gateway_peers.envoy(place, envoy, core, behind, ()),
        }

    def throughput(
        self,
        name: str,
        running: Running,
        others: tuple[Running, ...] = (),
        own_id_each: int = gateway_load.OWN_ID_EACH,
    ) -> None:
        """As much as it takes, and what of the processor that costs."""
        everyone = (running, *others)
        self._load(everyone, seconds=1)
        before = sum(one.cpu_seconds() for one in everyone)
        served = self._load(everyone, seconds=self.options.seconds, own_id_each=own_id_each)
        used = sum(one.cpu_seconds() for one in everyone) - before
        requests = sum(one.requests for one in served)
        self.per_second[name].append(requests / used)
        self.rps[name].append(requests / max(one.seconds for one in served))
        self.rss[name] = sum(one.rss_mb() for one in everyone)

    def _load(
        self, everyone: tuple[Running, ...], *, seconds: int, own_id_each: int = gateway_load.OWN_ID_EACH
    ) -> list[gateway_load.Served]:
        connections = self.options.connections // len(everyone)
        with ThreadPoolExecutor(len(everyone)) as senders:
            return list(
                senders.map(
                    lambda one: gateway_load.wrk(
                        one.port,
                        connections=connections,
                        seconds=seconds,
                        core=self.other_cores,
                        own_id_each=own_id_each,
                    ),
                    everyone,
                )
            )

    def told(self, names: list[str]) -> None:
        """A line for each."""
        print(f"{'':22}{'req/CPU-s':>10}{'req/s':>9}{'RSS MB':>8}{Latencies.title(self.options.rate)}")
        for name in names:
            cost, rate = _median(self.per_second, name), _median(self.rps, name)
            print(f"{name:22}{cost:>10,.0f}{rate:>9,.0f}{self.rss.get(name, 0):>8.0f}{self.latencies.told(name)}")

    def told_besides(self, names: list[str]) -> None:
        """What the machine's part in the targets is, and the ratio where nothing of a head repeats."""
        added = ", ".join(f"{name} {self.latencies.added(name):.3f}" for name in names)
        print(f"added to the p50 with one connection, in ms: {added}")
        unalike = self.ratio(UNALIKE[GUARDED], UNALIKE[ENVOY_GUARDED])
        print(f"with policies, where no two heads are alike: {unalike} times Envoy")

    def ratio(self, one: str, other: str) -> float | None:
        """Requests per processor second: the median over the rounds, each round by itself."""
        pairs = zip(self.per_second[one], self.per_second[other], strict=False)
        ratios = [mine / theirs for mine, theirs in pairs]
        return round(statistics.median(ratios), 3) if ratios else None


def _median(found: dict[str, list[float]], name: str) -> float:
    return statistics.median(found[name]) if found[name] else 0.0


def _measured(bench: Bench) -> dict[str, float | None]:
    policies, missing = known()
    print(f"policies: {', '.join(one.name for one in policies)}, metrics")
    if missing:
        print(f"not in the gateway yet, so on neither side: {', '.join(missing)}")
    with gateway_peers.upstream(bench.directory, bench.programs["nginx"], bench.other_cores) as behind:
        servers = bench.servers(behind.port, policies)
        for _ in range(bench.options.rounds):
            _round(bench, servers, behind, (*policies, AWAKE))
        _replicas(bench, servers[GUARDED])
        no_redis = _redis(bench, behind.port, policies)
    if no_redis:
        print(f"redis_vs_local is not measured: {no_redis}")
    bench.told([ALONE, *servers, POLLING, *UNALIKE.values(), *([] if no_redis else [LOCAL, REDIS])])
    bench.told_besides([*servers, POLLING])
    return _result(bench, complete=not missing)


def _round(bench: Bench, servers: dict[str, Start], behind: Running, awake: tuple[Policy, ...]) -> None:
    """Each of them once, and the upstream itself in the same minute."""
    bench.latencies.measure(ALONE, behind)
    for name, start in servers.items():
        with start() as running:
            bench.throughput(name, running)
            if name in UNALIKE:
                bench.throughput(UNALIKE[name], running, own_id_each=1)
            bench.latencies.measure(name, running, behind)
    with gateway_peers.tocsin(bench.directory, POLLING, bench.own_core, behind.port, awake) as running:
        bench.latencies.measure(POLLING, running, behind)


def _redis(bench: Bench, behind: int, policies: tuple[Policy, ...]) -> str | None:
    """Limits counted on Redis beside those in the process, in turn; why not, where they cannot be."""
    if known((on_redis("redis://localhost"),))[1]:
        return "rate limits are not kept on Redis yet"
    place, core = bench.directory, bench.own_core
    try:
        with (
            gateway_peers.valkey() as url,
            gateway_peers.tocsin(place, LOCAL, core, behind, policies) as local,
            gateway_peers.tocsin(place, REDIS, core, behind, (*policies, on_redis(url))) as redis,
        ):
            _in_turn(bench, {LOCAL: (local,), REDIS: (redis,)})
    except BenchError as error:
        return str(error)
    return None


def _replicas(bench: Bench, start: Start) -> None:
    """Two of ours on the one core, and one of them alone."""
    with start() as first, start() as second:
        _in_turn(bench, {"one replica": (first,), "two replicas": (first, second)})


def _in_turn(bench: Bench, pair: dict[str, tuple[Running, ...]]) -> None:
    """Both run all the time, and the load changes sides often: a machine's pace changes within a minute."""
    for number in range(bench.options.turns):
        for name in sorted(pair, reverse=number % 2 == 1):
            first, *others = pair[name]
            bench.throughput(name, first, tuple(others))


def _result(bench: Bench, *, complete: bool) -> dict[str, float | None]:
    if not complete:
        print("policies_vs_envoy is of the policies named above only")
    latencies = bench.latencies
    latencies.told_besides(GUARDED)
    values = (
        bench.ratio(GUARDED, ENVOY_GUARDED),
        bench.ratio(PLAIN, NGINX),
        round(latencies.added(GUARDED), 3),
        latencies.p99(GUARDED),
        bench.ratio(REDIS, LOCAL),
        bench.ratio("two replicas", "one replica"),
        round(_median(bench.rps, GUARDED)),
        round(bench.rss[GUARDED], 1),
    )
    return dict(zip(KEYS, values, strict=True))


def _skipped(why: str) -> dict[str, float | None]:
    print(f"not measured: {why}")
    return dict.fromkeys(KEYS)


def _run(options: argparse.Namespace) -> dict[str, float | None]:
    absent = [name for name in ("wrk", "taskset") if shutil.which(name) is None]
    if absent or not hasattr(os, "sched_getaffinity"):
        return _skipped(f"{', '.join(absent) or 'Linux'} is not here (Debian: apt-get install wrk util-linux)")
    try:
        programs = gateway_peers.installed()
    except BenchError as error:
        return _skipped(str(error))
    with tempfile.TemporaryDirectory(prefix="tocsin-bench-", dir=beside()) as name:
        return _measured(Bench(Path(name), options, programs))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of throughput and latency, for each")
    parser.add_argument(
        "--turns", type=int, default=5, help="of Redis beside the process, and of two replicas beside one"
    )
    parser.add_argument("--seconds", type=int, default=3, help="of throughput, each time")
    parser.add_argument("--latency", type=int, default=3, help="seconds with one connection, and at the rate")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=int, default=10_000, help="requests a second, for the latency at a rate")
    print(json.dumps(_run(parser.parse_args())))


if __name__ == "__main__":
    main()
