"""`python -m tests.gateway.soak`: the long form. The last line is one JSON object; the exit code is 1 on a fault."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from tests.gateway.soak.plan import long_form
from tests.gateway.soak.run import soak


def main() -> int:
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long clients ask; the default is 30")
    minutes = parser.parse_args().minutes

    def say(text: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    with tempfile.TemporaryDirectory() as directory:
        verdict = asyncio.run(soak(long_form(minutes), Path(directory), say))
    for fault in verdict["faults"]:
        print(f"FAULT {fault}")
    print(json.dumps({"minutes": minutes, **verdict, "faults": len(verdict["faults"])}))
    return 1 if verdict["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
