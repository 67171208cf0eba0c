"""Fuzz each target for its part of the time, guided by coverage, each in a process of its own; the last line is JSON.

What breaks a rule, hangs or needs too much memory is kept in `var/fuzz/`, printed, and makes the status 1. Without
atheris (it is there for Linux) inputs are changed at random, unguided.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.architecture.reading import ROOT
from tests.gateway.fuzzing.targets import TARGETS

_SHARES = {"requests": 0.4, "answers": 0.25, "http2_frames": 0.2, "proxy_headers": 0.05, "words": 0.1}
_RUNS = re.compile(r"stat::number_of_executed_units: (\d+)")
_MEMORY = re.compile(r"stat::peak_rss_mb:\s+(\d+)")
_COVERAGE = re.compile(r"cov: (\d+)")


def main(arguments: list[str] | None = None) -> int:
    """Run it; the status is 1 where anything was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []], default=[])
    options = parser.parse_args(arguments)
    chosen = options.targets or list(TARGETS)
    whole = sum(_SHARES[target] for target in chosen)
    found = {}
    for target in chosen:
        seconds = max(1, round(60 * options.minutes * _SHARES[target] / whole))
        print(f"{target}: {seconds} s", flush=True)
        found[target] = _fuzzed(target, seconds, options.seed)
        print(json.dumps(found[target]), flush=True)
    total = {"executions": sum(one["executions"] for one in found.values()), "targets": found}
    crashes = sum(len(one["crashes"]) for one in found.values())
    print(json.dumps({"fuzz": {**total, "crashes": crashes, "minutes": options.minutes}}))
    return 1 if crashes else 0


def _fuzzed(target: str, seconds: int, seed: int) -> dict[str, Any]:
    place = ROOT / "var" / "fuzz" / target
    place.mkdir(parents=True, exist_ok=True)
    before = set(_crashes(place))
    is_guided = importlib.util.find_spec("atheris") is not None
    module = f"tests.gateway.fuzzing.{'guided' if is_guided else 'unguided'}"
    command = [sys.executable, "-m", module, target, str(seconds), str(seed), str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, errors="replace", cwd=ROOT)
    said = done.stdout + done.stderr
    crashes = sorted(str(path.relative_to(ROOT)) for path in set(_crashes(place)) - before)
    if done.returncode and not crashes:
        crashes = [f"status {done.returncode}"]
    if crashes:
        print(said[-6000:], flush=True)
    coverage = _COVERAGE.findall(said)
    return {
        "executions": max(map(int, _RUNS.findall(said)), default=0), "crashes": crashes, "guided": is_guided,
        "covered_edges": int(coverage[-1]) if coverage else None,
        "peak_rss_mb": max(map(int, _MEMORY.findall(said)), default=None), "seconds": seconds,
    }  # fmt: skip


def _crashes(place: Path) -> list[Path]:
    return [path for kind in ("crash", "timeout", "oom", "leak") for path in place.glob(f"{kind}-*")]


if __name__ == "__main__":
    sys.exit(main())
