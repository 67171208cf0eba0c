"""What goes in and what comes out: the exchange of requests and answers over real sockets."""

from __future__ import annotations

import json
import socket
import struct

import pytest

from tests.gateway.running import RunningGateway, wait_for
from tests.gateway.upstream import ControlledUpstream, Received


def get(path: str, *extra: str) -> str:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: shop.example", *extra, "", ""])


def echoed(gateway: RunningGateway, request: str | bytes) -> Received:
    with gateway.connect() as client:
        client.send(request)
        status, _, body = client.answer()
    assert status == 200
    return Received(**json.loads(body))


def test_a_request_reaches_the_upstream_with_forwarding_headers(shared: RunningGateway) -> None:
    received = echoed(shared, get("/a/b?c=d", "X-Custom: yes"))
    headers = dict(received.headers)
    assert received.target == "/a/b?c=d"
    assert headers["x-custom"] == "yes"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "shop.example"
    assert headers["via"] == "1.1 tocsin-gateway"
    assert headers["host"].startswith("127.0.0.1:")
    assert len(headers["x-request-id"]) == 32


def test_forwarding_headers_of_strangers_are_not_believed(shared: RunningGateway) -> None:
    received = echoed(
        shared, get("/x", "X-Forwarded-For: 9.9.9.9", "Forwarded: for=9.9.9.9", "X-Real-IP: 9.9.9.9", "Via: 1.0 other")
    )
    assert received.header("x-forwarded-for") == ["127.0.0.1"]
    assert received.header("forwarded") == []
    assert received.header("x-real-ip") == []
    assert received.header("via") == ["1.0 other, 1.1 tocsin-gateway"]


@pytest.mark.parametrize(("sent", "kept"), [("abc-123", True), ("bad id", False), ("x" * 200, False)])
def test_the_correlation_id_is_kept_when_it_is_harmless(shared: RunningGateway, sent: str, kept: bool) -> None:
    with shared.connect() as client:
        client.send(get("/x", f"X-Request-Id: {sent}"))
        _, headers, body = client.answer()
    assert (headers["x-request-id"] == sent) is kept
    assert json.loads(body)["headers"].count(["x-request-id", headers["x-request-id"]]) == 1


def test_hop_by_hop_headers_stay_on_their_hop(shared: RunningGateway) -> None:
    received = echoed(
        shared,
        get(
            "/x",
            "Connection: keep-alive, X-Private",
            "X-Private: 1",
            "Keep-Alive: 5",
            "TE: trailers",
            "Proxy-Authorization: Basic abc",
            "Proxy-Connection: keep-alive",
            "X-Public: 2",
        ),
    )
    names = {name for name, _ in received.headers}
    assert "x-public" in names
    assert not names & {"connection", "x-private", "keep-alive", "te", "proxy-authorization", "proxy-connection"}


def test_hop_by_hop_headers_of_answers_are_removed(shared: RunningGateway) -> None:
    with shared.client() as client:
        answer = client.get("/hop")
    assert answer.headers["x-public"] == "2"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["via"] == "1.1 tocsin-gateway"
    assert not {"x-private", "keep-alive", "proxy-authenticate"} & set(answer.headers)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_bodies_with_a_length_arrive(shared: RunningGateway, method: str) -> None:
    with shared.client() as client:
        body = client.request(method, "/x", content=b"hello").json()
    assert body["method"] == method
    assert body["body_size"] == 5


def test_chunked_bodies_arrive_without_their_extensions_and_trailers(shared: RunningGateway) -> None:
    received = echoed(
        shared,
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n",
    )
    assert received.body_size == 11
    assert received.header("transfer-encoding") == ["chunked"]
    assert received.header("x-trailer") == []


def test_chunked_answers_are_chunked_again(shared: RunningGateway) -> None:
    with shared.client() as client:
        assert client.get("/chunked").text == "hello world"


def test_an_answer_that_ends_with_the_connection(shared: RunningGateway) -> None:
    with shared.client() as client:
        assert client.get("/eof").text == "until the end"
        assert client.get("/x").status_code == 200


