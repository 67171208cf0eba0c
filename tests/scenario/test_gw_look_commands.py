"""Transcripts of what is read from the gateway; everybody in the channel sees it."""

from __future__ import annotations

from datetime import timedelta

from commands.ports import Change, ErrorGroup, LogLine
from tests.fakes import START
from tests.scenario.stage import Stage, golden, transcript


@transcript("/gw status")
async def test_status(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw status") == golden("""
        [#general, all]
        gateway: healthy
          Workers: 3 of 3 ready
          Errors: 0.2% of 1,000 requests
          Latency: p50 8 ms, p95 40 ms, p99 90 ms
          Traffic: 100 req/s over 10 s
          Version: 1.2.3, revision 7
          Running since: 2026-03-01 07:00 UTC
          (@Eve Larsson: /gw status)
        """)
    reading = stage.world.gateway.reading_now
    stage.world.gateway.reading_now = reading.model_copy(update={"errors": 310, "error_rate": 0.31})
    assert await stage.asks("eve", "general", "/gw status") == golden("""
        gateway: in trouble (errors 31.0%)
          Look closer: /gw errors, /gw logs --level ERROR
          Workers: 3 of 3 ready
          Errors: 31.0% of 1,000 requests
          Latency: p50 8 ms, p95 40 ms, p99 90 ms
          Traffic: 100 req/s over 10 s
          Version: 1.2.3, revision 7
          Running since: 2026-03-01 07:00 UTC
          (@Eve Larsson: /gw status)
        """)
    stage.world.gateway.reading_now = reading.model_copy(update={"requests": 0, "errors": 0, "p95_ms": None})
    assert await stage.asks("eve", "general", "/gw status") == golden("""
        gateway: no traffic, so its health is not known
          Workers: 3 of 3 ready
          Traffic: no requests
          Version: 1.2.3, revision 7
          Running since: 2026-03-01 07:00 UTC
          (@Eve Larsson: /gw status)
        """)


@transcript("/gw health")
async def test_health(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw health") == golden("""
        [#general, all]
        gateway: all health checks pass
          /health: ok (200)
          /health/live: ok (200)
          /health/ready: ok (200)
          (@Eve Larsson: /gw health)
        """)
    stage.world.gateway.down = True
    assert await stage.asks("eve", "general", "/gw health") == golden("""
        gateway: a health check fails
          /health: no answer (ConnectError)
          /health/live: no answer (ConnectError)
          /health/ready: no answer (ConnectError)
          (@Eve Larsson: /gw health)
        """)


@transcript("/gw pods")
async def test_pods(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw pods") == golden("""
        [#general, all]
        gateway: 3 of 3 workers ready
          Worker     State  Since      Restarts  Requests  Errors  Memory
          gateway-1  ready  12:00 UTC  0         10        0       40 MB
          gateway-2  ready  12:00 UTC  0         20        0       40 MB
          gateway-3  ready  12:00 UTC  0         30        0       40 MB
          (@Eve Larsson: /gw pods)
        """)


@transcript("/gw metrics")
async def test_metrics(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw metrics --window 5m") == golden("""
        [#general, all]
        gateway: errors 0.2%, p95 40 ms, 100 req/s
          No chart: too little was measured in the last 30 min.
          Errors: 0.2% of 1,000 requests
          Latency: p50 8 ms, p95 40 ms, p99 90 ms
          Traffic: 100 req/s over 10 s
          Route   Requests  Errors  p95
          users   600       0.1%    35 ms
          orders  400       0.4%    48 ms
          (@Eve Larsson: /gw metrics --window 5m)
        """)
    assert await stage.asks("eve", "general", "/gw metrics --window soon") == golden("""
        “soon” is no duration.
          Write it as 15m, 45s, 2h, 1h30m or 2d.
          Try: /gw metrics --window 15m
          (You typed: /gw metrics --window soon)
        """)


@transcript("/gw config")
async def test_config_masks_secrets(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw config") == golden("""
        [#general, all]
        Configuration of gateway
          | server:
          |   port: 8080
          | admin:
          |   token: [redacted]
          (@Eve Larsson: /gw config)
        """)


@transcript("/gw logs")
async def test_logs_are_searched_bounded_and_redacted(stage: Stage) -> None:
    stage.world.gateway.log_lines = [
        LogLine(at=START, level="INFO", message="started", fields={"worker_id": 1, "pid": 77}),
        LogLine(at=START + timedelta(seconds=3), level="ERROR", message="upstream timeout", fields={"route": "orders"}),
        LogLine(at=START + timedelta(seconds=4), level="ERROR", message="upstream said Bearer abcdef0123456789abcdef"),
    ]
    assert await stage.types("eve", "general", "/gw logs upstream --level error --since 1h") == golden("""
        [#general, all]
        2 log lines of gateway in the last 1 h
          | 12:00:03Z ERROR   upstream timeout route=orders
          | 12:00:04Z ERROR   upstream said Bearer [redacted]
          (@Eve Larsson: /gw logs upstream --level error --since 1h)
        """)
    assert await stage.asks("eve", "general", "/gw logs --limit 1") == golden("""
        Newest 1 of 3 log lines of gateway in the last 15 min
          | 12:00:04Z ERROR   upstream said Bearer [redacted]
          (@Eve Larsson: /gw logs --limit 1)
        """)
    assert await stage.asks("eve", "general", "/gw logs --level LOUD") == golden("""
        “LOUD” is no log level.
          Levels: DEBUG, INFO, WARNING or ERROR.
          Try: /gw logs --level ERROR
          (You typed: /gw logs --level LOUD)
        """)
    assert await stage.asks("eve", "general", "/gw logs --since 2d") == golden("""
        I can look a day back at most; 2 d is further.
          Try: /gw logs --since 24h
          (You typed: /gw logs --since 2d)
        """)
    assert "Search for 200 characters at most" in await stage.asks("eve", "general", f"/gw logs {'x' * 201}")
    assert await stage.asks("eve", "general", "/gw logs nothing like this") == golden("""
        No log lines of gateway in the last 15 min
          Looked for INFO and worse, containing nothing like this.
          Try: /gw logs nothing like this --since 24h --level DEBUG
          (@Eve Larsson: /gw logs nothing like this)
        """)


async def test_a_line_says_nothing_twice_and_shows_what_nests(stage: Stage) -> None:
    request = {
        "timestamp": "2026-03-01T12:00:00Z", "level": "ERROR", "service": "tocsin-gateway", "component": "proxy",
        "event_type": "request", "message": "GET /orders 502", "method": "GET", "path": "/orders", "status": 502,
        "client_ip": "203.0.113.7", "request_size": 0, "response_size": 91, "route": "orders", "error_type": "connect",
    }  # fmt: skip
    added = {"event_type": "fault_added", "actor": "ana", "before": {}, "after": {"id": "f1", "token": "hunter2"}}
    stage.world.gateway.log_lines = [
        LogLine(at=START, level="ERROR", message="GET /orders 502", fields=request),
        LogLine(at=START, level="WARNING", message="fault_added by ana", fields=added),
    ]
    assert await stage.asks("eve", "general", "/gw logs --level warn") == golden("""
        2 log lines of gateway in the last 15 min
          | 12:00:00Z ERROR   GET /orders 502 response_size=91 route=orders error_type=connect
          | 12:00:00Z WARNING fault_added by ana after={"id":"f1","token":"[redacted]"}
          (@Eve Larsson: /gw logs --level warn)
        """)


async def test_what_is_not_kept_is_said(stage: Stage) -> None:
    stage.world.gateway.kept_since = START - timedelta(minutes=4)
    stage.world.gateway.missed = 1234
    stage.world.gateway.log_lines = [LogLine(at=START, level="INFO", message="good")]
    assert await stage.asks("eve", "general", "/gw logs") == golden("""
        1 log line of gateway in the last 15 min
          Kept since 11:56 UTC; what was before is not counted.
          1,234 more lines came too fast to be kept.
          | 12:00:00Z INFO    good
          (@Eve Larsson: /gw logs)
        """)
    assert await stage.asks("eve", "general", "/gw errors") == golden("""
        No errors on gateway in the last 15 min
          Kept since 11:56 UTC; what was before is not counted.
          (@Eve Larsson: /gw errors)
        """)
    assert "Kept since" not in await stage.asks("eve", "general", "/gw errors --since 4m")
    stage.world.gateway.kept_since = START - timedelta(hours=20)
    assert "Kept since 2026-02-28 16:00 UTC;" in await stage.asks("eve", "general", "/gw errors --since 24h")


async def test_kinds_of_errors_that_are_not_shown_are_counted(stage: Stage) -> None:
    stage.world.gateway.groups = [
        ErrorGroup(route=f"r{number}", status=502, error_type="connect", count=number, last_seen=START)
        for number in range(1, 31)
    ]
    said = await stage.asks("eve", "general", "/gw errors")
    assert said.splitlines()[:2] == [
        "465 errors on gateway in the last 15 min",
        "  The 20 most frequent of 30 kinds.",
    ]
    assert len(said.splitlines()) == 2 + 1 + 20 + 1


@transcript("/gw errors")
async def test_errors_are_counted_together(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw errors") == golden("""
        [#general, all]
        No errors on gateway in the last 15 min
          (@Eve Larsson: /gw errors)
        """)
    seen = START - timedelta(minutes=2)
    stage.world.gateway.groups = [
        ErrorGroup(route="users", status=502, error_type="connect", count=4, last_seen=seen),
        ErrorGroup(route="orders", status=504, error_type="timeout", count=1234, last_seen=START),
    ]
    assert await stage.asks("eve", "general", "/gw errors --since 30m") == golden("""
        1,238 errors on gateway in the last 30 min
          Count  Route   Status  Kind     Last
          1,234  orders  504     timeout  12:00 UTC
          4      users   502     connect  11:58 UTC
          (@Eve Larsson: /gw errors --since 30m)
        """)


@transcript("/gw history")
async def test_history_joins_our_plans_with_what_the_gateway_saw(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw history") == golden("""
        [#general, all]
        No changes to gateway yet
          (@Eve Larsson: /gw history)
        """)
    stage.world.gateway.changes = [
        Change(
            at=START - timedelta(hours=2),
            kind="restart",
            actor="cron",
            reason="nightly",
            before="",
            after="",
            outcome="done",
        )
    ]
    await stage.runs("ben", "general", "/gw scale 5")
    await stage.news()
    assert await stage.types("eve", "general", "/gw history --limit 5") == golden("""
        [#general, all]
        Changes to gateway
          When       What                                                  Result
          12:00 UTC  Scale gateway up from 3 to 5 workers, by @Ben Okafor  done: 5 of 5 workers ready; verified; errors 0.2% → 0.2%, p95 40 ms → 40 ms
          10:00 UTC  restart, by cron                                      done
          (@Eve Larsson: /gw history --limit 5)
        """)  # noqa: E501

    for narrower in ("--by @ben --action scale --state done --since 1h", "--action SCALE", "--by ben"):
        shown = await stage.asks("eve", "general", f"/gw history {narrower}")
        assert ("Scale gateway up" in shown, "by cron" in shown) == (True, False), narrower
    for other in ("--action restart", "--since 3h --state done --action restart"):
        shown = await stage.asks("eve", "general", f"/gw history {other}")
        assert ("Scale gateway up" in shown, "by cron" in shown) == (False, True), other
    for nothing in ("--by @ana", "--state failed", "--action restart --since 1h"):
        assert "No such changes to gateway" in await stage.asks("eve", "general", f"/gw history {nothing}"), nothing


@transcript("/again")
async def test_again_repeats_the_last_look_and_nothing_that_changes(stage: Stage) -> None:
    assert await stage.asks("eve", "general", "/again") == golden("""
        You have looked at nothing here lately.
          Try: /gw status
          (You typed: /again)
        """)
    first = await stage.asks("ben", "general", "/gw health")
    await stage.quietly("ben", "general", "/gw scale 5")
    stage.later(seconds=1)
    again = await stage.asks("ben", "general", "/again")
    assert again.splitlines()[:-1] == first.splitlines()[:-1]
    assert again.splitlines()[-1] == "  (again: /gw health)"
    assert (await stage.asks("ben", "general", "/again")).splitlines()[:-1] == first.splitlines()[:-1]
    assert "nothing here lately" in await stage.asks("eve", "general", "/again")


async def test_a_gateway_that_does_not_answer_is_said_so(stage: Stage) -> None:
    stage.world.gateway.down = True
    assert await stage.types("ana", "general", "/gw status") == golden("""
        [#general, all]
        gateway: in trouble (no answer)
          The admin API of gateway does not answer (ConnectError).
          Is the gateway running?
          (@Ana Ruiz: /gw status)
        """)
    for command in ("pods", "config", "history", "scale 4", "restart", "undo"):
        said = await stage.types("ana", "general", f"/gw {command}")
        assert said.splitlines()[:3] == [
            "[#general, only ana]",
            "The admin API of gateway does not answer (ConnectError).",
            "  Is the gateway running?",
        ]


async def test_in_an_incident_about_another_service_the_gateway_is_looked_at(stage: Stage) -> None:
    incident = await stage.declares("sev2 slow --service billing")
    assert (await stage.asks("ana", incident.channel, "/gw pods")).startswith("gateway: 3 of 3 workers ready")


async def test_what_is_used_by_local_processes(stage: Stage) -> None:
    assert await stage.types("eve", "general", "/gw top") == golden("""
        [#general, all]
        What is used: 3 workers of gateway
          Worker     Memory  Requests  Errors
          gateway-1  40 MB   10        0
          gateway-2  40 MB   20        0
          gateway-3  40 MB   30        0
          (@Eve Larsson: /gw top)
        """)
    assert await stage.asks("eve", "general", "/gw top nodes") == golden("""
        gateway runs as local processes on one machine: there are no nodes.
          Look at the processes instead.
          Try: /gw top
          (You typed: /gw top nodes)
        """)


async def test_changes_of_local_processes(stage: Stage) -> None:
    stage.world.gateway.changes = [
        Change(
            at=START - timedelta(minutes=2),
            kind="config",
            actor="ops",
            reason="shorter timeout",
            before="timeout 5",
            after="timeout 2",
            outcome="done",
        ),
        Change(
            at=START - timedelta(hours=2), kind="restart", actor="ops", reason="", before="", after="", outcome="done"
        ),
    ]
    await stage.runs("ana", "general", "/gw scale 4")
    await stage.news()
    assert await stage.types("eve", "general", "/gw changes 30m") == golden("""
        [#general, all]
        2 changes around gateway in the last 30 min
          No chart: too little was measured in the last 30 min.
          When       What                                                      Errors
          11:58 UTC  config: timeout 5 → timeout 2 (shorter timeout), by ops   -
          12:00 UTC  Scale gateway up from 3 to 4 workers, by @Ana Ruiz: done  -
          (@Eve Larsson: /gw changes 30m)
        """)
    assert await stage.asks("eve", "general", "/gw changes 3d") == golden("""
        I can look a day back at most; 3 d is further.
          Try: /gw changes 24h
          (You typed: /gw changes 3d)
        """)


async def test_what_only_a_cluster_has_is_refused_with_what_comes_nearest(stage: Stage) -> None:
    assert await stage.asks("eve", "general", "/gw events") == golden("""
        /gw events needs the gateway in Kubernetes, and here it runs as local processes.
          /gw changes and /gw logs tell what happened.
          (You typed: /gw events)
        """)
    shown = await stage.asks("eve", "general", "/help gw")
    for name in ("describe", "events", "rollout", "hpa", "endpoints", "configmap", "nodes", "certs"):
        assert f"/gw {name}" not in shown
        assert "runs as local processes" in await stage.asks("eve", "general", f"/gw {name}")
    assert "/gw changes" in shown
    assert "/gw top" in shown
