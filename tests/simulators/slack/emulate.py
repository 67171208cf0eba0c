"""The independent Slack emulator of npm, for the differential test: found or installed, and started."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

VERSION = "0.11.2"
CACHE = Path(__file__).parents[3] / "var" / "npm" / f"emulate-{VERSION}"
ENTRY = "node_modules/emulate/dist/index.js"
TOKEN = "xoxb-differential"


class Absent(Exception):  # noqa: N818 - a reason to skip
    """It cannot be had here; the reason."""


async def entry() -> Path:
    """Its program, installed once into a folder that git ignores."""
    if not shutil.which("node") or not shutil.which("npm"):
        raise Absent("node and npm are not installed")
    if not (CACHE / ENTRY).exists():
        await _install()
    return CACHE / ENTRY


async def _install() -> None:
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=CACHE.parent))
    command = ["npm", "install", "--prefix", str(scratch), "--no-audit", "--no-fund", f"emulate@{VERSION}"]
    silent = asyncio.subprocess.DEVNULL
    npm = await asyncio.create_subprocess_exec(*command, cwd=scratch, stdout=silent, stderr=silent)
    try:
        code = await asyncio.wait_for(npm.wait(), 60)
    except TimeoutError as error:
        npm.kill()
        await npm.wait()
        raise Absent("npm does not answer") from error
    if code:
        raise Absent(f"npm cannot install emulate@{VERSION}")
    _keep(scratch)


def _keep(scratch: Path) -> None:
    """Another test may have been faster."""
    if CACHE.exists():
        shutil.rmtree(scratch)
    else:
        scratch.rename(CACHE)


SEED: dict[str, Any] = {
    "slack": {
        "team": {"name": "Acme", "domain": "acme"},
        "users": [
            {"name": name, "real_name": real_name, "email": f"{name}@acme.example"}
            for name, real_name in (("ana", "Ana Alvarez"), ("ben", "Ben Brook"))
        ],
        "channels": [{"name": "incidents"}],
        "tokens": [{"token": TOKEN, "type": "bot"}],
    }
}


@asynccontextmanager
async def emulator() -> AsyncIterator[str]:
    """It listens; the base address of its Web API, behind a shim."""
    program = await entry()
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder) / "seed.json"
        seed.write_text(json.dumps(SEED))
        command = ["node", str(program), "start", "-s", "slack", "-p", str(port), "--seed", str(seed)]
        environment = os.environ | {"NO_COLOR": "1"}
        running = await asyncio.create_subprocess_exec(
            *command, cwd=folder, env=environment, stdout=asyncio.subprocess.PIPE
        )
        try:
            await _listening(running, port)
            async with _shim(f"http://127.0.0.1:{port}/api/") as address:
                yield address
        finally:
            if running.returncode is None:
                running.kill()
            await running.wait()


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def _listening(running: asyncio.subprocess.Process, port: int) -> None:
    """It says where it listens when it does."""
    assert running.stdout
    async with asyncio.timeout(20):
        while line := await running.stdout.readline():
            if str(port) in line.decode():
                return
    raise Absent("emulate does not start")


@asynccontextmanager
async def _shim(target: str) -> AsyncIterator[str]:
    """Sends what comes as a query or in JSON on as a form: emulate reads nothing else of most methods."""
    async with aiohttp.ClientSession(trust_env=False) as session:

        async def forward(request: web.Request) -> web.Response:
            form = dict(request.query)
            if request.content_type == "application/json":
                form |= {name: _flat(value) for name, value in (await request.json()).items()}
            else:
                form |= {name: str(value) for name, value in (await request.post()).items()}
            headers = {"authorization": request.headers.get("authorization", "")}
            address = target + request.match_info["method"]
            async with session.post(address, data=form, headers=headers) as answer:
                return web.Response(body=await answer.read(), status=answer.status, content_type="application/json")

        site = web.Application()
        site.add_routes([web.route("*", "/api/{method}", forward)])
        runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}/api/"
        finally:
            await runner.cleanup()


def _flat(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
