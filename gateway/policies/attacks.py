"""Requests that look like attacks: told of in the log and counted, and refused where that is wanted (runbook 000)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from gateway.policies.attack_patterns import Attack, Category, Patterns
from gateway.policies.settings import DetectionSettings
from gateway.proxy.admission import Rule
from gateway.proxy.message import Refused
from gateway.telemetry.tally import Tally

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.settings import RouteSettings

UNROUTED = "_unmatched"
_AGENT = b"user-agent"
#: The same agents ask again and again; longer names are looked at each time.
_KNOWN_AGENTS = 2048
_LONGEST_KNOWN = 256


class Detection:
    """That of one worker: who looks at the requests of which route, and how often the log is told."""

    def __init__(self, settings: DetectionSettings, tally: Tally) -> None:
        self._settings = settings
        self._tally = tally
        self._second, self._told, self._untold = 0, 0, 0

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """The rule of a route whose requests are looked at."""
        own = route.detection
        mode = self._settings.mode if own is None or own.mode is None else own.mode
        if not self._settings.enabled or mode == "off":
            return ()
        without = frozenset(own.exclude_categories if own is not None else ())
        categories = tuple(one for one in self._settings.categories if one not in without)
        parameters = frozenset(name.encode() for name in (own.exclude_parameters if own is not None else ()))
        self._tally.attacks_watched(route.id, categories)
        return (self._look(categories, parameters, blocks=mode == "block"),)

    @property
    def unrouted(self) -> Callable[[Exchange], None] | None:
        """What looks at requests that no route takes, as most of those of scanners."""
        if not self._settings.enabled:
            return None
        self._tally.attacks_watched(UNROUTED, self._settings.categories)
        return self._look(self._settings.categories, frozenset(), blocks=False)

    def _look(self, categories: tuple[Category, ...], parameters: frozenset[bytes], *, blocks: bool) -> Look:
        return Look(self, Patterns(categories), self._settings, parameters, blocks=blocks)

    def detected(self, exchange: Exchange, attack: Attack, *, blocks: bool) -> None:
        """Count it, and tell of it, unless as many were told of in this second already."""
        plane = exchange.plane
        self._tally.attack_detected(exchange.label, attack.category)
        second = int(plane.clock())
        if second != self._second:
            self._second, self._told = second, 0
        if self._told < self._settings.max_records_per_sec:
            self._told += 1
            plane.journal.attack_detected(exchange, attack, blocked=blocks, untold=self._untold)
            self._untold = 0
        else:
            plane.journal.attackers.add(exchange.client_ip, attack.category)
            self._untold += 1


class Look:
    """The rule: looks at the target and some headers.

    Most requests have no character that any attack needs; for them it is two passes over the target.
    """

    __slots__ = ("_agent", "_blocks", "_detection", "_headers", "_most", "_parameters", "_patterns")

    def __init__(
        self,
        detection: Detection,
        patterns: Patterns,
        settings: DetectionSettings,
        parameters: frozenset[bytes],
        *,
        blocks: bool,
    ) -> None:
        self._detection = detection
        self._patterns = patterns
        self._most = settings.max_bytes
        self._headers = frozenset(name.encode() for name in settings.headers)
        self._parameters = parameters
        self._agent = lru_cache(maxsize=_KNOWN_AGENTS)(patterns.in_agent)
        self._blocks = blocks

    def __call__(self, exchange: Exchange) -> None:
        """Look at one request.

        Raises:
            Refused: 403, where attacks are refused.
        """
        attack = self._found(exchange)
        if attack is None:
            return
        self._detection.detected(exchange, attack, blocks=self._blocks)
        if self._blocks:
            # A new one each time: an exception holds what it was raised through, each time that it is.
            raise Refused(403, "attack_detected", "the request looks like an attack")

    def _found(self, exchange: Exchange) -> Attack | None:
        head = exchange.head
        target = head.target if not self._parameters else self._without_parameters(head.target)
        if category := self._patterns.in_target(target[: self._most]):
            mark = target.find(b"?")
            in_path = mark < 0 or self._patterns.in_target(target[:mark][: self._most]) == category
            return Attack(category, "path" if in_path else "query")
        headers = self._headers
        for name, value in head.headers:
            if name in headers and (category := self._in_header(name, value)):
                return Attack(category, f"header {name.decode()}")
        return None

    def _in_header(self, name: bytes, value: bytes) -> Category | None:
        if name != _AGENT:
            return self._patterns.in_text(value[: self._most])
        if len(value) <= _LONGEST_KNOWN:
            return self._agent(value)
        return self._patterns.in_agent(value[: self._most])

    def _without_parameters(self, target: bytes) -> bytes:
        path, mark, query = target.partition(b"?")
        kept = [one for one in query.split(b"&") if one.partition(b"=")[0] not in self._parameters]
        return path + mark + b"&".join(kept)
