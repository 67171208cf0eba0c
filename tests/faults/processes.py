"""The bot as its own process, that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from bot.demo.people import ON_CALL, PEOPLE
from tests.faults.client import SECRET, Console
from tests.faults.record import Record
from tests.forked import Forked
from tests.simulators.gateway.server import TOKEN, GatewaySimulator
from tests.waiting import eventually

PACE = {
    "poll_seconds": 0.05, "every_seconds": 0.1, "within_seconds": 5, "effect_within_seconds": 20, "readings": 2,
    "absent_for_seconds": 2,
}  # fmt: skip
PROGRAM = "from bot.cli import main; main()"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class BotProcess:
    """`tocsin serve` with a settings file of its own. `settings` are merged into that file at each start."""

    def __init__(self, directory: Path, database_url: str, gateway_url: str, *, name: str = "bot") -> None:
        self.port = free_port()
        self.console = Console(self.port)
        self.database_url = database_url
        self._directory = directory
        self._config = directory / f"{name}.yaml"
        self.log = directory / f"{name}.log"
        self.settings: dict[str, Any] = {
            "database_url": database_url,
            "secret": SECRET,
            "people": PEOPLE,
            "on_call": ON_CALL,
            "console": {"port": self.port},
            "gateway": {"admin_url": gateway_url, "admin_token": TOKEN, "timeout_seconds": 30},
            "watch": {"enabled": False},
            "clocks": {"enabled": False},
            "verify": PACE,
        }
        self._process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def pid(self) -> int:
        """Of the running process, or of the last one."""
        assert self._process
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def launch_program(self) -> subprocess.Popen[bytes]:
        """Start the program as people do, without waiting."""
        arguments, environment = self._prepared()
        with self.log.open("ab") as log:
            self._process = process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *arguments],
                stdout=log,
                stderr=log,
                cwd=self._directory,
                env=environment,
            )
        return process

    def _prepared(self) -> tuple[list[str], dict[str, str]]:
        self._config.write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        environment = {key: value for key, value in os.environ.items() if not key.startswith("TOCSIN_")}
        environment["PYTHONPATH"] = str(Path(__file__).parents[2])
        return ["serve", "--config", str(self._config)], environment

    def launch(self) -> Forked:
        """Start it without waiting."""
        arguments, environment = self._prepared()
        self._process = process = Forked("bot.cli", arguments, log=self.log, cwd=self._directory, env=environment)
        return process

    def start(self) -> None:
        """Start it, and wait until the console answers."""
        process = self.launch()

        def up() -> bool:
            assert process.poll() is None, f"the bot ended: {self.said()}"
            return self.console.is_up()

        eventually(up, "the bot starts", within=90)

    def kill(self) -> None:
        """kill -9."""
        if self._process:
            self._process.kill()
            self._process.wait(20)

    def restart_after_kill(self, record: Record) -> None:
        """kill -9, time passes, and it is started again."""
        self.kill()
        record.age(self.pid)
        self.start()

    def stop(self) -> None:
        """Ask it to end; make it, if it does not."""
        if self._process and self.is_alive:
            self._process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(15)
        self.kill()
        self.console.close()

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-4000:]


class Scene:
    """A bot, its gateway and its database; and what people do there."""

    def __init__(self, bot: BotProcess, gateway: GatewaySimulator) -> None:
        self.bot = bot
        self.gateway = gateway
        self.record = Record(bot.database_url)

    def close(self) -> None:
        """End the bot."""
        self.bot.stop()
        self.record.close()

    def answer(self, person: str, channel: str, text: str, *, delivery: str, through: BotProcess | None = None) -> str:
        """Type a line and wait for its answer; the key of the message."""
        (through or self.bot).console.command(person, channel, text, delivery=delivery)
        return self.answered(delivery)

    def answered(self, delivery: str) -> str:
        """Wait for the answer to a delivery; the key of the message."""
        return eventually(lambda: self.record.answered(delivery), f"{delivery} is answered")

    def declare(self, delivery: str, title: str = "API answers 502") -> str:
        """Open an incident; its channel."""
        known = {one.id for one in self.record.incidents()}
        self.answer("ana", "general", f"/incident declare sev1 {title}", delivery=delivery)
        return next(one.channel for one in self.record.incidents() if one.id not in known)

    def plan(self, channel: str, text: str, *, delivery: str) -> str:
        """Ask for a mitigation; the plan's id."""
        known = {one.id for one in self.record.plans()}
        key = self.answer("ben", channel, text, delivery=delivery)
        found = [one.id for one in self.record.plans() if one.id not in known]
        assert len(found) == 1, f"{len(found)} plans: {self.record.text(key)}"
        return found[0]

    def message_of(self, plan_id: str) -> str:
        """The key of the message that shows a plan."""
        from commands.presentation.plan import plan_card_key

        return plan_card_key(plan_id)

    def confirm(self, plan_id: str, channel: str, *, through: BotProcess | None = None, delivery: str = "") -> None:
        """Press Confirm."""
        token = self.record.token(self.message_of(plan_id), "Confirm")
        receipt = (through or self.bot).console.click("ana", channel, token, delivery=delivery)
        assert receipt["accepted"], self.record.text(receipt["reply_key"])


@contextlib.contextmanager
def scene(directory: Path, database_url: str, gateway: GatewaySimulator, **settings: Any) -> Iterator[Scene]:
    """A running bot of one's own."""
    bot = BotProcess(directory, database_url, gateway.url)
    bot.settings |= settings
    acting = Scene(bot, gateway)
    try:
        bot.start()
        yield acting
    finally:
        acting.close()
