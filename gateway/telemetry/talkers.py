"""Who asks most: requests, refusals, failures and bytes by client, in bounded memory and outside of Prometheus' labels.

A worker counts each request for its address, and for its client where it has said who it is; the supervisor adds up
what workers report, in spans of half a minute. Nobody is told apart for ever: where there are very many, those with the
fewest requests become `others`, so that the ones at the top are right and the total is, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, AnyStr, Literal

from gateway.addresses import of_holder
from gateway.telemetry.timespans import Timespans

By = Literal["address", "client"]
Order = Literal["requests", "refused", "failed", "bytes"]
#: [requests, of them 4xx, of them 5xx, bytes of their bodies both ways]
Counts = list[int]

OTHERS = ""
_ORDERS: dict[Order, int] = {"requests": 0, "refused": 1, "failed": 2, "bytes": 3}
_TOLD_APART_PER_REPORT = 2000
_MOST_PER_SPAN = 1000
_KEPT_PER_SPAN = 500


class TalkerCounts:
    """One worker's counts since its last report."""

    def __init__(self) -> None:
        self._addresses: dict[bytes, Counts] = {}
        self._clients: dict[str, Counts] = {}

    def request(self, address: bytes, client: str | None, status: int, size: int) -> None:
        """Count one request of `size` bytes (bodies, both ways); `client` is who it surely came from, if anybody."""
        # Each request comes by here: what is beyond two look-ups is for the first one of a client only.
        counts = self._addresses.get(address)
        if counts is None:
            counts = _begun(self._addresses, address, b"")
        counts[0] += 1
        counts[3] += size
        if client is not None:
            theirs = self._clients.get(client)
            if theirs is None:
                theirs = _begun(self._clients, client, OTHERS)
            theirs[0] += 1
            theirs[3] += size
            if status >= 400:
                theirs[1 if status < 500 else 2] += 1
        if status >= 400:
            counts[1 if status < 500 else 2] += 1

    def take(self, cleaned: Callable[[bytes], str]) -> dict[str, list[list[Any]]]:
        """[who, *counts] by kind since the last call; `cleaned` masks what no log may show."""
        addresses: dict[str, Counts] = {}
        for address, counts in self._addresses.items():
            _add(addresses, of_holder(address.decode("ascii", "replace")), counts)
        clients: dict[str, Counts] = {}
        for client, counts in self._clients.items():
            _add(clients, cleaned(client.encode()), counts)
        self._addresses, self._clients = {}, {}
        return {"address": _rows(addresses), "client": _rows(clients)}


class Talkers:
    """The supervisor's sums of the last 15 minutes."""

    def __init__(self) -> None:
        self._spans: Timespans[dict[str, dict[str, Counts]]] = Timespans(lambda: {"address": {}, "client": {}})

    def add(self, at: float, report: dict[str, list[list[Any]]]) -> None:
        """Add what one worker counted; `at` is seconds since the epoch."""
        kinds = self._spans.at(at)
        for kind, rows in report.items():
            for who, *counts in rows:
                _add(kinds[kind], who, counts)
            kinds[kind] = _pruned(kinds[kind])

    def answer(self, by: By, order: Order, since: float, limit: int) -> dict[str, Any]:
        """Those with the most of `order` since then (to half a minute); what the rest has is in `others`."""
        totals: dict[str, Counts] = {}
        for kinds in self._spans.since(since):
            for who, counts in kinds[by].items():
                _add(totals, who, counts)
        index = _ORDERS[order]
        others = totals.pop(OTHERS, [0, 0, 0, 0])
        ranked = sorted(totals.items(), key=lambda item: (-item[1][index], item[0]))
        for _, counts in ranked[limit:]:
            others = _sum(others, counts)
        return {
            "by": by,
            "order": order,
            "since": self._spans.told_since(since),
            "talkers": [{by: who, **_named(counts)} for who, counts in ranked[:limit]],
            "others": _named(others),
        }


def _begun(known: dict[AnyStr, Counts], who: AnyStr, others: AnyStr) -> Counts:
    key = who if len(known) < _TOLD_APART_PER_REPORT else others
    return known.setdefault(key, [0, 0, 0, 0])


def _add(totals: dict[str, Counts], who: str, counts: Iterable[int]) -> None:
    totals[who] = _sum(totals.get(who, (0, 0, 0, 0)), counts)


def _sum(one: Iterable[int], other: Iterable[int]) -> Counts:
    return [mine + theirs for mine, theirs in zip(one, other, strict=True)]


def _pruned(counted: dict[str, Counts]) -> dict[str, Counts]:
    if len(counted) <= _MOST_PER_SPAN:
        return counted
    others = counted.pop(OTHERS, [0, 0, 0, 0])
    ranked = sorted(counted.items(), key=lambda item: -item[1][0])
    for _, counts in ranked[_KEPT_PER_SPAN:]:
        others = _sum(others, counts)
    return {**dict(ranked[:_KEPT_PER_SPAN]), OTHERS: others}


def _rows(totals: dict[str, Counts]) -> list[list[Any]]:
    return [[who, *counts] for who, counts in totals.items()]


def _named(counts: Counts) -> dict[str, int]:
    return {name: counts[index] for name, index in _ORDERS.items()}
