"""A bot's process without the second that its imports take: forked from one that has done them, and nothing else.

It is a process of its own in all that the tests are about: its memory, its files, its end by kill -9.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.loaded"])


class Forked:
    """As `subprocess.Popen`, as far as the tests go."""

    def __init__(self, arguments: list[str], *, log: Path, cwd: Path, env: dict[str, str]) -> None:
        self._process = _FORKS.Process(target=run, args=(arguments, str(log), str(cwd), env), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("tocsin", timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """To the process, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()


def run(arguments: list[str], log: str, cwd: str, env: dict[str, str]) -> None:
    """What `tocsin` with these arguments does in a fresh process."""
    with Path(log).open("ab") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["tocsin", *arguments]
    from bot.cli import main

    main()
