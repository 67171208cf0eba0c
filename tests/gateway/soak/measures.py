"""What the gateway's processes hold: memory, descriptors and connections."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

import psutil


class Holding(NamedTuple):
    """Of one process."""

    descriptors: int
    connections: int
    """Of TCP, but for those that listen and those to Redis."""
    to_redis: int
    threads: int


def workers_of(supervisor: int) -> list[int]:
    """The process ids of the workers that run."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(supervisor).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if child.status() != psutil.STATUS_ZOMBIE and "gateway.worker" in child.cmdline():
                    found.append(child.pid)
    return found


def held_by(pid: int, redis_port: int) -> Holding:
    """Raises psutil.NoSuchProcess."""
    process = psutil.Process(pid)
    open_ones = [one for one in process.net_connections("tcp") if one.status != "LISTEN"]
    to_redis = sum(1 for one in open_ones if one.raddr and one.raddr.port == redis_port)
    return Holding(process.num_fds(), len(open_ones) - to_redis, to_redis, process.num_threads())


def megabytes_of(pid: int) -> float:
    """Resident memory. Raises psutil.NoSuchProcess."""
    return round(psutil.Process(pid).memory_info().rss / 1e6, 1)


def peers_of(pid: int, port: int) -> frozenset[int]:
    """The ports of the clients that are connected to this process at this port of its own."""
    connections = psutil.Process(pid).net_connections("tcp")
    return frozenset(one.raddr.port for one in connections if one.raddr and one.laddr.port == port)
