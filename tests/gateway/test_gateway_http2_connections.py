"""HTTP/2 towards upstreams: how many streams a connection has, silence, GOAWAY, TLS, profiles and health checks."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import pytest

from gateway.proxy.http2_frames import FrameSplitter
from gateway.proxy.message import Refused
from gateway.settings import Settings
from gateway.supervisor.health_checks import HealthChecks
from tests.gateway.certificates import Authority
from tests.gateway.running import settings_for
from tests.gateway.stage import staged, until
from tests.gateway.targets import nobody
from tests.gateway.upstream import ControlledUpstream
from tests.gateway.upstream_http2 import Http2Upstream, document_for


async def test_many_at_a_time_share_connections_up_to_what_the_upstream_allows() -> None:
    with Http2Upstream(max_streams=2) as upstream:
        document = document_for(upstream)
        document["http2_optimization"] = {"high_concurrency": {"max_connections_per_host": 2}}
        async with staged(document) as stage, contextlib.AsyncExitStack() as stack:
            callers = [await stack.enter_async_context(stage.caller()) for _ in range(6)]
            for caller in callers:
                caller.send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: upstream.seen["waiting"] == 4)
            assert upstream.seen["connections"] == 2
            name = f"127.0.0.1:{upstream.port}"
            await until(lambda: stage.plane.target_states()["backend"][name][:3] == [2, 0, 6])
            callers[0].writer.close()
            await until(lambda: upstream.seen["waiting"] == 5, "the room that one who left has made")
            assert upstream.seen["connections"] == 2


async def test_who_waits_for_room_too_long_gets_an_answer() -> None:
    with Http2Upstream(max_streams=1) as upstream, nobody() as other:
        places = [{"id": "blue", "address": f"127.0.0.1:{upstream.port}"}, {"address": other, "weight": 0}]
        document = document_for("http://service.example", targets=places, connect_timeout_secs=1.5)
        document["http2_optimization"] = {"high_concurrency": {"max_connections_per_host": 1}}
        async with staged(document) as stage, stage.caller() as waiting, stage.caller() as caller:
            waiting.send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: upstream.seen["waiting"] == 1)
            assert (await caller.get("/x")).json()["error"] == "connect_timeout"
            assert stage.plane.target_states()["backend"]["blue"] == [1, 0, 1, None], "it is busy, not unreachable"


async def test_an_upstream_that_is_silent_is_given_up_in_time() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream, timeout_secs=0.1)) as stage, stage.caller() as caller:
            caller.send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = asyncio.create_task(caller.answer())
            while not answer.done():
                stage.plane.tick()
                await asyncio.sleep(0.02)
            assert (await answer).json()["error"] == "timeout"
            await until(lambda: upstream.seen["reset"] == 1)


async def test_a_connection_that_went_dead_without_a_word_costs_one_request_only() -> None:
    with Http2Upstream() as upstream:
        now = [1000.0]
        async with staged(document_for(upstream), clock=lambda: now[0]) as stage, stage.caller() as caller:
            assert (await caller.get("/x")).status == 200
            upstream.do("vanish")
            caller.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: stage.plane.in_flight == 1)
            now[0] += 31
            stage.plane.tick()
            assert (await caller.answer()).json()["error"] == "timeout"
            assert (await caller.get("/x")).status == 200
            assert upstream.requests[-1].connection == 2
            for _ in range(2):
                now[0] += 6
                stage.plane.tick()
            await until(lambda: stage.plane._pools["backend"].open == 1, "the end of the dead one")
            assert (await caller.get("/x")).status == 200


async def test_one_slow_request_is_not_the_end_of_its_connection() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream, timeout_secs=0.1)) as stage, stage.caller() as caller:
            caller.send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n")
            answer = asyncio.create_task(caller.answer())
            while not answer.done():
                for connection in tuple(stage.plane._connections):
                    connection.check_deadlines(stage.plane.clock())
                await asyncio.sleep(0.02)
            assert (await answer).json()["error"] == "timeout"
            (connection,) = stage.plane._pools["backend"].targets[0]._connections  # type: ignore[attr-defined]
            await until(lambda: connection.usable, "it has shown that it is there")
            assert stage.plane._pools["backend"].open == 1


async def test_what_a_connection_that_is_left_still_carries_takes_no_room_from_the_next() -> None:
    with Http2Upstream() as upstream:
        document = document_for(upstream)
        document["http2_optimization"] = {"high_concurrency": {"max_connections_per_host": 1}}
        async with staged(document) as stage, stage.caller() as slow, stage.caller() as caller:
            slow.send("PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
            await until(lambda: upstream.seen["body_bytes"] == 3)
            (connection,) = stage.plane._pools["backend"].targets[0]._connections  # type: ignore[attr-defined]
            upstream.do("goaway")
            await until(lambda: not connection.usable)
            assert (await caller.get("/x")).status == 200
            assert stage.plane._pools["backend"].open == 2
            slow.send("def")
            assert (await slow.answer()).body == b"abcdef"


async def test_a_drain_leaves_those_their_connection_who_wait_for_it() -> None:
    silent = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    with Http2Upstream() as upstream:
        places = [
            {"id": "blue", "address": f"127.0.0.1:{silent.sockets[0].getsockname()[1]}"},
            {"id": "green", "address": f"127.0.0.1:{upstream.port}", "weight": 0},
        ]
        document = document_for("http://service.example", targets=places, connect_timeout_secs=1.5)
        async with staged(document) as stage, stage.caller() as caller:
            caller.send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")
            blue = stage.plane._pools["backend"].targets[0]
            await until(lambda: blue.open == 1)
            drain = [[{"green": 1}, ["blue"], 2000.0, False]]
            stage.plane.target_orders.replace({"backend": drain}, 1000.0)
            assert (await caller.answer()).body == b"/x", "at the other target, when this one has said nothing in time"
            await until(lambda: blue.open == 0)
    silent.close()


async def test_what_is_under_way_at_a_goaway_is_answered_and_the_next_request_goes_elsewhere() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            assert (await caller.get("/goaway")).body == b"last"
            assert (await caller.get("/x")).status == 200
            assert upstream.requests[-1].connection == 2
            await until(lambda: upstream.seen["closed"] == 1, "the end of the first connection")
            async with stage.caller() as slow:
                slow.send("PUT /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
                await until(lambda: upstream.requests[-1].path == "/slow")
                upstream.do("goaway")
                assert (await caller.get("/x")).status == 200
                slow.send("def")
                assert (await slow.answer()).body == b"abcdef"


async def test_a_stream_that_was_not_looked_at_is_sent_again_whatever_its_method() -> None:
    with Http2Upstream() as upstream:
        async with staged(document_for(upstream)) as stage, stage.caller() as caller:
            upstream.always = "/seldom"
            caller.send("POST /pay HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
            await until(lambda: len(upstream.requests) == 2)
            caller.send("def")
            assert (await caller.answer()).body == b"abcdef"
            upstream.requests.clear()
            upstream.always = "/refused"
            caller.send("POST /pay HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            refused = await caller.answer()
            assert (refused.status, refused.json()["error"], len(upstream.requests)) == (502, "refused", 2)
            caller.send("POST /pay HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc")
            assert ((await caller.answer()).json()["error"], len(upstream.requests)) == ("refused", 4), "with its body"
            upstream.always = "/reset"
            caller.send("POST /pay HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
            assert ((await caller.answer()).json()["error"], len(upstream.requests)) == ("reset", 5)


@pytest.mark.parametrize("profile", [{"keep_alive": False}, {"compression": True, "tcp_no_delay": False}])
async def test_a_profile_says_how_connections_are_used(profile: dict[str, Any]) -> None:
    with Http2Upstream() as upstream:
        document = document_for(upstream, http2_profile="low_latency")
        document["http2_optimization"] = {"low_latency": {"idle_timeout": "30s", **profile}}
        async with staged(document) as stage, stage.caller() as caller:
            assert (await caller.get("/x")).status == 200
            if not profile.get("keep_alive", True):
                await until(lambda: upstream.seen["closed"] == 1)
            assert (await caller.get("/x")).status == 200
            assert upstream.seen["connections"] == (1 if profile.get("keep_alive", True) else 2)
            pool = stage.plane._pools["backend"]
            pool.tick(stage.plane.clock() + 29)
            await asyncio.sleep(0)
            pool.tick(stage.plane.clock() + 31)
            await until(lambda: upstream.seen["closed"] == upstream.seen["connections"])


def test_the_profiles_are_those_of_the_runbook() -> None:
    document = settings_for("http://127.0.0.1:1")
    document["http2_optimization"] = {
        "high_concurrency": {"max_connections_per_host": 30, "idle_timeout": "60s", "keep_alive": True},
        "low_latency": {"max_connections_per_host": 10, "idle_timeout": "30s", "tcp_no_delay": True},
        "bandwidth_optimized": {"max_connections_per_host": 5, "idle_timeout": "120s", "compression": True},
    }
    read = Settings.model_validate(document).http2_optimization
    assert read == Settings.model_validate(settings_for("http://127.0.0.1:1")).http2_optimization, (
        "they are the defaults"
    )
    assert [one.idle_timeout for one in (read.high_concurrency, read.low_latency, read.bandwidth_optimized)] == [
        60,
        30,
        120,
    ]


async def test_with_tls_both_sides_agree_on_it_and_the_certificate_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, other = authority.signs("service.example"), authority.signs("other.example")
    trusted = {"ca_path": str(authority.path)}
    for certificate, tls, protocols, expected in (
        (good, trusted, ("h2",), 200),
        (good, trusted, ("http/1.1",), "connect_failed"),
        (good, {}, ("h2",), "tls_failed"),
        (other, trusted, ("h2",), "tls_failed"),
        (other, {**trusted, "server_name": "other.example"}, ("h2",), 200),
    ):
        with Http2Upstream(certificate.server(*protocols)) as upstream:
            places = [{"address": f"127.0.0.1:{upstream.port}"}]
            document = document_for("https://service.example", targets=places, tls=tls)
            async with staged(document) as stage, stage.caller() as caller:
                answer = await caller.get("/x")
                assert expected in (answer.status, answer.status == 502 and answer.json()["error"])
                if answer.status == 200:
                    assert upstream.requests[0].header(":scheme") == ["https"]


async def test_who_speaks_http_1_only_is_told_apart(shared_upstream: ControlledUpstream) -> None:
    async with staged(document_for(shared_upstream.url, connect_timeout_secs=2)) as stage, stage.caller() as caller:
        assert (await caller.get("/x")).status in (502, 504)


async def test_health_checks_speak_it(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.signs("service.example")
    checks = HealthChecks(log=lambda *_, **__: None, changed=lambda: None)
    with Http2Upstream() as clear, Http2Upstream(certificate.server("h2")) as safe:
        document = document_for("http://service.example")
        common = {"protocol": "http2", "tls": {"ca_path": str(authority.path)}}
        check = {"path": "/status-200", "interval_secs": 0.05, "healthy_threshold": 1}
        document["upstreams"] = [
            {"id": name, "base_url": url, "targets": [{"address": f"127.0.0.1:{one.port}", "id": "blue"}],
             "health_check": check, **common}
            for name, url, one in (
                ("backend", "http://service.example", clear), ("safe", "https://service.example", safe),
            )
        ]  # fmt: skip
        checks.follow(Settings.model_validate(document).upstreams)
        try:
            await until(lambda: checks.for_workers() == {"backend": {"blue": True}, "safe": {"blue": True}})
        finally:
            checks.stop()
        assert clear.requests[0].header(":authority") == safe.requests[0].header(":authority") == ["service.example"]


def test_goaway_is_taken_out_wherever_the_bytes_are_cut() -> None:
    settings = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
    ping = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + b"12345678"
    goaway = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + (41).to_bytes(4, "big") + bytes(4)
    stream = settings + goaway + ping
    for cut in range(len(stream) + 1):
        splitter = FrameSplitter()
        parts = [*splitter.split(stream[:cut]), *splitter.split(stream[cut:])]
        assert b"".join(whole for whole, _ in parts) == settings + ping
        assert [last for _, last in parts if last is not None] == [41]
    with pytest.raises(Refused):
        list(FrameSplitter().split(b"HTTP/1.1 400 Bad Request\r\n"))
