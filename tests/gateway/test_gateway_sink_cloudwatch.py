"""The log in CloudWatch Logs: a service that speaks the real protocol, and fails; what arrives, what is lost."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from tests.gateway.sinking import line, sending, sink
from tests.simulators.cloudwatch import CloudWatch, cloudwatch


@pytest.fixture(scope="module")
def service() -> Iterator[CloudWatch]:
    with cloudwatch() as found:
        yield found


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment, as the runbook has them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "aws-secret")


def to_cloudwatch(service: CloudWatch, group: str, **keys: Any) -> dict[str, Any]:
    section = {"region": "us-east-1", "log_group": group, "endpoint_url": service.url}
    return sink("cloudwatch", {**section, **keys})


def stored(service: CloudWatch, group: str) -> list[dict[str, Any]]:
    logs = boto3.client("logs", region_name="us-east-1", endpoint_url=service.url)
    stream = f"gateway-{socket.gethostname()}"
    found = logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)
    return [json.loads(one["message"]) for one in found["events"]]


def test_records_are_events_of_a_stream_that_is_made_for_them(service: CloudWatch, credentials: None) -> None:
    now = time.time()
    with sending(to_cloudwatch(service, "/aws/api-gateway/a", batch_size=3)) as gateway:
        # Workers' records do not come in the order of their time; the service wants them so.
        gateway.send(line(1, at=now - 5), line(2, at=now - 10), line(3, at=now))
        gateway.delivered("cloudwatch", 3)
    assert [one["number"] for one in stored(service, "/aws/api-gateway/a")] == [2, 1, 3]


@pytest.mark.usefixtures("credentials")
def test_a_service_that_throttles_or_fails_gets_them_later(service: CloudWatch) -> None:
    service.faults = [(400, "ThrottlingException"), (503, "ServiceUnavailableException"), (500, "InternalFailure")]
    with sending(to_cloudwatch(service, "/aws/api-gateway/b")) as gateway:
        gateway.send(line(1))
        count = gateway.delivered("cloudwatch", 1)
        assert (count.retries, count.last_error) == (3, "InternalFailure")
        assert gateway.told[0] == ("cloudwatch", "ThrottlingException")


@pytest.mark.usefixtures("credentials")
def test_what_is_of_another_day_or_too_old_is_no_hindrance(service: CloudWatch) -> None:
    now, day = time.time(), 86_400
    lines = [line(number, at=at) for number, at in enumerate((now - 30 * day, now - 2 * day, now - day / 2, now))]
    with sending(to_cloudwatch(service, "/aws/api-gateway/c", batch_size=4)) as gateway:
        gateway.send(*lines)
        count = gateway.wait("cloudwatch", lambda count: count.delivered + count.refused == 4, "all are settled")
        assert (count.delivered, count.refused, count.dropped) == (3, 1, 0)
    assert [one["number"] for one in stored(service, "/aws/api-gateway/c")] == [1, 2, 3]


@pytest.mark.usefixtures("credentials")
def test_a_batch_is_never_larger_than_the_service_takes(service: CloudWatch) -> None:
    service.puts.clear()
    with sending(to_cloudwatch(service, "/aws/api-gateway/d", batch_size=10_000)) as gateway:
        gateway.send(*(line(number, filler="x" * 40_000) for number in range(60)))
        assert gateway.delivered("cloudwatch", 60).refused == 0
    assert len(service.puts) >= 3


def test_without_credentials_the_sink_is_down_and_says_so(service: CloudWatch, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in (("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_CONFIG_FILE", "/nowhere"),
                        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")):  # fmt: skip
        monkeypatch.setenv(name, value)
    with sending(to_cloudwatch(service, "/aws/api-gateway/e"), flush_timeout_secs=0) as gateway:
        gateway.send(line(1))
        assert gateway.told_of(1) == [("cloudwatch", "NoCredentialsError")]
