"""Latency as a server has it: nothing else that the machine does takes the processor away meanwhile.

A waking process waits for the slice of whatever runs just then, some milliseconds; with a request in hand that is most
of its slowest hundredth. With real-time priority it goes first. All that is compared gets it alike, the load too.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import psutil

_PRIORITY = 10


@contextlib.contextmanager
def undisturbed(processes: list[psutil.Process]) -> Iterator[bool]:
    """Give these, and what this thread starts meanwhile, real-time priority; False where that is not allowed."""
    allowed = _schedule([0], os.SCHED_RR, _PRIORITY)
    if allowed:
        _schedule(_threads(processes), os.SCHED_RR, _PRIORITY)
    try:
        yield allowed
    finally:
        if allowed:
            # Those that have begun meanwhile have it, too.
            _schedule([0, *_threads(processes)], os.SCHED_OTHER, 0)


def _threads(processes: list[psutil.Process]) -> list[int]:
    return [thread.id for one in processes if one.is_running() for thread in one.threads()]


def _schedule(threads: list[int], policy: int, priority: int) -> bool:
    for thread in threads:
        try:
            os.sched_setscheduler(thread, policy, os.sched_param(priority))
        except PermissionError:
            return False
        except ProcessLookupError:
            continue
    return True
