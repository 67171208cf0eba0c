"""Workers come and go while clients are served: nothing is lost, nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.gateway.loading import Load, start_and_fail
from tests.gateway.running import RunningGateway, is_worker, running, settings_for, wait_for
from tests.gateway.upstream import ControlledUpstream


@contextmanager
def fleet(upstream: ControlledUpstream, directory: Path, count: int, **sections: Any) -> Iterator[RunningGateway]:
    with running(settings_for(upstream.url, workers={"count": count}, **sections), directory) as gateway:
        yield gateway


def test_scaling_and_restarting_under_load_loses_no_request(upstream: ControlledUpstream, tmp_path: Path) -> None:
    with fleet(upstream, tmp_path, 2) as gateway, Load(gateway.url) as load:
        grown = gateway.change("scale", replicas=4)
        assert (grown["state"], grown["progress"]) == ("done", {"done": 2, "total": 2})
        assert len(gateway.workers("ready")) == 4
        load.keeps_flowing()
        shrunk = gateway.change("scale", replicas=1)
        assert (shrunk["state"], shrunk["before"], shrunk["after"]) == ("done", {"replicas": 4}, {"replicas": 1})
        assert len(gateway.workers()) == 1
        load.keeps_flowing()
        regrown = gateway.change("scale", replicas=2)
        assert regrown["state"] == "done"
        load.keeps_flowing()
        pids = {worker["pid"] for worker in gateway.workers()}
        assert gateway.change("restart")["progress"] == {"done": 2, "total": 2}
        load.keeps_flowing()
        assert not pids & {worker["pid"] for worker in gateway.workers()}
        load.stop()
        assert load.failures == []
        assert set(load.statuses) == {200}
        assert counted(gateway) == load.total


def counted(gateway: RunningGateway) -> int:
    total: int = gateway.admin.get("/admin/metrics/summary").json()["requests_total"]
    return total


def metric(gateway: RunningGateway, pattern: str) -> float:
    with gateway.client() as client:
        page = client.get("/metrics").text
    return sum(float(line.rsplit(" ", 1)[1]) for line in page.splitlines() if re.match(pattern, line))


def test_counters_never_go_down_when_workers_go(upstream: ControlledUpstream, tmp_path: Path) -> None:
    with fleet(upstream, tmp_path, 2) as gateway:
        pattern = r'http_requests_total\{.*route="default"'
        with gateway.client() as client:
            for _ in range(20):
                client.get("/x")
        assert metric(gateway, pattern) == 20
        gateway.change("restart")
        assert metric(gateway, pattern) == 20
        gateway.change("scale", replicas=1)
        assert metric(gateway, pattern) == 20
        assert metric(gateway, r'http_request_duration_seconds_count\{route="default"') == 20
        assert metric(gateway, r'http_request_duration_seconds_bucket\{le="\+Inf",route="default"') == 20
        assert metric(gateway, r'upstream_requests_total\{service="backend",status="200"') == 20
        wait_for(lambda: metric(gateway, "open_connections") == 1)


def test_a_killed_worker_is_replaced_and_counted_and_missed_by_nobody(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    with fleet(upstream, tmp_path, 2) as gateway:
        victim = gateway.workers()[0]
        new_connections_are_served_while_it_is_dead(gateway, victim["pid"])
        wait_for(lambda: victim["pid"] not in {worker["pid"] for worker in gateway.workers("ready")})

        def replaced() -> bool:
            ready = gateway.workers("ready")
            return len(ready) == 2 and any(worker["restarts"] == 1 for worker in ready)

        wait_for(replaced, what="the replacement")
        assert gateway.status()["replicas"] == {"desired": 2, "ready": 2}
        assert metric(gateway, "gateway_worker_restarts_total") == 1
        with gateway.client() as client:
            assert client.get("/x").status_code == 200
        records = gateway.admin.get("/admin/logs", params={"grep": "worker_crashed"}).json()["records"]
        assert [record["worker"] for record in records] == [victim["name"]]
        for _ in range(2):
            new_connections_are_served_while_it_is_dead(gateway, gateway.workers("ready")[0]["pid"])
            wait_for(lambda: len(gateway.workers("ready")) == 2)


def new_connections_are_served_while_it_is_dead(gateway: RunningGateway, pid: int) -> None:
    # A hundred failures in a row would take minutes of pauses, so the others must take the dead one's socket.
    os.kill(pid, signal.SIGKILL)
    for _ in range(10):
        with httpx.Client(timeout=5, trust_env=False) as client:
            assert client.get(f"{gateway.url}/x").status_code == 200


def test_no_worker_outlives_a_killed_supervisor(upstream: ControlledUpstream, tmp_path: Path) -> None:
    with fleet(upstream, tmp_path, 2) as gateway:
        pids = [worker["pid"] for worker in gateway.workers()]
        with gateway.connect() as idle:
            idle.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
            idle.answer()
            gateway.process.kill()
            gateway.process.wait()
            wait_for(lambda: not any(is_worker(pid) for pid in pids), what="the workers' end")


def test_sigterm_finishes_what_runs(upstream: ControlledUpstream, tmp_path: Path) -> None:
    with fleet(upstream, tmp_path, 2) as gateway:
        pids = [worker["pid"] for worker in gateway.workers()]
        with gateway.connect() as client:
            client.send("GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(lambda: upstream.seen["waiting"])
            gateway.process.send_signal(signal.SIGTERM)
            wait_for(lambda: refuses_connections(gateway), what="the listener's end")
            upstream.release.set()
            status, headers, _ = client.answer()
            assert (status, headers["connection"]) == (200, "close")
        assert gateway.process.wait(10) == 0
        assert not any(psutil.pid_exists(pid) and is_worker(pid) for pid in pids)


def test_a_worker_that_drains_already_is_waited_for_at_the_end(upstream: ControlledUpstream, tmp_path: Path) -> None:
    with fleet(upstream, tmp_path, 1) as gateway, gateway.connect() as client:
        client.send("GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: upstream.seen["waiting"])
        gateway.admin.post("/admin/restart", json={"operation_id": "r", "actor": "ana"})
        wait_for(lambda: gateway.workers("draining") and gateway.workers("ready"))
        gateway.process.send_signal(signal.SIGTERM)
        wait_for(lambda: refuses_connections(gateway))
        upstream.release.set()
        assert client.answer()[0] == 200
        assert gateway.process.wait(10) == 0


def refuses_connections(gateway: RunningGateway) -> bool:
    try:
        with gateway.connect():
            return False
    except ConnectionError:
        return True


def test_a_drain_is_bounded(upstream: ControlledUpstream, tmp_path: Path) -> None:
    sections = {"server": {"drain_timeout_secs": 0.5}}
    with fleet(upstream, tmp_path, 2, **sections) as gateway:
        clients = [gateway.connect() for _ in range(8)]
        for client in clients:
            client.send("GET /deaf HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for(lambda: upstream.seen["waiting"] == 8)
        assert gateway.change("scale", replicas=1)["state"] == "done"
        assert len(gateway.workers()) == 1
        upstream.release.set()
        for client in clients:
            client.sock.close()


def test_an_idle_connection_of_a_drained_worker_is_closed_and_logs_may_be_text(
    upstream: ControlledUpstream, tmp_path: Path
) -> None:
    sections = {"server": {"drain_idle_secs": 0.2}, "logging": {"format": "text"}}
    with fleet(upstream, tmp_path, 1, **sections) as gateway, gateway.connect() as client:
        client.send("GET /status-503 HTTP/1.1\r\nHost: a\r\n\r\n")
        assert "connection" not in client.answer()[1]
        text_logs_suit_the_runbook(gateway)
        assert gateway.change("restart")["state"] == "done"
        assert client.rest() == b""


def text_logs_suit_the_runbook(gateway: RunningGateway) -> None:
    lines = wait_for(lambda: [line for line in gateway.log_path.read_text().splitlines() if '"GET' in line])
    assert lines[0].split()[8] == "503"


def test_a_busy_port_is_one_clear_message(upstream: ControlledUpstream, tmp_path: Path) -> None:
    with fleet(upstream, tmp_path / "first", 1) as gateway:
        admin_port = int(gateway.ready["admin"].rsplit(":", 1)[1])
        for section, port in (("server", gateway.port), ("admin", admin_port)):
            result = start_and_fail(settings_for(upstream.url, **{section: {"port": port}}), tmp_path)
            assert result.exit_code == 1
            assert result.stdout == ""
            assert result.stderr.count("\n") == 1
            assert f"port {port} on 127.0.0.1 is already in use" in result.stderr


@pytest.mark.parametrize("history", ["/proc/nowhere/history.jsonl"])
def test_a_history_that_cannot_be_written_is_found_at_the_start(
    upstream: ControlledUpstream, tmp_path: Path, history: str
) -> None:
    result = start_and_fail(settings_for(upstream.url, admin={"history_path": history}), tmp_path)
    assert result.exit_code == 1
    assert "history_path" in result.stderr
    assert "Traceback" not in result.stderr


def test_good_requests_are_sampled_and_connections_have_a_limit(upstream: ControlledUpstream, tmp_path: Path) -> None:
    sections = {"logging": {"sampling_rate": 0, "slow_request_ms": None}, "server": {"max_connections": 3}}
    with fleet(upstream, tmp_path, 1, **sections) as gateway:
        with gateway.client() as client:
            for path in ("/x", "/health", "/status-404", "/status-500"):
                client.get(path)
        wait_for(lambda: len(requests_in(gateway)) == 2)
        assert [record["status"] for record in requests_in(gateway)] == [404, 500], "bad ones are always logged"
        wait_for(lambda: gateway.workers()[0]["open_connections"] == 0)
        connections_beyond_the_limit_are_answered_with_503(gateway)


def connections_beyond_the_limit_are_answered_with_503(gateway: RunningGateway) -> None:
    inside = [gateway.connect() for _ in range(3)]
    for client in inside:
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.answer()[0] == 200
    with gateway.connect() as outside:
        status, headers, _ = outside.answer()
        assert (status, headers["connection"]) == (503, "close")
    for client in inside:
        client.sock.close()
    with gateway.client() as again:
        wait_for(lambda: again.get("/x").status_code == 200)


def requests_in(gateway: RunningGateway) -> list[dict[str, Any]]:
    return [record for record in gateway.log_records() if record["event_type"] == "request"]
