"""One target with inputs that are changed at random: `... unguided TARGET SECONDS SEED PLACE`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from tests.gateway.fuzzing.seeds import mutated, seeds
from tests.gateway.fuzzing.targets import Judge


def inputs(target: str, seed: int) -> Iterator[bytes]:
    """The first inputs, then changed ones without end; equal seeds give equal inputs."""
    first, random = seeds(target), Random(seed)
    yield from first
    while True:
        yield mutated(random.choice(first), random, first)


def main(target: str, seconds: str, seed: str, place: str) -> None:
    """Fuzz until the time is over, or something is found."""
    ends, runs = time.monotonic() + float(seconds), 0
    with Judge(target) as judge:
        for data in inputs(target, int(seed) or time.time_ns()):
            try:
                judge(data)
            except Exception:
                (Path(place) / f"crash-{runs}").write_bytes(data)
                print(repr(data))
                raise
            runs += 1
            if time.monotonic() > ends:
                break
    print(f"stat::number_of_executed_units: {runs}")


if __name__ == "__main__":
    main(*sys.argv[1:5])
