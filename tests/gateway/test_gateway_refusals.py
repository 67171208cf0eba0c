"""What the gateway does not pass on: ambiguous, malformed, oversized and too slow requests."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway.refused_requests import POST, REFUSED
from tests.gateway.running import ROOT, RunningGateway
from tests.gateway.upstream import ControlledUpstream

SEVERE = ROOT.parent / "shared" / "contracts" / "http-desync" / "severe.yaml"


def probes(upstream: ControlledUpstream) -> int:
    return len(upstream.requests)


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_the_connection_closed(shared: RunningGateway, name: str) -> None:
    request, expected = REFUSED[name]
    with shared.connect() as client:
        client.send(request)
        status, headers, body = client.answer()
        assert (status, headers["connection"]) == (expected, "close")
        explained = json.loads(body)
        assert set(explained) == {"error", "message", "correlation_id"}
        assert client.rest() == b""


def test_nothing_refused_reaches_the_upstream(shared: RunningGateway, shared_upstream: ControlledUpstream) -> None:
    heads = [text for text, _ in REFUSED.values() if "chunked\r\n\r\n" not in text]
    before = probes(shared_upstream)
    for text in heads:
        with shared.connect() as client:
            client.send(text)
            client.answer()
    assert probes(shared_upstream) == before


def severe_cases() -> list[Any]:
    if not SEVERE.exists():
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=f"{SEVERE.name} is not beside the repo"))]
    cases = yaml.safe_load(Path(SEVERE).read_text())
    return [pytest.param(case, id=f"{number}") for number, case in enumerate(cases)]


@pytest.mark.parametrize("case", severe_cases())
def test_every_severe_desync_case_is_a_400_and_a_close(
    shared: RunningGateway, shared_upstream: ControlledUpstream, case: dict[str, Any]
) -> None:
    fields = [f"{item['name']}: {item['value']}" for item in case["headers"]]
    if not any(item["name"] == "Host" for item in case["headers"]):
        # Without a host any request is refused; with one, the case itself has to be the reason.
        fields.insert(0, "Host: localhost")
    head = "\r\n".join([f"{case['method']} {case['uri']} {case['version']}", *fields, "", ""])
    before = probes(shared_upstream)
    with shared.connect() as client:
        client.send(head)
        status, headers, _ = client.answer()
        assert (status, headers["connection"]) == (400, "close")
        assert client.rest() == b""
    assert probes(shared_upstream) == before


def test_requests_before_a_bad_one_are_answered_first(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n" + REFUSED["two lengths"][0])
        assert json.loads(client.answer()[2])["target"] == "/first"
        assert client.answer()[0] == 400
        assert client.rest() == b""


def test_a_chunked_body_that_grows_too_large(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send(POST.replace("probe", "x") + "Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        try:
            for _ in range(130):
                client.send(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert client.head()[0] == 413


def test_a_slow_head_is_a_408(shared: RunningGateway) -> None:
    with shared.connect() as client:
        started = time.monotonic()
        client.send("GET / HTTP/1.1\r\nHost:")
        assert client.answer()[0] == 408
        assert client.rest() == b""
        assert 0.8 < time.monotonic() - started < 3


def test_a_silent_connection_is_closed_without_an_answer(shared: RunningGateway) -> None:
    with shared.connect() as client:
        assert client.rest() == b""


def test_an_idle_connection_is_closed_after_the_connection_timeout(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        client.answer()
        started = time.monotonic()
        assert client.rest() == b""
        assert 1.5 < time.monotonic() - started < 4


def test_a_body_that_stalls_is_a_408(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert client.answer()[0] == 408
        assert client.rest() == b""


def test_a_refusal_survives_a_client_that_goes_on_sending(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send(POST + "Content-Length: 120000001\r\n\r\n")
        try:
            for _ in range(50):
                client.send(b"x" * 100_000)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert client.answer()[0] == 413
