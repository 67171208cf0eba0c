"""All sinks of a gateway: each record goes to every one that wants its level."""

from __future__ import annotations

from collections.abc import Callable

from gateway.settings import LoggingSettings
from gateway.sinks.lines import Batching, Destination, Line
from gateway.sinks.settings import (
    CloudWatchSettings,
    ElasticsearchSettings,
    FileSettings,
    SinkSettings,
    SplunkSettings,
    named,
)
from gateway.sinks.sink import Count, Sink, Turned
from gateway.telemetry.records import LEVELS

_STANDARD_OUTPUT = 1
_LOCAL = Batching(records=1000, size=262_144, wait_secs=0.05)
#: What the collectors take at a time, with room to spare: a line costs more in memory than it adds to a request.
_ELASTICSEARCH_BYTES, _CLOUDWATCH_BYTES, _SPLUNK_BYTES = 5_000_000, 1_000_000, 900_000


class Sinks:
    """Those that are enabled, none before `configure`. It is used by one thread; `turned` is called from others."""

    def __init__(self, turned: Turned) -> None:
        self._turned = turned
        self._flush_secs = 0.0
        self._sinks: dict[str, Sink] = {}
        self._ending: list[Sink] = []
        self._past: dict[str, Count] = {}
        """What those have done that are over, by their names: a counter never goes down while the process lives."""

    def configure(self, settings: LoggingSettings) -> None:
        """Have these from now on. One that stays as it is goes on; another one first delivers what it has."""
        self._flush_secs = settings.flush_timeout_secs
        former, self._sinks = self._sinks, {}
        for name, one in named(settings.sinks).items():
            made_of = (one, settings.level_of(one), settings.format, settings.structured)
            before = former.pop(name, None)
            if before is not None and before.made_of == made_of:
                self._sinks[name] = before
            else:
                self._end(before)
                self._sinks[name] = self._made(name, one, settings, made_of, before)
        for gone in former.values():
            self._end(gone)

    def write(self, line: bytes) -> None:
        """Offer a record, as its JSON line without an end, to those that want it. It never waits."""
        record = Line(line)
        for sink in self._sinks.values():
            if record.rank >= sink.rank:
                sink.offer(record)

    def counts(self) -> dict[str, Count]:
        """How each stands, by its name, with what those of the same name have done before."""
        self._bury()
        former = [(one.name, one.count()) for one in self._ending]
        found = {name: sink.count() for name, sink in self._sinks.items()}
        for name, count in (*self._past.items(), *former):
            if name in found:
                found[name].add(count)
        return found

    def close(self) -> None:
        """Deliver what is queued, all at the same time, for `flush_timeout_secs` at most."""
        for sink in self._sinks.values():
            sink.end(self._flush_secs)
        for sink in (*self._ending, *self._sinks.values()):
            sink.join()

    def _bury(self) -> None:
        """Have the figures of those that are over, and nothing else of them."""
        over = [one for one in self._ending if one.over]
        for sink in over:
            sink.join()  # What it could not deliver is dropped.
            self._past.setdefault(sink.name, Count()).add(sink.count())
        self._ending = [one for one in self._ending if one not in over]

    def _end(self, sink: Sink | None) -> None:
        self._bury()
        if sink is not None:
            sink.end(self._flush_secs)
            self._ending.append(sink)

    def _made(
        self, name: str, one: SinkSettings, settings: LoggingSettings, made_of: object, before: Sink | None
    ) -> Sink:
        batching, destination = _planned(one, settings)
        return Sink(
            name, one, rank=LEVELS[settings.level_of(one)], batching=batching, destination=destination,
            turned=self._turned, made_of=made_of, before=before,
        )  # fmt: skip


def _planned(one: SinkSettings, settings: LoggingSettings) -> tuple[Batching, Callable[[], Destination]]:
    """How much its destination takes at a time, and what makes it; a library is loaded by whoever needs it."""
    chosen = one.file or one.elasticsearch or one.cloudwatch or one.splunk
    structured = settings.structured

    def written(line: Line) -> bytes:
        return line.text if settings.format == "text" else line.json

    def make() -> Destination:
        match chosen:
            case FileSettings():
                from gateway.sinks.files import LogFile

                return LogFile(chosen, written)
            case ElasticsearchSettings():
                from gateway.sinks.elasticsearch import Elasticsearch

                return Elasticsearch(chosen, structured=structured)
            case CloudWatchSettings():
                from gateway.sinks.cloudwatch import CloudWatch

                return CloudWatch(chosen, structured=structured)
            case SplunkSettings():
                from gateway.sinks.splunk import Splunk

                return Splunk(chosen, structured=structured)
        from gateway.sinks.streams import StandardOutput

        return StandardOutput(_STANDARD_OUTPUT, written)

    if isinstance(chosen, ElasticsearchSettings | CloudWatchSettings | SplunkSettings):
        sizes = {"elasticsearch": _ELASTICSEARCH_BYTES, "cloudwatch": _CLOUDWATCH_BYTES, "splunk": _SPLUNK_BYTES}
        return Batching(chosen.batch_size, sizes[one.type], chosen.flush_interval_secs), make
    return _LOCAL, make