def test_http_1_0_gets_no_chunks(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send("GET /chunked HTTP/1.0\r\n\r\n")
        status, headers = client.head()
        assert status == 200
        assert headers["connection"] == "close"
        assert "transfer-encoding" not in headers
        assert client.rest() == b"hello world"


@pytest.mark.parametrize("code", ["200", "201", "204", "301", "304", "404", "500", "503", "599"])
def test_statuses_are_passed_on_and_the_connection_lives(shared: RunningGateway, code: str) -> None:
    with shared.connect() as client:
        for _ in range(2):
            client.send(get(f"/status-{code}"))
            status, headers, body = client.answer()
            assert status == int(code)
            assert "connection" not in headers
            assert body == (b"" if code in ("204", "304") else b"ok")


def test_head_has_the_length_and_no_body(shared: RunningGateway) -> None:
    with shared.connect() as client:
        for _ in range(3):
            client.send("HEAD /length HTTP/1.1\r\nHost: a\r\n\r\n")
            status, headers = client.head()
            assert (status, headers["content-length"]) == (200, "5")
        client.send(get("/length"))
        assert client.answer()[2] == b"hello"


def test_pipelined_requests_are_answered_in_order(shared: RunningGateway) -> None:
    with shared.connect() as client:
        paths = ["/one", "/health/live", "/chunkless", "/nothing/../x", "/never"]
        client.send("".join(get(path) for path in paths))
        targets = [json.loads(client.answer()[2]) for _ in range(4)]
        assert targets[0]["target"] == "/one"
        assert targets[1]["status"] == "alive"
        assert targets[2]["target"] == "/chunkless"
        assert targets[3]["error"] == "bad_target"
        assert client.rest() == b""


def test_hundreds_of_pipelined_requests(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send(get("/health/live") * 800)
        assert [client.answer()[0] for _ in range(800)] == [200] * 800


def test_a_prefix_can_be_stripped(shared: RunningGateway) -> None:
    assert echoed(shared, get("/stripped/a?b")).target == "/a?b"
    assert echoed(shared, get("/stripped")).target == "/"


def test_an_absolute_target_names_the_host(shared: RunningGateway) -> None:
    received = echoed(shared, get("http://other.example/a?b"))
    assert received.target == "/a?b"
    assert received.header("x-forwarded-host") == ["other.example"]


def test_expect_continue_goes_to_the_upstream_and_back(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send("POST /continue HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
        assert client.head()[0] == 100
        client.send("hello")
        status, _, body = client.answer()
    assert status == 200
    assert json.loads(body)["body_size"] == 5


def test_early_hints_are_passed_on(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send(get("/hints"))
        status, headers = client.head()
        assert (status, headers["link"]) == (103, "</a.css>")
        assert client.answer()[0] == 200


def test_an_answer_before_the_end_of_the_request_closes_the_connection(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send("POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n" + "x" * 1000)
        assert client.answer()[0] == 413
        assert client.rest() == b""


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_body_without_meaning_ends_both_connections(
    shared: RunningGateway, shared_upstream: ControlledUpstream, method: str
) -> None:
    with shared.connect() as client:
        client.send(f"{method} /lonely HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
        status, headers = client.head()
        assert (status, headers["connection"]) == (200, "close")
        client.rest()
    used = shared_upstream.requests[-1].connection
    with shared.client() as other:
        assert other.get("/x").json()["connection"] != used


def test_upgrades_are_not_tunnelled(shared: RunningGateway) -> None:
    received = echoed(shared, get("/x", "Connection: upgrade", "Upgrade: websocket"))
    assert received.header("upgrade") == []


def test_a_dead_upstream_is_a_502(shared: RunningGateway) -> None:
    with shared.client() as client:
        answer = client.get("/dead/x")
        assert answer.status_code == 502
        body = answer.json()
        assert body["error"] == "connect_failed"
        assert body["correlation_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("path", ["/vanish", "/garbage", "/ambiguous"])
def test_an_upstream_that_does_not_answer_properly_is_a_502(shared: RunningGateway, path: str) -> None:
    with shared.client() as client:
        assert client.get(path).status_code == 502


def test_an_upstream_that_is_silent_is_a_504_and_is_given_up(
    shared: RunningGateway, shared_upstream: ControlledUpstream
) -> None:
    given_up = shared_upstream.seen["given_up"]
    with shared.client() as client:
        answer = client.get("/silent")
    assert answer.status_code == 504
    assert answer.json()["error"] == "timeout"
    wait_for(lambda: shared_upstream.seen["given_up"] > given_up)


def test_a_truncated_answer_is_visible_to_the_client(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send(get("/truncated"))
        assert client.head()[1]["content-length"] == "100"
        with pytest.raises((AssertionError, ConnectionResetError)):
            client.exactly(100)


def test_an_answer_that_nobody_asked_for_reaches_nobody(shared: RunningGateway) -> None:
    with shared.connect() as client:
        client.send(get("/twice"))
        assert client.answer()[2] == b"first"
        client.send(get("/after"))
        assert json.loads(client.answer()[2])["target"] == "/after"


@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("request_text", [get("/silent"), f"POST {get('/silent', 'Content-Length: 3')[4:]}abc"])
def test_a_client_that_leaves_aborts_the_upstream_request(
    shared: RunningGateway, shared_upstream: ControlledUpstream, how: str, request_text: str
) -> None:
    waiting, given_up = shared_upstream.seen["waiting"], shared_upstream.seen["given_up"]
    with shared.connect() as client:
        client.send(request_text)
        wait_for(lambda: shared_upstream.seen["waiting"] > waiting)
        if how == "reset":
            client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wait_for(lambda: shared_upstream.seen["given_up"] > given_up, within=1.2, what="the upstream request's end")


def test_a_stale_connection_is_retried_when_that_is_safe(shared: RunningGateway) -> None:
    with shared.client() as client:
        for _ in range(6):
            assert client.get("/stale").status_code == 200


def test_a_stale_connection_is_not_retried_for_a_post(
    shared: RunningGateway, shared_upstream: ControlledUpstream
) -> None:
    with shared.client() as client:
        statuses = [client.post("/stale", content=b"x").status_code for _ in range(4)]
    assert 502 in statuses
    posts = [request for request in shared_upstream.requests if (request.method, request.target) == ("POST", "/stale")]
    assert len(posts) == 4


def test_connections_to_the_upstream_are_reused(shared: RunningGateway) -> None:
    with shared.client() as client:
        numbers = {client.get("/x").json()["connection"] for _ in range(10)}
    assert len(numbers) <= 2


def test_no_route_and_wrong_method(upstream: ControlledUpstream, shared: RunningGateway) -> None:
    with shared.client() as client:
        answer = client.post("/limited/x", content=b"hello")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, HEAD"
        assert client.get("/limited/x").status_code == 200
        assert client.get("/limitedx").json()["target"] == "/limitedx"


def test_own_endpoints(shared: RunningGateway) -> None:
    with shared.client() as client:
        assert client.get("/health").json()["status"] == "healthy"
        assert client.get("/health/live").json() == {"status": "alive"}
        assert client.get("/health/ready").json() == {"status": "ready", "checks": {"upstreams": "ok"}}
        assert client.post("/health").status_code == 405
        assert "http_requests_total" in client.get("/metrics").text
        assert client.head("/metrics").content == b""
