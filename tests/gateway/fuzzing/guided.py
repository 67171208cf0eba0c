"""One target, guided by the coverage of the gateway's code: `... guided TARGET SECONDS SEED PLACE`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris


def main(target: str, seconds: str, seed: str, place: str) -> None:
    """Fuzz until the time is over; libFuzzer ends the process, with a status that is not 0 where it found anything."""
    with atheris.instrument_imports(include=["gateway"]):
        from tests.gateway.fuzzing.targets import Judge
    from tests.gateway.fuzzing.seeds import mutated, seeds

    first = seeds(target)

    def changed(data: bytes, most: int, number: int) -> bytes:
        """Half of the changes are those of libFuzzer, half know what messages are made of."""
        random = Random(number)
        found = atheris.Mutate(data, most) if random.random() < 0.5 else mutated(data, random, first)
        return found[:most]

    with tempfile.TemporaryDirectory() as corpus, Judge(target) as judge:
        for number, data in enumerate(first):
            (Path(corpus) / str(number)).write_bytes(data)
        options = [
            f"-max_total_time={seconds}", f"-seed={seed}", f"-artifact_prefix={place}/", "-max_len=4096", "-timeout=10",
            "-rss_limit_mb=512", "-print_final_stats=1", "-len_control=0", corpus,
        ]  # fmt: skip
        atheris.Setup([sys.argv[0], *options], lambda data: judge(bytes(data)), custom_mutator=changed)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:5])
