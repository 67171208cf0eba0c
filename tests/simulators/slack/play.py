"""`make slack-sim`: Tocsin in a simulated Slack, in the terminal. Choose who you are, type, press buttons, and read.

What is typed goes to Slack as that person typed it: `/incident declare sev2 checkout is slow` is a command, `@tocsin
status` a mention, anything else a message. A line that begins with a colon is for the simulator; `:help` lists them.
Other programs drive the same Slack by its control address (tests/simulators/slack/control.py). Lines may also come
from a file: `make slack-sim ARGS=--no-gateway < lines`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.demo.processes import Stack, stack
from bot.demo.run import free_port
from tests.simulators.slack.clock import SystemClock
from tests.simulators.slack.control_api import ControlApi
from tests.simulators.slack.player import Player
from tests.simulators.slack.simulator import Slack

DIRECTORY = Path("var/slack-sim")
ROOT = Path(__file__).parents[3]
PEOPLE = [
    {"id": "ana", "name": "Ana Alvarez", "roles": ["operator", "admin"], "email": "ana@acme.example"},
    {"id": "ben", "name": "Ben Brook", "roles": ["operator"], "email": "ben@acme.example"},
    {"id": "carla", "name": "Carla Costa", "roles": ["responder"], "email": "carla@acme.example"},
]
_WORKERS, _PER_SECOND = 3, 20.0
_START_SECONDS = 30.0


def arguments() -> argparse.Namespace:
    """What can be said on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=("http", "socket"), default="socket", help="how Slack reaches the bot")
    parser.add_argument("--no-gateway", action="store_true", help="without the demo's gateway and its load")
    parser.add_argument("--port", type=int, default=0, help="of the simulated Slack; 0 is a free one")
    return parser.parse_args()


@contextlib.contextmanager
def _gateway(said: argparse.Namespace) -> Iterator[Stack | None]:
    if said.no_gateway:
        yield None
        return
    with stack(DIRECTORY, workers=_WORKERS, per_second=_PER_SECOND) as started:
        yield started


def settings(slack: Slack, said: argparse.Namespace, gateway: Stack | None) -> dict[str, Any]:
    """The bot's, for this Slack."""
    found: dict[str, Any] = {
        "database_url": f"sqlite:///{(DIRECTORY / 'tocsin.db').resolve()}",
        "people": PEOPLE,
        "on_call": {"gateway": ["ana", "ben"]},
        "console": {"port": free_port(0, any_port=True)},
        "watch": {"enabled": gateway is not None},
        "log_level": "WARNING",
        "platforms": {
            "slack": {
                "mode": said.mode,
                "port": free_port(0, any_port=True),
                "bot_token": slack.bot_token,
                "app_token": slack.app_token,
                "signing_secret": slack.signing_secret,
                "api_base_url": slack.api_url,
            }
        },
    }
    if gateway is not None:
        found["gateway"] = {"admin_url": gateway.admin_url, "admin_token": gateway.admin_token}
    return found


@contextlib.asynccontextmanager
async def _bot(slack: Slack, said: argparse.Namespace, gateway: Stack | None) -> AsyncIterator[dict[str, Any]]:
    """`tocsin serve` as a process of its own; its settings."""
    known = settings(slack, said, gateway)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", dir=DIRECTORY) as file, _log() as log:
        yaml.safe_dump(known, file)
        file.flush()
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        if gateway is None:
            environment["TOCSIN_GATEWAY__ADMIN_TOKEN"] = "there-is-no-gateway"
        command = [str(Path(sys.executable).with_name("tocsin")), "serve", "--config", file.name]
        running = await asyncio.create_subprocess_exec(*command, env=environment, stderr=log, start_new_session=True)
        try:
            await _at_work(slack, running, known["platforms"]["slack"]["port"])
            yield known
        finally:
            with contextlib.suppress(ProcessLookupError):
                running.terminate()
            await running.wait()


def _log() -> Any:
    return (DIRECTORY / "tocsin.log").open("wb")


async def _at_work(slack: Slack, running: asyncio.subprocess.Process, port: int) -> None:
    """Slack meets the bot: by its sockets, or at its address, which must take the challenge."""
    if not slack.core.socket_mode:
        slack.send_to(f"http://127.0.0.1:{port}/slack/events")
    async with asyncio.timeout(_START_SECONDS):
        while not (slack.sockets.connections if slack.core.socket_mode else await slack.verify_url()):
            if running.returncode is not None:
                sys.exit(f"Tocsin did not start:\n{(DIRECTORY / 'tocsin.log').read_text()[-2000:]}")
            await asyncio.sleep(0.2)


async def _lines() -> AsyncIterator[str]:
    """What is typed, read in a thread that nobody has to wait for at the end."""
    loop, typed = asyncio.get_running_loop(), asyncio.Queue[str]()

    def read() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            for line in sys.stdin:
                loop.call_soon_threadsafe(typed.put_nowait, line)
            loop.call_soon_threadsafe(typed.put_nowait, "")

    threading.Thread(target=read, daemon=True).start()
    while line := await typed.get():
        yield line.strip()


async def play(said: argparse.Namespace) -> None:
    """Until `:quit`, the end of the lines, or Ctrl-C."""
    print("Starting ...", flush=True)
    with _gateway(said) as gateway:
        slack = Slack(clock=SystemClock(), socket_mode=said.mode == "socket")
        slack.furnish()
        ControlApi(slack).add_to(slack.server.app)
        await slack.server.start(said.port)
        slack.server.tick()
        try:
            async with _bot(slack, said, gateway) as known:
                print(_welcome(slack, known, gateway), flush=True)
                await Player(slack, by_hand=sys.stdin.isatty()).run(_lines())
        finally:
            await slack.server.stop()
            print("Stopped: everything that was started has ended.")


def _welcome(slack: Slack, known: dict[str, Any], gateway: Stack | None) -> str:
    address = json.dumps({"control_url": f"{slack.core.base_url}/control/", "api_url": slack.api_url})
    return (
        "\n  Tocsin is in a simulated Slack with ana, ben, carla, dora (members) and gus (a guest).\n\n"
        f"  The gateway:   {gateway.gateway_url + '/users' if gateway else 'none (--no-gateway)'}\n"
        f"  The console:   http://127.0.0.1:{known['console']['port']}\n"
        f"  Programs:      {address}\n"
        f"  Logs and data: {DIRECTORY}/\n\n"
        "  Try:           /incident declare sev1 checkout answers 502\n"
        "                 :in 1    (the newest incident's channel)    /gw status    :press Confirm    :as ben\n"
        "                 :help    :quit\n"
    )


def main() -> None:
    """Start all, play, end all."""
    said = arguments()
    # The workspace is new each time, so what the bot remembers of the last one would be of channels that are gone.
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    DIRECTORY.mkdir(parents=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(play(said))


if __name__ == "__main__":
    main()
