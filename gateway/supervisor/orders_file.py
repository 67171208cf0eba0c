"""The file of the standing orders, beside the history: replaced as a whole, for its owner alone, and for one process.

Its first line names the form and has the SHA-256 of the rest, so that what a disk or a person has changed is noticed.
Who goes by it holds a lock on a file beside it, which the kernel gives back whatever becomes of the process.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
from pathlib import Path

from gateway.supervisor.order_form import NotUnderstoodError, StandingOrders, understood
from gateway.supervisor.whole_files import replace_whole

_FORM = "orders of a Tocsin gateway"
_MAX_BYTES = 64 * 1024 * 1024


class OrdersFile:
    """The one beside this history."""

    def __init__(self, history: Path) -> None:
        self.path = history.with_name(f"{history.name}.orders")
        self.revocations = history.with_name(f"{history.name}.revocations")
        """Where revocations are kept beside it, for who has no other place for them."""
        self.starts = 0
        """How often in a row the gateway was started and did not last; as it was read, and is written."""
        self.problem: str | None = None
        """Why it is not this process's own."""
        self._lock: int | None = None

    @property
    def mine(self) -> bool:
        """Whether it is this process's own."""
        return self._lock is not None

    def claim(self) -> bool:
        """Have it for this process alone; whether it is."""
        if self._lock is not None:
            return True
        try:
            self._lock = _locked(self.path.with_name(f"{self.path.name}.lock"))
            self.problem = None
        except BlockingIOError:
            self.problem = f"another gateway has its orders in {self.path}; give each a history of its own"
        except OSError as error:
            self.problem = f"{self.path} cannot be written: {error}"
        return self._lock is not None

    def release(self) -> None:
        """It is anybody's."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def read(self) -> StandingOrders | None:
        """What is there; None where nothing is.

        Raises:
            OSError, NotUnderstoodError: it cannot be used.
        """
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode) or found.st_size > _MAX_BYTES:
            raise NotUnderstoodError("it is no file of this gateway")
        orders, self.starts = _read_in(self.path.read_bytes())
        return orders

    def write(self, orders: StandingOrders) -> None:
        """Raises OSError; then the former ones are there still."""
        text = orders.model_dump_json().encode()
        said = {"form": _FORM, "sha256": hashlib.sha256(text).hexdigest(), "starts": self.starts}
        head = json.dumps(said).encode()
        replace_whole(self.path, (head, b"\n", text, b"\n"))

    def put_aside(self) -> Path:
        """Have somebody look at it later; where it is from now on. Raises OSError."""
        return self.path.replace(self.path.with_name(f"{self.path.name}.aside"))


def _locked(path: Path) -> int:
    """Raises OSError; BlockingIOError while it is another process's."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _read_in(content: bytes) -> tuple[StandingOrders, int]:
    """The orders, and the number of starts."""
    head, _, text = content.removesuffix(b"\n").partition(b"\n")
    try:
        said = json.loads(head)
        if not isinstance(said, dict) or said.get("form") != _FORM:
            raise NotUnderstoodError("it is no file of this gateway")
        if said.get("sha256") != hashlib.sha256(text).hexdigest():
            raise NotUnderstoodError("it is damaged, or was changed by hand")
        return understood(json.loads(text)), int(said["starts"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise NotUnderstoodError("it is no file of this gateway") from None
