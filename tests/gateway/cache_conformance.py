"""The npm package `http-cache-tests` against the gateway: `python -m tests.gateway.cache_conformance [test-id ...]`.

Installs the package into var/http-cache-tests/ by its name, runs its origin server and its tests, and prints how many
of the required and of the optimal cases hold; the last line is JSON. Skipped, with its reason, where there is no node
or the package cannot be had.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.architecture.reading import ROOT
from tests.gateway.running import running, settings_for, wait_for

PLACE = ROOT / "var" / "http-cache-tests"
PACKAGE = PLACE / "node_modules" / "http-cache-tests"
_KINDS = """
import suites from './tests/index.mjs'
import surrogate from './tests/surrogate-control.mjs'
const cases = [...suites, surrogate].flatMap(suite => suite.tests).filter(test => !test.browser_only)
const kinds = cases.map(test => [test.id, [test.kind || 'required', test.depends_on]])
console.log(JSON.stringify(Object.fromEntries(kinds)))
"""


class Skipped(Exception):  # noqa: N818 - it is no error
    """Why they cannot run here."""


def install() -> None:
    """Have the package, if it is not there yet; no lock file is written, for it would name where it came from."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Skipped("node and npm are needed")
    if PACKAGE.exists():
        return
    PLACE.mkdir(parents=True, exist_ok=True)
    command = ["npm", "install", "--no-save", "--no-package-lock", "--no-audit", "--no-fund", "http-cache-tests"]
    where = ["--prefix", str(PLACE)]
    done = subprocess.run([*command, *where], cwd=PLACE, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise Skipped(f"npm could not install http-cache-tests: {done.stderr.strip().splitlines()[-1:]}")


def node(*arguments: str, **config: str) -> str:
    """What a script of the package prints; `config` is what npm would hand to it."""
    environ = os.environ | {f"npm_package_config_{name}": value for name, value in config.items()}
    done = subprocess.run(
        ["node", "--no-warnings", *arguments],
        cwd=PACKAGE, env=environ, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Skipped(f"the tests did not run: {done.stderr.strip()[-500:]}")
    return done.stdout


@contextmanager
def origin() -> Iterator[str]:
    """The package's own server on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {"protocol": "http", "port": str(port), "pidfile": str(PLACE / "server.pid")}
    environ = os.environ | {f"npm_package_config_{name}": value for name, value in config.items()}
    server = subprocess.Popen(["node", "server/server.mjs"], cwd=PACKAGE, env=environ, stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: _is_open(port), what="the origin server")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def results(case: str = "") -> str:
    """What the tests print of the gateway, with one worker and the cache on for all."""
    with origin() as url:
        document = settings_for(url, cache={"enabled": True}, logging={"level": "ERROR"})
        document["routes"] = document["routes"][:1]
        with running(document, PLACE) as gateway:
            return node("cli.mjs", base=gateway.url, id=case)


def held(found: dict[str, Any], kinds: dict[str, Any]) -> dict[str, list[str]]:
    """The ids of the cases that do not hold, by kind; one that depends on a failed one does not hold either."""
    failed: dict[str, list[str]] = {"required": [], "optimal": [], "check": []}
    for case, (kind, needed) in kinds.items():
        if found.get(case) is not True or any(found.get(one) is not True for one in needed or ()):
            failed[kind].append(case)
    return failed


def main(cases: list[str]) -> int:
    """Run them all, or show those that are named."""
    try:
        install()
        for case in cases:
            sys.stdout.write(results(case))
        if cases:
            return 0
        found = json.loads(results())
        kinds = json.loads(node("--input-type=module", "--eval", _KINDS))
    except Skipped as reason:
        sys.stdout.write(f"skipped: {reason}\n")
        return 0
    failed, total = held(found, kinds), Counter(kind for kind, _ in kinds.values())
    for kind in ("required", "optimal"):
        for case in failed[kind]:
            sys.stdout.write(f"{kind}: {case}: {found.get(case)}\n")
    figures = {kind: f"{total[kind] - len(failed[kind])} of {total[kind]}" for kind in ("required", "optimal", "check")}
    sys.stdout.write(json.dumps(figures) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
