"""What the gateway does not pass on: ambiguous, malformed, oversized and too slow requests."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.gateway.running import ROOT, RunningGateway
from tests.gateway.upstream import ControlledUpstream

POST = "POST /probe HTTP/1.1\r\nHost: a\r\n"
SEVERE = ROOT.parent / "shared" / "contracts" / "http-desync" / "severe.yaml"

REFUSED: dict[str, tuple[str, int]] = {
    "both framings": (POST + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "both framings, other order": (POST + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + "Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde", 400),
    "the same length twice": (POST + "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "a list of lengths": (POST + "Content-Length: 4, 4\r\n\r\nabcd", 400),
    "a signed length": (POST + "Content-Length: +4\r\n\r\nabcd", 400),
    "an enormous length": (POST + "Content-Length: 99999999999999999999\r\n\r\n", 400),
    "an empty length": (POST + "Content-Length:\r\n\r\n", 400),
    "an unknown coding": (POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "a coding before chunked": (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    "chunked twice": (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "identity": (POST + "Transfer-Encoding: identity\r\n\r\n", 400),
    "chunked in 1.0": ("POST /probe HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a folded header": (POST + "X-A: 1\r\n 2\r\n\r\n", 400),
    "a space before the colon": (POST + "Content-Length : 4\r\n\r\nabcd", 400),
    "a space in a name": (POST + "X A: 1\r\n\r\n", 400),
    "a control character": (POST + "X-A: a\x01b\r\n\r\n", 400),
    "a zero byte": (POST + "X-A: a\0b\r\n\r\n", 400),
    "a bare carriage return": (POST + "X-A: a\rb\r\n\r\n", 400),
    "a bare line feed": (POST + "X-A: a\nX-B: b\r\n\r\n", 400),
    "only line feeds": ("GET /probe HTTP/1.1\nHost: a\n\n", 400),
    "an imitated length": (POST + "Content_Length: 4\r\n\r\n", 400),
    "an imitated coding": (POST + "Transfer_Encoding: chunked\r\n\r\n", 400),
    "a coding with many hyphens": (POST + "Transfer---Encoding: chunked\r\n\r\n", 400),
    "a coding with many underscores": (POST + "Transfer___Encoding: chunked\r\n\r\n", 400),
    "a bad chunk size": (POST + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "a bad chunk end": (POST + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcXX0\r\n\r\n", 400),
    "no host": ("GET /probe HTTP/1.1\r\n\r\n", 400),
    "two hosts": ("GET /probe HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "a bad host": ("GET /probe HTTP/1.1\r\nHost: a/b@c\r\n\r\n", 400),
    "an unknown method": ("FROB /probe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a lower case method": ("get /probe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a dot segment": ("GET /a/../probe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an encoded dot segment": ("GET /a/%2e%2E/probe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an encoded slash around dots": ("GET /a%2f..%2fprobe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "backslashes around dots": ("GET /a\\..\\probe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "dots with a parameter": ("GET /a/..;x/probe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "an encoded zero": ("GET /probe%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a broken escape": ("GET /probe%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a fragment": ("GET /probe#x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "not a path": ("GET probe HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a tunnel": ("CONNECT probe:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "a trace": ("TRACE /probe HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    "HTTP/2 in words": ("GET /probe HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    "HTTP/0.9": ("GET /probe\r\n\r\n", 505),
    "HTTP/1.2": ("GET /probe HTTP/1.2\r\nHost: a\r\n\r\n", 400),
    "the preface of HTTP/2": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "an upgrade with a body": (POST + "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc", 400),
    "an unknown expectation": (POST + "Expect: money\r\nContent-Length: 3\r\n\r\nabc", 417),
    "TLS on a plain port": ("\x16\x03\x01\x02\x00\x01\x00", 400),
    "a long header": (POST + "X-A: " + "a" * 9000 + "\r\n\r\n", 431),
    "many headers": (POST + "X-A: a\r\n" * 1500 + "\r\n", 431),
    "an endless header": (POST + "X-A: " + "a" * 20_000, 431),
    "a long target": ("GET /" + "a" * 3000 + " HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    "an announced large body": (POST + "Content-Length: 120000001\r\n\r\n", 413),
    "chunks that are all framing": (
        POST + "Transfer-Encoding: chunked\r\n\r\n" + f"1;{'x' * 4000}\r\na\r\n" * 150,
        400,
    ),
}


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
