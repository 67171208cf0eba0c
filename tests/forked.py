"""A program's process without the second that its imports take: forked from one that has done them, and nothing else.

It is a process of its own in all that the tests are about: its memory, its files, its end by kill -9.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TextIO

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.loaded"])


class Forked:
    """As `subprocess.Popen`, as far as the tests go.

    `program` is the module of the command line. Its errors are added to `log`; what it says as well, unless it is to be
    read from `stdout`.
    """

    def __init__(
        self, program: str, arguments: list[str], *, log: Path, cwd: Path, env: Mapping[str, str], read: bool = False
    ) -> None:
        ours, theirs = multiprocessing.Pipe(duplex=False) if read else (None, None)
        self._process = _FORKS.Process(
            target=run, args=(program, arguments, str(log), str(cwd), dict(env), theirs), daemon=True
        )
        with theirs or nullcontext():
            self._process.start()
        self.stdout: TextIO | None = None
        if ours:
            self.stdout = os.fdopen(os.dup(ours.fileno()), encoding="utf-8")
            ours.close()

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
            raise subprocess.TimeoutExpired(self._process.name, timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """To the process, if it runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()


def run(program: str, arguments: list[str], log: str, cwd: str, env: dict[str, str], stdout: Connection | None) -> None:
    """What the program with these arguments does in a fresh process."""
    with Path(log).open("ab") as said:
        os.dup2(stdout.fileno() if stdout else said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    if stdout:
        stdout.close()
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = [program, *arguments]
    importlib.import_module(program).main()
