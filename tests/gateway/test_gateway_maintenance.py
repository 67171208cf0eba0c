"""Maintenance mode (runbook 004), and what clients of a route are told that is going out of service (runbook 000)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from gateway import config_file
from gateway.policies.maintenance import Maintenance, MaintenanceOrder
from gateway.policies.settings import MaintenanceSettings, SunsetSettings
from gateway.policies.sunset import sunset_policy
from tests.gateway.one_worker import one_worker
from tests.gateway.running import settings_for
from tests.gateway.stage import Answer, staged
from tests.gateway.upstream import ControlledUpstream

BYPASS = "let-me-pass-please"


@pytest.mark.parametrize(("mode", "status"), [("true", 503), ("on", 503), ("false", 200), ("", 200), (None, 200)])
async def test_it_is_switched_in_the_environment(
    shared_upstream: ControlledUpstream, tmp_path: Path, mode: str | None, status: int
) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for(shared_upstream.url)))
    environ = {} if mode is None else {"MAINTENANCE_MODE": mode}
    settings = config_file.load(path, environ).maintenance
    policy = Maintenance(settings).policy
    async with staged(settings_for(shared_upstream.url), policy) as stage, stage.caller() as caller:
        assert (await caller.get("/")).status == status


def test_the_environment_stands_above_the_file_and_nonsense_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for("http://a", maintenance={"enabled": True, "message": "back soon"})))
    settings = config_file.load(path, {"MAINTENANCE_MODE": "false"}).maintenance
    assert (settings.enabled, settings.message) == (False, "back soon")
    with pytest.raises(config_file.ConfigError, match="MAINTENANCE_MODE: 'maybe' is not allowed"):
        config_file.load(path, {"MAINTENANCE_MODE": "maybe"})


async def test_clients_are_told_when_to_come_again_and_nothing_is_passed_on(
    shared_upstream: ControlledUpstream,
) -> None:
    settings = MaintenanceSettings(enabled=True, retry_after_secs=120, message="back at noon")
    async with staged(settings_for(shared_upstream.url), Maintenance(settings).policy) as stage:
        before = len(shared_upstream.requests)
        async with stage.caller() as caller:
            refused = await caller.get("/")
            assert (refused.status, refused.headers["retry-after"], refused.headers["cache-control"]) == (
                503, "120", "no-store",
            )  # fmt: skip
            assert (refused.json()["error"], refused.json()["message"]) == ("maintenance", "back at noon")
            assert (await caller.get("/health")).status == 200, "the gateway itself is well"
        assert len(shared_upstream.requests) == before
        assert [one["error_type"] for one in stage.records()] == ["maintenance"]


async def test_a_page_of_its_own_and_only_some_routes(shared_upstream: ControlledUpstream) -> None:
    settings = MaintenanceSettings(enabled=True, routes=("limited",), body="<h1>Soon</h1>")
    policy = Maintenance(settings).policy
    async with staged(settings_for(shared_upstream.url), policy) as stage, stage.caller() as caller:
        page = await caller.get("/limited/x")
        assert (page.status, page.body) == (503, b"<h1>Soon</h1>")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        assert (await caller.get("/other")).status == 200


async def test_who_may_passes_and_the_upstream_does_not_see_by_what(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url, server={"trusted_proxies": ["127.0.0.0/8"]})
    given: dict[str, Any] = {"bypass_token": BYPASS, "bypass_networks": ["192.0.2.0/24"]}
    settings = MaintenanceSettings.model_validate({"enabled": True, **given})

    async with staged(document, Maintenance(settings).policy) as stage, stage.caller() as caller:

        async def asked(**headers: str) -> int:
            answer: Answer = await caller.get("/", **headers)
            return answer.status

        assert await asked() == 503
        assert await asked(x_maintenance_bypass="let-me-pass-pleasf") == 503
        assert await asked(x_forwarded_for="198.51.100.1") == 503
        assert await asked(x_forwarded_for="192.0.2.7") == 200
        assert await asked(x_maintenance_bypass=BYPASS) == 200
        assert not shared_upstream.requests[-1].header("x-maintenance-bypass")
        twice = f"X-Maintenance-Bypass: {BYPASS}\r\n" * 2
        caller.send(f"GET / HTTP/1.1\r\nHost: h\r\n{twice}\r\n")
        assert (await caller.answer()).status == 503, "two of them are none"


async def test_an_order_stands_above_the_settings_until_it_expires(shared_upstream: ControlledUpstream) -> None:
    now = [1000.0]
    maintenance = Maintenance(MaintenanceSettings(retry_after_secs=300), now=lambda: now[0])
    async with staged(settings_for(shared_upstream.url), maintenance.policy) as stage, stage.caller() as caller:
        assert (await caller.get("/")).status == 200
        maintenance.order = MaintenanceOrder(True, 1060.0, message="a disk is changed")
        stage.plane.reroute()
        refused = await caller.get("/")
        assert (refused.status, refused.headers["retry-after"]) == (503, "60")
        assert refused.json()["message"] == "a disk is changed"
        now[0] = 1060.0
        assert maintenance.has_expired()
        assert not maintenance.has_expired()
        stage.plane.reroute()
        assert (await caller.get("/")).status == 200


async def test_a_worker_follows_orders_and_another_configuration_keeps_them(
    shared_upstream: ControlledUpstream,
) -> None:
    order = {"enabled": False, "routes": [], "message": None, "retry_after_secs": None, "expires_at": 4e9}
    document = settings_for(shared_upstream.url, maintenance={"enabled": True})
    async with one_worker(document) as worker, worker.caller() as caller:
        assert (await caller.get("/")).status == 503
        worker.tell("maintenance", order=order)
        await worker.report()
        assert (await caller.get("/")).status == 200, "it is held off"
        document["server"]["request_timeout_secs"] = 29
        await worker.reload(document)
        assert (await caller.get("/")).status == 200
        worker.tell("maintenance", order={**order, "expires_at": 1.0})
        await worker.report()

        while (await caller.get("/")).status != 503:
            continue


# Going out of service.


async def test_a_sunset_header_is_on_every_answer_of_its_route(shared_upstream: ControlledUpstream) -> None:
    document = settings_for(shared_upstream.url)
    document["routes"][1]["sunset"] = {
        "at": "2027-06-30T22:00:00Z", "deprecated_at": "2026-01-01T00:00:00+00:00", "link": "https://example.com/v2",
    }  # fmt: skip
    async with staged(document, sunset_policy) as stage, stage.caller() as caller:
        for target, status in (("/limited/x", 200), ("/limited/status-404", 404), ("/limited/vanish", 502)):
            answer = await caller.get(target)
            assert (answer.status, answer.headers["sunset"]) == (status, "Wed, 30 Jun 2027 22:00:00 GMT")
            assert answer.headers["deprecation"] == "@1767225600"
            assert answer.headers["link"] == '<https://example.com/v2>; rel="sunset"'
        assert "sunset" not in (await caller.get("/")).headers


def test_a_day_is_a_day_in_utc_and_other_times_say_their_zone() -> None:
    assert SunsetSettings.model_validate(yaml.safe_load("at: 2027-06-30")).at == datetime(2027, 6, 30, tzinfo=UTC)
    for wrong in (
        {"at": "2027-06-30T00:00:00"}, {"at": "soon"}, {"at": "2027-06-30T00:00:00Z", "link": "ftp://a"},
        {"at": "2027-06-30T00:00:00Z", "deprecated_at": "2028-01-01T00:00:00Z"},
        {"at": "2027-06-30T00:00:00Z", "link": "https://a/>; rel=x"},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            SunsetSettings.model_validate(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bypass_token": "short"}, {"bypass_networks": ["x"]}, {"bypass_header": "a b"}, {"content_type": "a\nb"},
        {"retry_after_secs": 0}, {"routes": ["nowhere"]},
    ],
)  # fmt: skip
def test_settings_that_mean_nothing_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(settings_for("http://a", maintenance=wrong)))
    with pytest.raises(config_file.ConfigError, match="maintenance") as caught:
        config_file.load(path, {})
    assert "short" not in str(caught.value)
