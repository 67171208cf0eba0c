"""CloudWatch Logs as a destination of records, by the SDK: its group and stream are created where they are missing.

A request may have 10,000 events and 1,048,576 bytes, in the order of their time, and of no more than 24 hours; an event
counts 26 bytes beside its text. What is too old or too new is told in an answer that is otherwise a success.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from gateway.sinks.lines import Line, Outcome, UnavailableError
from gateway.sinks.settings import CloudWatchSettings

_LONGEST = timedelta(hours=24)
_MISSING, _THERE_ALREADY = "ResourceNotFoundException", "ResourceAlreadyExistsException"
#: The requests that nothing but another batch could mend.
_OF_THE_BATCH = frozenset({"InvalidParameterException"})
_TAKEN_ALREADY = "DataAlreadyAcceptedException"


class CloudWatch:
    """One stream."""

    def __init__(self, settings: CloudWatchSettings, *, structured: bool) -> None:
        self._structured = structured
        stream = settings.log_stream.replace("{instance_id}", socket.gethostname().replace(":", "-"))
        self._where = {"logGroupName": settings.log_group, "logStreamName": stream}
        self._client: Any = boto3.Session().client(
            "logs",
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            # How often and how long it is tried is the sink's affair.
            config=Config(
                connect_timeout=settings.timeout_secs,
                read_timeout=settings.timeout_secs,
                retries={"total_max_attempts": 1},
                max_pool_connections=1,
            ),
        )

    def deliver(self, batch: Sequence[Line]) -> Outcome:
        """Put them into the stream."""
        ordered = sorted(batch, key=lambda line: line.at)
        now = [line for line in ordered if line.at - ordered[0].at < _LONGEST]
        later = ordered[len(now) :]
        try:
            answer = self._put(now)
        except ClientError as error:
            return self._failed(error, now, later)
        except BotoCoreError as error:
            # Its words may quote what it was given.
            raise UnavailableError(type(error).__name__) from None
        refused = _refused(answer.get("rejectedLogEventsInfo") or {}, len(now))
        why = f"{refused} records were too old or too new" if refused else None
        return Outcome(delivered=len(now) - refused, refused=refused, again=later, why=why)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _put(self, lines: Sequence[Line]) -> dict[str, Any]:
        events = [{"timestamp": int(line.at.timestamp() * 1000), "message": self._message(line)} for line in lines]
        try:
            answer: dict[str, Any] = self._client.put_log_events(**self._where, logEvents=events)
        except ClientError as error:
            if _code(error) != _MISSING:
                raise
            self._create()
            answer = self._client.put_log_events(**self._where, logEvents=events)
        return answer

    def _create(self) -> None:
        """Make the stream, and the group where that is missing: not everybody may make one."""
        if not self._made(self._client.create_log_stream, self._where):
            self._made(self._client.create_log_group, {"logGroupName": self._where["logGroupName"]})
            self._made(self._client.create_log_stream, self._where)

    @staticmethod
    def _made(create: Callable[..., Any], what: dict[str, str]) -> bool:
        try:
            create(**what)
        except ClientError as error:
            if _code(error) not in (_THERE_ALREADY, _MISSING):
                raise
            return _code(error) == _THERE_ALREADY
        return True

    def _message(self, line: Line) -> str:
        return (line.json if self._structured else line.text).decode()

    @staticmethod
    def _failed(error: ClientError, now: Sequence[Line], later: Sequence[Line]) -> Outcome:
        code = _code(error)
        if code == _TAKEN_ALREADY:
            return Outcome(delivered=len(now), again=later)
        if code in _OF_THE_BATCH:
            return Outcome(refused=len(now), again=later, why=code)
        raise UnavailableError(code) from None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "unknown error"))


def _refused(told: dict[str, int], count: int) -> int:
    """How many of so many events were not taken: those before one place, and from another one on."""
    old = max(told.get("tooOldLogEventEndIndex", 0), told.get("expiredLogEventEndIndex", 0))
    new = told.get("tooNewLogEventStartIndex", count)
    return min(count, max(0, old) + max(0, count - new))
