"""What the Deployments, Telemetry and Logs ports promise, whatever is behind them.

An adapter inherits these classes and provides the fixtures: `gateway` (it runs, with 2 copies), `limits` (the fewest
and the most copies that it takes), `dead` (the same where nothing answers) and `traffic` (a function that lets requests
through, some of which fail on a route called `broken`, and after which a log line has a field that nests).
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Protocol, cast

import pytest
import yaml

from commands.context import Call
from commands.domain.plan import Target
from commands.errors import NotFound, Unavailable
from commands.handlers.gw_logs import LogsArgs, logs
from commands.ports import Deployments, LogQuery, Logs, Operation, Rejected, Telemetry

NAME, SECRET = "gateway", "a-token-for-tests"
MINUTES = timedelta(minutes=5)
Traffic = Callable[[], Awaitable[None]]


class GatewayPorts(Deployments, Telemetry, Logs, Protocol):
    """One object behind three ports."""


async def ended(gateway: GatewayPorts, target: Target, operation: str) -> Operation:
    """Wait for the end of what was asked for."""
    for _ in range(1500):
        found = await gateway.operation(target, operation)
        assert found is not None
        if found.state != "running":
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{operation} did not end")


async def scale(gateway: GatewayPorts, replicas: int, *, operation: str = "") -> str:
    """Scale from whatever there is now; the operation's id, once it has ended well."""
    workload, name = await gateway.find(NAME), operation or uuid.uuid4().hex
    await gateway.scale(workload.target, replicas=replicas, expected=workload.desired, operation=name, actor="ana")
    assert (await ended(gateway, workload.target, name)).state == "done"
    return name


async def other_than_now(gateway: GatewayPorts) -> int:
    """A number of copies that there are not."""
    return 3 if (await gateway.find(NAME)).desired != 3 else 2


class DeploymentsContract:
    """Copies are counted, changed once for each operation, and never by mistake."""

    async def test_a_workload_is_found_by_name(self, gateway: GatewayPorts, limits: tuple[int, int]) -> None:
        found = await gateway.find(NAME)
        assert found.target.name == NAME
        assert (found.minimum, found.maximum) == limits
        assert found.target.uid
        assert found.minimum <= found.desired <= found.maximum
        assert found.ready == found.desired == len(await gateway.pods(found.target))
        assert found.started_at.tzinfo is not None

    async def test_an_unknown_name_is_not_found_and_the_known_are_named(self, gateway: GatewayPorts) -> None:
        with pytest.raises(NotFound) as refused:
            await gateway.find("billing")
        assert "'billing'" in refused.value.message
        assert NAME in refused.value.hint

    async def test_a_scale_is_done_and_reads_back(self, gateway: GatewayPorts) -> None:
        wanted = await other_than_now(gateway)
        await scale(gateway, wanted)
        found = await gateway.find(NAME)
        assert (found.desired, found.ready) == (wanted, wanted)
        pods = await gateway.pods(found.target)
        assert len({pod.name for pod in pods}) == wanted
        assert all(pod.started_at.tzinfo is not None for pod in pods)

    async def test_the_same_operation_twice_has_one_effect(self, gateway: GatewayPorts) -> None:
        first, wanted = (await gateway.find(NAME)).desired, await other_than_now(gateway)
        operation = await scale(gateway, wanted)
        await scale(gateway, first)
        target = (await gateway.find(NAME)).target
        await gateway.scale(target, replicas=wanted, expected=first, operation=operation, actor="ana")
        assert (await gateway.find(NAME)).desired == first

    async def test_another_count_than_expected_is_refused(self, gateway: GatewayPorts) -> None:
        before = await gateway.find(NAME)
        with pytest.raises(Rejected):
            await gateway.scale(
                before.target, replicas=before.desired + 1, expected=before.desired + 1, operation="drift", actor="ana"
            )
        assert (await gateway.find(NAME)).desired == before.desired

    async def test_a_number_out_of_the_limits_is_refused(self, gateway: GatewayPorts, limits: tuple[int, int]) -> None:
        before = await gateway.find(NAME)
        for replicas in (-1, limits[0] - 1, limits[1] + 1, 10_000):
            with pytest.raises(Rejected):
                await gateway.scale(
                    before.target, replicas=replicas, expected=before.desired, operation=f"out{replicas}", actor="ana"
                )
        assert (await gateway.find(NAME)).desired == before.desired

    async def test_a_target_that_was_replaced_is_refused(self, gateway: GatewayPorts) -> None:
        before = await gateway.find(NAME)
        gone = before.target.model_copy(update={"uid": str(uuid.uuid4())})
        with pytest.raises(Rejected):
            await gateway.restart(gone, operation="gone", actor="ana")
        with pytest.raises(Rejected):
            await gateway.scale(
                gone, replicas=before.desired + 1, expected=before.desired, operation="gone-too", actor="ana"
            )

    async def test_what_was_never_asked_for_is_nothing(self, gateway: GatewayPorts) -> None:
        assert await gateway.operation((await gateway.find(NAME)).target, "never") is None

    async def test_a_restart_ends_with_as_many_copies(self, gateway: GatewayPorts) -> None:
        before = await gateway.find(NAME)
        await gateway.restart(before.target, operation="restart", actor="ana")
        found = await ended(gateway, before.target, "restart")
        assert (found.state, found.done) == ("done", found.total)
        assert len(await gateway.pods(before.target)) == before.desired

    async def test_the_configuration_is_yaml_without_secrets(self, gateway: GatewayPorts) -> None:
        text = await gateway.config((await gateway.find(NAME)).target)
        assert isinstance(yaml.safe_load(text), dict)
        assert SECRET not in text

    async def test_nothing_that_answers_is_unavailable(self, dead: GatewayPorts, gateway: GatewayPorts) -> None:
        target = (await gateway.find(NAME)).target
        with pytest.raises(Unavailable):
            await dead.find(NAME)
        with pytest.raises(Unavailable):
            await dead.pods(target)
        with pytest.raises(Unavailable):
            await dead.config(target)
        with pytest.raises(Unavailable):
            await dead.history(target, limit=1)

    async def test_a_change_that_reaches_nobody_is_refused_with_certainty(
        self, dead: GatewayPorts, gateway: GatewayPorts
    ) -> None:
        target = (await gateway.find(NAME)).target
        with pytest.raises(Rejected):
            await dead.scale(target, replicas=3, expected=2, operation="nobody", actor="ana")

    async def test_history_tells_who_changed_what(self, gateway: GatewayPorts) -> None:
        operation = await scale(gateway, await other_than_now(gateway))
        target = (await gateway.find(NAME)).target
        changes = await gateway.history(target, limit=50)
        assert [change.at for change in changes] == sorted((change.at for change in changes), reverse=True)
        ours = next(change for change in changes if change.operation == operation)
        assert (ours.kind, ours.actor) == ("scale", "ana")
        assert ours.before != ours.after
        assert len(await gateway.history(target, limit=1)) == 1


