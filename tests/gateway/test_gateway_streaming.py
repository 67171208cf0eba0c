"""Large bodies, slow readers and slow writers: memory stays bounded and the fast side waits."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator

import pytest

from tests.gateway.running import RawClient, RunningGateway, running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream, Received

MEBIBYTE = 1 << 20
SIZE = 60 * MEBIBYTE
MOST_RSS = 100 * MEBIBYTE
# Buffers of the kernel and of the allocator take about 16 MiB by themselves; a body that is held takes 60.
MOST_GROWTH = 32 * MEBIBYTE


@pytest.fixture(scope="module")
def shared(shared_upstream: ControlledUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    """A gateway that is patient."""
    document = settings_for(shared_upstream.url, upstream={"timeout_secs": 10})
    with running(document, tmp_path_factory.mktemp("patient")) as own:
        yield own


@pytest.fixture
def upstream(shared_upstream: ControlledUpstream) -> ControlledUpstream:
    """It has seen nothing yet."""
    shared_upstream.seen.clear()
    shared_upstream.release.clear()
    return shared_upstream


@pytest.fixture
def gateway(shared: RunningGateway, upstream: ControlledUpstream) -> Iterator[RunningGateway]:
    """It has no connections before a test, and none is left over after it."""
    yield shared
    wait_for(lambda: shared.workers()[0]["open_connections"] == 0, what="the end of the connections")


def rss(gateway: RunningGateway) -> int:
    return max(worker["rss_bytes"] for worker in gateway.workers())


def test_a_large_answer_streams(gateway: RunningGateway) -> None:
    before, received, most = rss(gateway), 0, 0
    with gateway.client() as client, client.stream("GET", f"/big-{SIZE}") as answer:
        for number, chunk in enumerate(answer.iter_raw()):
            received += len(chunk)
            if number % 100 == 0:
                most = max(most, rss(gateway))
    assert received == SIZE
    assert most < min(MOST_RSS, before + MOST_GROWTH)


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_request_streams(gateway: RunningGateway, framing: str) -> None:
    before, digest, most = rss(gateway), hashlib.sha256(), [0]
    piece = bytes(range(256)) * 256

    def pieces() -> Iterator[bytes]:
        for number in range(SIZE // len(piece)):
            digest.update(piece)
            if number % 100 == 0:
                most[0] = max(most[0], rss(gateway))
            yield piece

    headers = {"content-length": str(SIZE)} if framing == "length" else {}
    with gateway.client() as client:
        received = Received(**client.post("/upload", content=pieces(), headers=headers).json())
    assert (received.body_size, received.body_hash) == (SIZE, digest.hexdigest())
    assert most[0] < min(MOST_RSS, before + MOST_GROWTH)


def test_a_slow_reader_slows_the_upstream_down(gateway: RunningGateway, upstream: ControlledUpstream) -> None:
    before = rss(gateway)
    with RawClient(gateway.host, gateway.port, receive_buffer=65_536) as client:
        client.send(f"GET /big-{SIZE} HTTP/1.1\r\nHost: a\r\n\r\n")
        client.head()
        sent = settled(upstream, "sent_bytes")
        assert 0 < sent < SIZE  # the kernel alone keeps up to 40 MiB of it
        assert rss(gateway) < before + MOST_GROWTH
        with gateway.client() as other:
            assert other.get("/x").status_code == 200
        while upstream.seen["sent_bytes"] == sent:  # there is more to send, so it goes on before all of it is read
            client.exactly(MEBIBYTE)


def test_a_slow_upstream_slows_the_client_down(gateway: RunningGateway, upstream: ControlledUpstream) -> None:
    before = rss(gateway)
    with gateway.connect() as client:
        client.send(f"POST /deaf HTTP/1.1\r\nHost: a\r\nContent-Length: {SIZE}\r\n\r\n")
        client.sock.setblocking(False)
        sent = pushed(client, SIZE)
        assert sent < SIZE
        assert rss(gateway) < before + MOST_GROWTH
        upstream.release.set()
        client.sock.settimeout(10)
        client.send(b"x" * (SIZE - sent))
        status, _, body = client.answer()
        assert (status, json.loads(body)["body_size"]) == (200, SIZE)


def test_pipelined_answers_to_a_client_that_does_not_read_stay_bounded(
    gateway: RunningGateway, upstream: ControlledUpstream
) -> None:
    before = rss(gateway)
    with RawClient(gateway.host, gateway.port, receive_buffer=65_536) as client:
        client.send(f"GET /big-{8 * MEBIBYTE} HTTP/1.1\r\nHost: a\r\n\r\n" * 10)
        client.send("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 500)
        settled(upstream, "sent_bytes")
        assert rss(gateway) < before + MOST_GROWTH
        for _ in range(10):
            status, _, body = client.answer()
            assert (status, len(body)) == (200, 8 * MEBIBYTE)
        for _ in range(500):
            assert client.answer()[0] == 200


def test_the_end_of_a_last_answer_waits_for_a_slow_reader(
    gateway: RunningGateway, upstream: ControlledUpstream
) -> None:
    size = 12 * MEBIBYTE
    with RawClient(gateway.host, gateway.port, receive_buffer=65_536) as client:
        client.send(f"GET /big-{size} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        client.head()
        while upstream.seen["sent_bytes"] < size:
            client.exactly(65_536)
        # Longer than a lingering connection without unread bytes would be kept.
        threading.Event().wait(2.5)
        remaining = len(client.rest())
    assert remaining > 0
    wait_for(lambda: gateway.workers()[0]["open_connections"] == 0, what="the end of the connection")


def settled(upstream: ControlledUpstream, name: str) -> int:
    """The count once it has not changed for half a second."""
    last = [(-1, time.monotonic())]

    def quiet() -> bool:
        if upstream.seen[name] != last[0][0]:
            last[0] = (upstream.seen[name], time.monotonic())
        return time.monotonic() - last[0][1] > 0.5

    wait_for(quiet, what="the end of sending")
    return last[0][0]


def pushed(client: RawClient, limit: int) -> int:
    """How many bytes are accepted before nothing is taken for half a second."""
    sent, since = 0, time.monotonic()
    while sent < limit and time.monotonic() - since < 0.5:
        try:
            sent += client.sock.send(b"x" * min(65_536, limit - sent))
            since = time.monotonic()
        except BlockingIOError:
            continue
    return sent
