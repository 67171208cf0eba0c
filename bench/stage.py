"""What the Slack benchmark runs: a simulated Slack, the bot, a bare slack-bolt app; each a process of its own."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.processes import PROGRAM, free_port, process
from tests.simulators.slack.control import RemoteSlack

PEOPLE = ("ana", "ben", "carla", "dora")
_TOKEN = {"TOCSIN_GATEWAY__ADMIN_TOKEN": "not-used-here"}


def settings(slack: RemoteSlack, console: int, port: int) -> dict[str, Any]:
    """Four operators, two of them on call, and no gateway to watch."""
    return {
        "people": [
            {"id": one, "name": one.title(), "roles": ["operator"], "email": f"{one}@acme.example"} for one in PEOPLE
        ],
        "on_call": {"gateway": ["ana", "ben"]},
        "console": {"port": console},
        "watch": {"enabled": False},
        "log_level": "WARNING",
        "platforms": {
            "slack": {
                "mode": "http",
                "port": port,
                "bot_token": slack.bot_token,
                "signing_secret": slack.signing_secret,
                "api_base_url": slack.api_url,
            }
        },
    }


@contextlib.contextmanager
def bot(
    directory: Path, slack: RemoteSlack, *, speed: float = 1.0, more: Mapping[str, Any] | None = None
) -> Iterator[int]:
    """Tocsin in mode http, as it is installed; faster where `speed` says so. The port where it takes deliveries."""
    port = free_port()
    file = directory / "tocsin.yaml"
    known = settings(slack, free_port(), port) | dict(more or {})
    file.write_text(yaml.safe_dump(known), encoding="utf-8")
    command = [PROGRAM, "serve", "--config", str(file)]
    if speed != 1:
        command = [sys.executable, "-m", "bench.hasty", str(file), str(speed)]
    with process(directory, "tocsin", *command, environment=_TOKEN):
        yield port


@contextlib.contextmanager
def bolt(directory: Path, slack: RemoteSlack) -> Iterator[int]:
    """The bare app; its port."""
    port = free_port()
    what = (slack.api_url, slack.bot_token, slack.signing_secret)
    with process(directory, "bolt", sys.executable, "-m", "bench.bolt", str(port), *what):
        yield port