class TelemetryContract:
    """Numbers are ratios, milliseconds and counts; what does not answer is down, and no exception."""

    async def test_a_reading_counts_what_went_through(self, gateway: GatewayPorts, traffic: Traffic) -> None:
        await traffic()
        reading = await gateway.reading(NAME, window=MINUTES)
        assert reading.up
        assert reading.at.tzinfo is not None
        assert 0 < reading.errors < reading.requests
        assert reading.error_rate == pytest.approx(reading.errors / reading.requests, abs=0.01)
        assert reading.rps > 0
        assert None is not reading.p50_ms <= reading.p95_ms <= reading.p99_ms  # type: ignore[operator]

    async def test_routes_share_the_requests(self, gateway: GatewayPorts, traffic: Traffic) -> None:
        await traffic()
        routes = await gateway.routes(NAME, window=MINUTES)
        assert len({route.route for route in routes}) == len(routes) > 1
        assert [route.requests for route in routes] == sorted((route.requests for route in routes), reverse=True)
        assert all(0 <= route.error_rate <= 1 for route in routes)

    async def test_nothing_that_answers_is_down(self, dead: GatewayPorts) -> None:
        assert not (await dead.reading(NAME, window=MINUTES)).up

    async def test_health_has_a_word_for_each_check(self, gateway: GatewayPorts) -> None:
        checks = await gateway.health(NAME)
        assert checks == dict.fromkeys(("/health", "/health/live", "/health/ready"), "ok (200)")


class LogsContract:
    """Lines oldest first, searched and bounded; like errors counted together."""

    async def test_lines_are_searched(self, gateway: GatewayPorts, traffic: Traffic) -> None:
        await traffic()
        ask = {"level": "DEBUG", "since": MINUTES}
        lines = (await gateway.lines(NAME, LogQuery(limit=200, grep="broken", **ask))).lines
        assert lines
        assert all("broken" in f"{line.message} {line.fields}" for line in lines)
        assert [line.at for line in lines] == sorted(line.at for line in lines)
        nothing = await gateway.lines(NAME, LogQuery(limit=200, grep="no line has this", **ask))
        assert (nothing.lines, nothing.total) == ((), 0)

    async def test_lines_are_bounded_to_the_newest(self, gateway: GatewayPorts, traffic: Traffic) -> None:
        await traffic()
        found = await gateway.lines(NAME, LogQuery(limit=200, level="DEBUG", since=MINUTES))
        assert len(found.lines) == found.total > 1
        newest = await gateway.lines(NAME, LogQuery(limit=1, level="DEBUG", since=MINUTES))
        assert newest.lines == found.lines[-1:]
        assert newest.total == found.total

    async def test_a_level_leaves_out_what_is_less(self, gateway: GatewayPorts, traffic: Traffic) -> None:
        await traffic()
        found = await gateway.lines(NAME, LogQuery(limit=200, level="WARNING", since=MINUTES))
        assert found.lines
        assert {line.level for line in found.lines} <= {"WARNING", "ERROR"}

    async def test_fields_that_nest_are_shown(self, gateway: GatewayPorts, traffic: Traffic) -> None:
        await traffic()
        found = await gateway.lines(NAME, LogQuery(limit=200, level="DEBUG", since=MINUTES))
        assert any(isinstance(value, dict) for line in found.lines for value in line.fields.values())
        services = SimpleNamespace(default_service=NAME, logs=gateway, usual={}, several_places=False)
        call = cast("Call", SimpleNamespace(incident=None, services=services, now=datetime.now(UTC), channel="ops"))
        shown = await logs(LogsArgs(level="DEBUG", limit=200), call)
        assert '{"' in shown.preformatted

    async def test_like_errors_are_counted_together(self, gateway: GatewayPorts, traffic: Traffic) -> None:
        await traffic()
        found = await gateway.errors(NAME, since=MINUTES)
        assert found.total == sum(group.count for group in found.groups)
        broken = next(group for group in found.groups if group.route == "broken")
        assert broken.count > 1
        assert broken.status >= 500
        assert broken.error_type
        assert broken.last_seen.tzinfo is not None

    async def test_a_log_that_nobody_answers_for_is_unavailable(self, dead: GatewayPorts) -> None:
        with pytest.raises(Unavailable):
            await dead.lines(NAME, LogQuery(limit=1, level="DEBUG", since=MINUTES))
        with pytest.raises(Unavailable):
            await dead.errors(NAME, since=MINUTES)
