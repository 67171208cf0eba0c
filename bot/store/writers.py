"""The threads that write: what is urgent goes first, and what waits for the same disk is committed together.

A commit ends when the disk has it, which takes longer than the change itself. So on SQLite, with its one writer, the
transactions that wait become savepoints of one: each has its own outcome, and all share the wait for the disk. When
the database itself fails, each runs again, alone, from its start; an operation has to bear that anyway.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

Operation = Callable[[sa.Connection], Any]

_MOST, _GATHER_SECONDS = 32, 0.004
_URGENT, _USUAL, _LATER = 0, 1, 2


@dataclass(order=True)
class _Job:
    urgency: int
    number: int
    operation: Operation = field(compare=False)
    done: Future[Any] = field(compare=False)


@dataclass
class _Outcome:
    job: _Job
    result: Any = None
    error: Exception | None = None

    def tell(self) -> None:
        if self.error is None:
            self.job.done.set_result(self.result)
        else:
            self.job.done.set_exception(self.error)


class Writers:
    """`alone` runs an operation in a transaction of its own; `engine`: several may share one, on this engine."""

    def __init__(self, threads: int, alone: Callable[[Operation], Any], engine: sa.Engine | None) -> None:
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="store-write")
        self._alone = alone
        self._engine = engine
        self._waiting: list[_Job] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count()

    def submit(self, operation: Operation, *, urgent: bool, later: bool = False) -> Future[Any]:
        """Have it done."""
        urgency = _URGENT if urgent else _LATER if later else _USUAL
        job = _Job(urgency, next(self._numbers), operation, Future())
        with self._lock:
            heapq.heappush(self._waiting, job)
        self.threads.submit(self._turn)  # one turn for each job: whoever has it does the most urgent one
        return job.done

    def close(self) -> None:
        """Do what waits, then end."""
        self.threads.shutdown()

    def _turn(self) -> None:
        job = self._next()
        if job is None:
            return
        second = self._next(job.urgency) if self._engine is not None else None
        if self._engine is None or second is None:
            self._do(job)
        else:
            self._together(self._engine, job, second)

    def _next(self, urgency: int | None = None) -> _Job | None:
        """The most urgent job that nobody has given up, of this urgency where one is said."""
        with self._lock:
            while self._waiting and urgency in {None, self._waiting[0].urgency}:
                job = heapq.heappop(self._waiting)
                if job.done.set_running_or_notify_cancel():
                    return job
        return None

    def _do(self, job: _Job) -> None:
        joined: list[_Outcome] = []
        outcome = _try(job, lambda: self._alone(lambda connection: self._first(connection, job, joined)))
        if outcome.error is not None and joined:
            self._each([outcome, *joined])
            return
        for one in (outcome, *joined):
            one.tell()

    def _each(self, outcomes: list[_Outcome]) -> None:
        """Again, in a transaction of its own: nobody fails for what another has done."""
        for one in outcomes:
            _try(one.job, partial(self._alone, one.job.operation)).tell()

    def _first(self, connection: sa.Connection, job: _Job, joined: list[_Outcome]) -> Any:
        """Its result. What became urgent meanwhile is committed with it, and waits for no commit but this one."""
        result = job.operation(connection)
        for one in joined:  # those of a try that lost a race
            _within(connection, one)
        if self._engine is not None:
            self._join(connection, joined)
        return result

    def _join(self, connection: sa.Connection, outcomes: list[_Outcome]) -> bool:
        """Whether anything urgent waited, and was done."""
        found = False
        while len(outcomes) < _MOST and (job := self._next(_URGENT)) is not None:
            outcomes.append(_Outcome(job))
            _within(connection, outcomes[-1])
            found = True
        return found

    def _together(self, engine: sa.Engine, *jobs: _Job) -> None:
        """In one transaction, with those of the same urgency that come in the meantime."""
        outcomes = [_Outcome(job) for job in jobs]
        try:
            with engine.begin() as connection:
                self._fill(connection, outcomes)
        except SQLAlchemyError:
            self._each(outcomes)
        else:
            for outcome in outcomes:
                outcome.tell()

    def _fill(self, connection: sa.Connection, outcomes: list[_Outcome]) -> None:
        until = time.monotonic() + _GATHER_SECONDS
        waiting = deque(outcomes)
        while waiting:
            _within(connection, waiting[0])
            urgency = waiting.popleft().job.urgency
            if self._join(connection, outcomes):
                until = 0  # they are waited for at this moment
            if not waiting and len(outcomes) < _MOST and time.monotonic() < until:
                job = self._next(urgency)
                waiting += [_Outcome(job)] if job else []
                outcomes += waiting


def _try(job: _Job, work: Callable[[], Any]) -> _Outcome:
    outcome = _Outcome(job)
    try:
        outcome.result = work()
    except Exception as error:
        outcome.error = error
    return outcome


def _within(connection: sa.Connection, outcome: _Outcome) -> None:
    """Its own savepoint: what one refuses touches no other."""
    try:
        with connection.begin_nested():
            outcome.result = outcome.job.operation(connection)
    except SQLAlchemyError:
        raise
    except Exception as error:
        outcome.error = error
