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
    """Those that are enabled. It is used by one thread; `turned` is called from others."""

    def __init__(self, settings: LoggingSettings, turned: Turned) -> None:
        self._flush_secs = settings.flush_timeout_secs
        self._sinks = [self._sink(name, one, settings, turned) for name, one in named(settings.sinks).items()]

    def write(self, line: bytes) -> None:
        """Offer a record, as its JSON line without an end, to those that want it. It never waits."""
        record = Line(line)
        for sink in self._sinks:
            if record.rank >= sink.rank:
                sink.offer(record)

    def counts(self) -> dict[str, Count]:
        """How each stands, by its name."""
        return {sink.name: sink.count() for sink in self._sinks}

    def close(self) -> None:
        """Deliver what is queued, all at the same time, for `flush_timeout_secs` at most."""
        for sink in self._sinks:
            sink.end(self._flush_secs)
        for sink in self._sinks:
            sink.join()

    @staticmethod
    def _sink(name: str, one: SinkSettings, settings: LoggingSettings, turned: Turned) -> Sink:
        batching, destination = _planned(one, settings)
        rank = LEVELS[settings.level_of(one)]
        return Sink(name, one, rank=rank, batching=batching, destination=destination, turned=turned)


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
