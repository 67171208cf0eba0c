"""Fuzzing the admin API by its own description, with schemathesis: every endpoint, with data that fit and that do not.

`python -m tests.gateway.admin_fuzz --examples 300` takes its time; a part of it is in the suite. The gateway is real,
but for its workers' being processes (see `admin_stand`).
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.gateway.admin_stand import TOKENS, AdminStand
from tests.gateway.running import ROOT

_CONFIG = Path(__file__).parent / "schemathesis.toml"


def fuzzed(
    stand: AdminStand, *, examples: int, seed: int, directory: Path, more: tuple[str, ...] = ()
) -> tuple[int, str]:
    """(exit code, what was told) of a run of schemathesis; with 0, nothing was found."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(_CONFIG), "run",
        f"{stand.url}/admin/openapi.json", "--header", f"Authorization: Bearer {TOKENS['admin']}",
        "--max-examples", str(examples), "--seed", str(seed), "--no-color", *more,
    ]  # fmt: skip
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": paths, "SCHEMATHESIS_HOOKS": "tests.gateway.schemathesis_hooks"}
    done = subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--examples", type=int, default=300, help="of each endpoint, in each phase")
    parser.add_argument("--seed", type=int, default=1)
    given, more = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as place, AdminStand(Path(place)) as stand:
        code, told = fuzzed(stand, examples=given.examples, seed=given.seed, directory=Path(place), more=tuple(more))
    print(told)
    return code


if __name__ == "__main__":
    sys.exit(main())
