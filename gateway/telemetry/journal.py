"""A worker's log: access records and events, sampled; recent ones, error groups and top lists go to the supervisor."""

from __future__ import annotations

import random
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from gateway.policies.attack_patterns import WORDS, Attack
from gateway.proxy.faults import Verdict
from gateway.proxy.message import Refused
from gateway.proxy.peers import Peer
from gateway.settings import LoggingSettings, RouteSettings
from gateway.telemetry.attackers import AttackerCounts
from gateway.telemetry.log_writer import LogWriter
from gateway.telemetry.records import LEVELS, as_json, iso, record, text_lines
from gateway.telemetry.redaction import clean, without_secrets
from gateway.telemetry.slowest import SlowestRequests
from gateway.telemetry.talkers import TalkerCounts
from gateway.telemetry.tally import OWN_LABELS

if TYPE_CHECKING:
    from gateway.proxy.admission import Rule
    from gateway.proxy.exchange import Exchange

_RECENT_PER_REPORT = 300
_GROUPS_PER_REPORT = 200
_CLIENTS_OWN = (None, "client_disconnected", "client_timeout")


class Journal:
    """Builds, samples and writes the records of one process."""

    def __init__(self, settings: LoggingSettings, *, worker: str, writer: LogWriter) -> None:
        self._worker = worker
        self.configure(settings, writer)
        # Each level has its own room, so that a flood of good requests pushes no error out.
        self._recent: dict[str, deque[list[Any]]] = {level: deque(maxlen=_RECENT_PER_REPORT) for level in LEVELS}
        self._missed: Counter[str] = Counter()
        self._whole: set[str] = set()
        """Routes of which each request is logged."""
        self._groups: dict[tuple[str, int, str], dict[str, Any]] = {}
        self._talkers = TalkerCounts()
        self.attackers = AttackerCounts()
        self._slowest = SlowestRequests()

    def configure(self, settings: LoggingSettings, writer: LogWriter) -> None:
        """Log by these settings, to this writer, from now on."""
        self._settings = settings
        self._threshold = LEVELS[settings.lowest_level]
        self._slow_secs = float("inf") if settings.slow_request_ms is None else settings.slow_request_ms / 1000
        self._rates = (settings.sampling_rate, settings.health_sampling_rate) if not settings.audit_mode else (1.0, 1.0)
        self._writer = writer

    def event(self, level: str, component: str, event_type: str, message: str, **fields: Any) -> None:
        """Log something other than a request."""
        if LEVELS[level] >= self._threshold:
            now, words = time.time(), without_secrets(message)
            self._emit(now, record(now, level, component, event_type, words, worker=self._worker, **fields))

    def access(self, exchange: Exchange, seconds: float) -> None:
        """Log an exchange that is over; good ones are sampled, slow ones and the rest always logged.

        All of them are counted for those who sent them, and the slowest of each route kept.
        """
        identity, route, peer = exchange.identity, exchange.label, exchange.client.peer
        address = exchange.client_ip if peer.trusted else peer.address
        client = None if identity is None else identity.client
        size = exchange.received_bytes + exchange.sent_bytes
        self._talkers.request(address, client, exchange.status, size)
        if seconds > self._slowest.floors.get(route, 0.0) and route not in OWN_LABELS:
            self._slowest.add(route, seconds, self._access_record(time.time(), exchange, seconds))
        if self._wanted(exchange, seconds):
            now = time.time()
            self._emit(now, self._access_record(now, exchange, seconds))

    def failed(self, exchange: Exchange, seconds: float) -> None:
        """Add an exchange to its error group."""
        cut_short = exchange.status < 400 and exchange.error_type not in _CLIENTS_OWN
        if exchange.status < 500 and not cut_short:
            return
        key = (exchange.label, exchange.status, exchange.error_type or "upstream_status")
        self._count_group(key, exchange, seconds)

    def policy(self, route: RouteSettings) -> tuple[Rule, ...]:
        """With level DEBUG, each request is told of when it comes, too: one that never ends has no other record.

        So it is for a route of which each is to be logged, with any level that lets records of requests through.
        """
        (self._whole.add if route.log_every_request else self._whole.discard)(route.id)
        return (self._received,) if route.log_every_request or self._threshold <= LEVELS["DEBUG"] else ()

    def _received(self, exchange: Exchange) -> None:
        head = exchange.head
        self.event(
            "INFO" if exchange.label in self._whole else "DEBUG", "proxy", "request_received", "Request received",
            correlation_id=exchange.correlation.decode(), method=head.method.decode(), path=self._cleaned(head.path),
            client_ip=exchange.client_ip.decode(), request_size=head.content_length or 0, route=exchange.label,
        )  # fmt: skip

    def tunnel_ended(self, exchange: Exchange, reason: str, words: str) -> None:
        """Log that what a client and an upstream had between them ends, because of what the client has shown."""
        self.event(
            "WARNING", "auth", "tunnel_ended", f"a tunnel ends: {words}",
            correlation_id=exchange.correlation.decode(), client_ip=exchange.client_ip.decode(), reason=reason,
            route=exchange.label, api_name=exchange.label, **self._who(exchange),
        )  # fmt: skip

    def refused(self, peer: Peer, refused: Refused, correlation: bytes) -> None:
        """Log bytes that could not be read as a request."""
        self._talkers.request(peer.address, None, refused.status, 0)
        self.event(
            "WARNING", "proxy", "request_refused", refused.message,
            correlation_id=correlation.decode(), client_ip=peer.address.decode(), status=refused.status,
            error_type=refused.error, route="_invalid", api_name="_invalid", src_ip=peer.address.decode(),
        )  # fmt: skip

    def fault_injected(self, exchange: Exchange, verdict: Verdict) -> None:
        """Log that a drill's fault hits a request."""
        self.event(
            "WARNING", "faults", "fault_injected", "an operator's fault applies to this request",
            correlation_id=exchange.correlation.decode(), route=exchange.label, fault_id=verdict.fault_id,
            latency_ms=round(verdict.delay * 1000, 3), status=verdict.status,
        )  # fmt: skip

    def attack_detected(self, exchange: Exchange, attack: Attack, *, blocked: bool, untold: int) -> None:
        """Log that a request looks like an attack, and nothing of what makes it look so but its path.

        `untold` is how many were not logged since the last one, because there were too many.
        """
        self.attackers.add(exchange.client_ip, attack.category)
        head, address = exchange.head, exchange.client_ip.decode()
        path, words = self._cleaned(head.path), f"{WORDS[attack.category]} in the {attack.place}"
        self.event(
            "WARNING", "security", "attack_detected", words,
            correlation_id=exchange.correlation.decode(), method=head.method.decode(), path=path, client_ip=address,
            route=exchange.label, category=attack.category, severity=attack.severity,
            action="blocked" if blocked else "logged", untold=untold or None,
            api_name=exchange.label, api_path=path, src_ip=address,
        )  # fmt: skip

    def circuit_turned(self, service: str, state: str) -> None:
        """Log that a circuit breaker of this worker has changed its state."""
        level = "ERROR" if state == "open" else "WARNING" if state == "half_open" else "INFO"
        words = f"the circuit breaker of {service} is {state.replace('_', ' ')}"
        self.event(level, "upstream", "circuit_turned", words, service=service, state=state)

    def take(self) -> dict[str, list[Any] | dict[str, Any]]:
        """All that the supervisor is told since the last call, by its names in a report."""
        return {
            "records": self.take_recent(),
            "missed": self.take_missed(),
            "groups": self.take_groups(),
            "talkers": self.take_talkers(),
            "slowest": self.take_slowest(),
            "attackers": self.attackers.take(),
        }

    def take_recent(self) -> list[list[Any]]:
        """[epoch, level, JSON line] of the newest that were logged since the last call, level by level."""
        taken = [entry for room in self._recent.values() for entry in room]
        for room in self._recent.values():
            room.clear()
        return taken

    def take_missed(self) -> dict[str, int]:
        """How many more were logged than `take_recent` had room for, by level, since the last call."""
        taken = dict(+self._missed)
        self._missed.clear()
        return taken

    def take_groups(self) -> list[dict[str, Any]]:
        """Error groups counted since the last call."""
        taken = list(self._groups.values())
        self._groups = {}
        return taken

    def take_talkers(self) -> dict[str, list[list[Any]]]:
        """Who asked how much since the last call."""
        return self._talkers.take(self._cleaned)

    def take_slowest(self) -> list[list[Any]]:
        """The slowest requests of each route since the last call."""
        return self._slowest.take()

    def _wanted(self, exchange: Exchange, seconds: float) -> bool:
        if exchange.status >= 400 or exchange.error_type or seconds >= self._slow_secs:
            return self._threshold <= LEVELS[_level_of(exchange.status, seconds >= self._slow_secs)]
        if self._threshold > LEVELS["INFO"]:
            return False
        rate = self._rates[exchange.label in OWN_LABELS]
        return rate >= 1 or exchange.label in self._whole or random.random() < rate  # noqa: S311 - sampling, not a secret

    def _access_record(self, now: float, exchange: Exchange, seconds: float) -> dict[str, Any]:
        head, slow, address = exchange.head, seconds >= self._slow_secs, exchange.client_ip.decode()
        method, path = head.method.decode(), self._cleaned(head.path)
        agent = next((value for name, value in head.headers if name == b"user-agent"), None)
        words = f"{method} {path} {exchange.status}{', high latency' if slow else ''}"
        return record(
            now, _level_of(exchange.status, slow), "proxy", "request", words,
            correlation_id=exchange.correlation.decode(), method=method, path=path, http_version=head.version,
            client_ip=address,
            user_agent=None if agent is None else self._cleaned(agent[:200]),
            request_size=exchange.received_bytes, response_size=exchange.sent_bytes, status=exchange.status,
            response_time=round(seconds * 1000, 3), slow=slow or None, route=exchange.label,
            # As runbook 000 calls them.
            api_name=exchange.label, api_path=path, src_ip=address,
            upstream=exchange.service, target=exchange.target, retries=exchange.retries or None, worker=self._worker,
            error_type=exchange.error_type, error_message=exchange.detail,
            trace_id=exchange.trace_id, span_id=exchange.span_id, **self._who(exchange),
        )  # fmt: skip

    def _who(self, exchange: Exchange) -> dict[str, str]:
        identity = exchange.identity
        if identity is None:
            return {}
        who = {"client_id": self._cleaned(identity.client.encode())}
        if self._settings.audit_mode:
            who.update(subject=self._cleaned(identity.subject.encode()), auth_scheme=identity.scheme)
        return who

    def _cleaned(self, raw: bytes) -> str:
        return clean(raw, emails=self._settings.redaction_enabled)

    def _count_group(self, key: tuple[str, int, str], exchange: Exchange, seconds: float) -> None:
        now = time.time()
        if key not in self._groups and len(self._groups) >= _GROUPS_PER_REPORT:
            # One failure too many to be told apart is still counted.
            key = ("_other", key[1] // 100 * 100, "other")
        group = self._groups.get(key)
        if group is None:
            route, status, error_type = key
            group = self._groups[key] = {
                "route": route, "status": status, "error_type": error_type, "count": 0, "first_seen": iso(now),
                "example": self._access_record(now, exchange, seconds),
            }  # fmt: skip
        group["count"] += 1
        group["last_seen"] = iso(now)

    def _emit(self, now: float, entry: dict[str, Any]) -> None:
        line = as_json(entry)
        level, room = entry["level"], self._recent[entry["level"]]
        self._missed[level] += len(room) == room.maxlen
        room.append([now, level, line])
        if self._settings.format == "json":
            self._writer.write(line)
            return
        for text in text_lines(entry):
            self._writer.write(text)


def _level_of(status: int, slow: bool) -> str:
    if status >= 500:
        return "ERROR"
    return "WARNING" if status >= 400 or slow else "INFO"
