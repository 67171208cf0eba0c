"""`python -m tests.simulators.slack --port 0`: the simulator alone, which prints its addresses as one line of JSON."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
from typing import Any

from tests.simulators.slack.clock import HastyClock, SystemClock
from tests.simulators.slack.control_api import ControlApi
from tests.simulators.slack.deliveries import RETRIES
from tests.simulators.slack.simulator import Slack


def arguments() -> argparse.Namespace:
    """What can be said on the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulators.slack", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 is a free one")
    parser.add_argument("--send-to", action="append", default=[], metavar="URL", help="deliver by HTTP to this address")
    parser.add_argument("--sockets", action="store_true", help="deliver by Socket Mode")
    parser.add_argument("--no-limits", action="store_true", help="no rate limits")
    parser.add_argument("--rotation", action="store_true", help="tokens that expire")
    parser.add_argument("--ack-timeout", type=float, default=3.0, metavar="SECONDS")
    parser.add_argument("--retries", default=",".join(map(str, RETRIES)), help="seconds before each retry of an event")
    parser.add_argument("--unfurl", action="append", default=[], metavar="DOMAIN", help="links that the app wants")
    parser.add_argument("--speed", type=float, default=1.0, metavar="TIMES", help="how much faster its clock goes")
    parser.add_argument("--seed", type=int, default=1, help="of the faults that strike by chance")
    return parser.parse_args()


def options(said: argparse.Namespace) -> dict[str, Any]:
    """The same as the simulator takes it."""
    return {
        "clock": SystemClock() if said.speed == 1 else HastyClock(said.speed),
        "socket_mode": said.sockets,
        "limits": not said.no_limits,
        "rotation": said.rotation,
        "ack_timeout": said.ack_timeout,
        "retries": tuple(float(one) for one in said.retries.split(",") if one),
        "unfurl_domains": said.unfurl,
        "seed": said.seed,
    }


async def serve(said: argparse.Namespace) -> None:
    """Until a signal."""
    slack = Slack(**options(said))
    slack.furnish()
    if not said.sockets:
        slack.send_to(*said.send_to)
    ControlApi(slack).add_to(slack.server.app)
    await slack.server.start(said.port)
    slack.server.tick()
    print(json.dumps(addresses(slack)), flush=True)
    stopped = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, stopped.set)
    await stopped.wait()
    await slack.server.stop()


def addresses(slack: Slack) -> dict[str, str]:
    """What a bot and a test have to know."""
    return {
        "api_url": slack.api_url,
        "control_url": f"{slack.core.base_url}/control/",
        "bot_token": slack.bot_token,
        "app_token": slack.app_token,
        "signing_secret": slack.signing_secret,
        "client_id": slack.core.client_id,
        "client_secret": slack.core.client_secret,
        "team_id": slack.team.id,
    }


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments()))
