"""Operations: changes that take a while, each done once however often it is asked for.

The tree of errors, each with the code that the admin API answers with:
    OperationError
        ConflictError     what was expected is not what was found, or another operation runs (409)
        OutOfLimitsError  the number is not allowed (422)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gateway.supervisor.callers import CALLER
from gateway.supervisor.history import History
from gateway.telemetry.records import iso

MAX_OPERATIONS = 1000

Run = Callable[["Operation"], Awaitable[None]]


class OperationError(Exception):
    """An operation that is not begun; `found` says what is there instead."""

    code = "invalid"

    def __init__(self, message: str, found: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.found = found


class ConflictError(OperationError):
    """The state is not the one that the caller decided on."""

    code = "conflict"


class OutOfLimitsError(OperationError):
    """The operator's limits do not allow this."""

    code = "out_of_limits"


@dataclass(slots=True)
class Operation:
    """One change and how far it is. Times are seconds since the epoch."""

    operation_id: str
    kind: Literal["scale", "restart"]
    actor: str
    reason: str
    arguments: dict[str, Any]
    before: dict[str, int]
    after: dict[str, int]
    total: int
    state: Literal["running", "done", "failed"] = "running"
    done: int = 0
    error: str | None = None
    caller: str | None = field(default_factory=CALLER.get)
    """Whose token it was asked for with."""
    started_at: float = field(default_factory=time.time)
    finished_at: float | None = None

    def progressed(self) -> None:
        """One more worker is there, or gone."""
        self.done = min(self.total, self.done + 1)

    def described(self) -> dict[str, Any]:
        """As the admin API shows it."""
        return {
            "operation_id": self.operation_id,
            "kind": self.kind,
            "state": self.state,
            "actor": self.actor,
            "reason": self.reason,
            "started_at": iso(self.started_at),
            "finished_at": None if self.finished_at is None else iso(self.finished_at),
            "before": self.before,
            "after": self.after,
            "progress": {"done": self.done, "total": self.total},
            "error": self.error,
        }


class Operations:
    """The operations of this run; one at a time."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._by_id: dict[str, Operation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.running: Operation | None = None

    def get(self, operation_id: str) -> Operation | None:
        """The operation with this id, if it was asked for in this run."""
        return self._by_id.get(operation_id)

    def all(self) -> list[Operation]:
        """Those that are known, the oldest first."""
        return list(self._by_id.values())

    def restore(self, operations: Iterable[Operation], cut_off: str) -> None:
        """Know those of the former process; what ran there has ended with it, and `cut_off` says why."""
        for one in operations:
            ended: dict[str, Any] = {"state": "failed", "error": cut_off, "finished_at": time.time()}
            self._by_id[one.operation_id] = replace(one, **ended) if one.state == "running" else one

    def repeated(self, operation_id: str, kind: str, arguments: dict[str, Any]) -> Operation | None:
        """The operation, when the same one was asked for before.

        Raises:
            ConflictError: the id was used for something else.
        """
        known = self._by_id.get(operation_id)
        if known is not None and (known.kind != kind or known.arguments != arguments):
            raise ConflictError(f"operation_id {operation_id!r} was used before, with other arguments")
        return known

    def begin(self, operation: Operation, run: Run) -> Operation:
        """Record the operation and run it in the background."""
        self._record(operation)
        self._by_id[operation.operation_id] = operation
        self.running = operation
        self._forget_oldest()
        task = asyncio.get_running_loop().create_task(self._run(operation, run))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return operation

    async def _run(self, operation: Operation, run: Run) -> None:
        try:
            await run(operation)
            operation.state, operation.done = "done", operation.total
        except Exception as error:  # Whatever went wrong, the caller must be able to read it.
            operation.state = "failed"
            operation.error = str(error) or type(error).__name__
        finally:
            operation.finished_at = time.time()
            self.running = None
            self._record_end(operation)

    def _record(self, operation: Operation) -> None:
        self._history.append(
            operation.operation_id,
            {
                "at": iso(operation.started_at),
                "kind": operation.kind,
                "operation_id": operation.operation_id,
                "actor": operation.actor,
                "caller": operation.caller,
                "reason": operation.reason,
                "before": operation.before,
                "after": operation.after,
                "outcome": operation.state if operation.error is None else f"failed: {operation.error}",
            },
        )

    def _record_end(self, operation: Operation) -> None:
        try:
            self._record(operation)
        except OSError as error:
            operation.error = operation.error or f"the history could not be written: {error}"

    def _forget_oldest(self) -> None:
        while len(self._by_id) > MAX_OPERATIONS:
            del self._by_id[next(iter(self._by_id))]
