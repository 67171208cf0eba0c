"""SLIs from Prometheus: against a real one that scrapes the gateway's own page, and against one that fails."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from bot.adapters.prometheus import PrometheusSettings, PrometheusTelemetry, build
from bot.settings import SettingsError
from tests import prometheus as real
from tests.faults.processes import free_port
from tests.waiting import eventually
from tests.world import settings_for

pytestmark = pytest.mark.xdist_group("prometheus")

LINES = """\
http_requests_total{{method="GET",route="orders",status="200"}} {good}
http_requests_total{{method="GET",route="orders",status="502"}} {bad}
http_requests_total{{method="GET",route="users",status="200"}} {good}
http_request_duration_seconds_bucket{{route="orders",le="0.05"}} {good}
http_request_duration_seconds_bucket{{route="orders",le="0.1"}} {good}
http_request_duration_seconds_bucket{{route="orders",le="+Inf"}} {all}
"""


class Answers:
    """A server that says what it is told to, for each path."""

    def __init__(self, answer: Callable[[str], tuple[int, bytes]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = answer(self.path)
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def telemetry(url: str, **settings: Any) -> PrometheusTelemetry:
    found = PrometheusSettings.model_validate({"url": url, "timeout_seconds": 2, "window_seconds": 5, **settings})
    return PrometheusTelemetry(found, now=lambda: datetime.now(UTC))


# ---------------------------------------------------------------- a real one


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prometheus, which scrapes a page of figures that grow by 100 requests a second, a tenth of them 502."""
    begun = time.monotonic()

    def page(_: str) -> tuple[int, bytes]:
        seconds = time.monotonic() - begun
        return 200, LINES.format(good=seconds * 90, bad=seconds * 10, all=seconds * 100).encode()

    gateway = Answers(page)
    scraped = {"job_name": "gateway", "static_configs": [{"targets": [gateway.url.removeprefix("http://")]}]}
    settings = {"global": {"scrape_interval": "1s", "scrape_timeout": "1s"}, "scrape_configs": [scraped]}
    try:
        with real.prometheus(tmp_path_factory.mktemp("prometheus"), settings) as url:
            eventually(lambda: _has_figures(url), "Prometheus has scraped", within=60)
            yield url
    finally:
        gateway.close()


def _has_figures(url: str) -> bool:
    try:
        query = {"query": 'count_over_time(http_requests_total{status="502"}[5s]) >= 3'}
        return bool(httpx.get(f"{url}/api/v1/query", params=query, trust_env=False).json()["data"]["result"])
    except (httpx.TransportError, ValueError):
        return False


async def test_a_reading_is_what_prometheus_counts(prometheus: str) -> None:
    found = telemetry(prometheus)
    reading = await found.reading("gateway", window=timedelta(seconds=5))
    assert reading.up
    assert reading.trouble == ""
    assert reading.requests > 0
    assert reading.error_rate == pytest.approx(10 / 190, rel=0.2)
    assert 0 < reading.rps < 2 * 190  # its window is short, and its scrapes come when they can
    assert reading.p50_ms == pytest.approx(1000 * 0.05 * 0.5 / 0.9, rel=0.1)
    assert reading.p95_ms == pytest.approx(100, rel=0.01)  # above the highest bucket that has an end
    routes = {one.route: one for one in await found.routes("gateway", window=timedelta(seconds=5))}
    assert routes["orders"].error_rate == pytest.approx(0.1, rel=0.2)
    assert (routes["users"].error_rate, routes["users"].p95_ms) == (0.0, None)
    assert await found.health("gateway") == {"Prometheus": "ok (200)", "scrape": "ok (up)"}
    await found.close()


async def test_a_gateway_that_prometheus_does_not_know_is_not_taken_for_one_that_is_down(prometheus: str) -> None:
    other = telemetry(prometheus, selector='job="nosuch"')
    reading = await other.reading("gateway", window=timedelta(seconds=5))
    assert reading.up
    assert reading.words() == "no figures: no series of gateway: check prometheus.selector"
    assert "check prometheus.selector" in (await other.health("gateway"))["scrape"]
    await other.close()


async def test_a_query_that_prometheus_refuses_is_said_with_its_words(prometheus: str) -> None:
    wrong = telemetry(prometheus, queries={"up": "max(("})
    reading = await wrong.reading("gateway", window=timedelta(seconds=5))
    assert reading.words().startswith("no figures: Prometheus refused: ")
    await wrong.close()


async def test_a_gateway_that_is_not_reached_any_more_is_down() -> None:
    def answer(path: str) -> tuple[int, bytes]:
        found = [{"metric": {}, "value": [0, "0"]}] if "query=max" in path else []
        return 200, json.dumps({"status": "success", "data": {"result": found}}).encode()

    server = Answers(answer)
    found = telemetry(server.url)
    reading = await found.reading("gateway", window=timedelta(seconds=5))
    assert (reading.up, reading.requests, reading.words()) == (False, 0, "the gateway does not answer")
    assert (await found.health("gateway"))["scrape"] == "failing (not scraped)"
    await found.close()
    server.close()


# ---------------------------------------------------------------- one that fails


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((500, b"oops"), "none of its answers (500)"),
        ((200, b"<html>login</html>"), "none of its answers (200)"),
        ((200, b'{"status":"success","data":{"result":[{"metric":{}}]}}'), "none of its answers (200)"),
        ((422, b'{"status":"error","error":"query timed out"}'), "Prometheus refused: query timed out"),
    ],
)
async def test_what_prometheus_cannot_say_is_no_gateway_that_is_down(answer: tuple[int, bytes], said: str) -> None:
    server = Answers(lambda _: answer)
    found = telemetry(server.url)
    reading = await found.reading("gateway", window=timedelta(seconds=10))
    assert (reading.up, reading.requests) == (True, 0)
    assert said in reading.words()
    assert await found.routes("gateway", window=timedelta(seconds=10)) == ()
    assert said in (await found.health("gateway"))["Prometheus"]
    await found.close()
    server.close()


async def test_no_prometheus_at_all_is_said() -> None:
    found = telemetry(f"http://127.0.0.1:{free_port()}")
    reading = await found.reading("gateway", window=timedelta(seconds=10))
    assert reading.up
    assert reading.words() == "no figures: Prometheus does not answer (ConnectError)"
    await found.close()


async def test_it_is_asked_with_its_token_for_the_service_and_a_time_that_it_has_figures_of() -> None:
    asked: list[str] = []

    def answer(path: str) -> tuple[int, bytes]:
        asked.append(str(httpx.URL(path).params["query"]))
        series = {"metric": {}, "value": [0, "NaN"]}
        return 200, json.dumps({"status": "success", "data": {"result": [series]}}).encode()

    server = Answers(answer)
    found = telemetry(server.url, selector='app="$service"', window_seconds=60)
    reading = await found.reading("gateway", window=timedelta(seconds=10))
    assert 'sum(increase(http_requests_total{app="gateway"}[60s]))' in asked
    assert (reading.window_seconds, reading.requests, reading.p95_ms) == (60, 0, None)
    await found.close()
    server.close()


# ---------------------------------------------------------------- settings


def test_settings_with_which_no_change_could_be_verified_are_refused(sqlite_url: str) -> None:
    with pytest.raises(SettingsError, match=r"set prometheus\.url"):
        build(settings_for(sqlite_url))
    with pytest.raises(SettingsError, match=r"verify\.within_seconds = 20 is too short.*Set it to 120 or more"):
        build(settings_for(sqlite_url, prometheus={"url": "http://127.0.0.1:9090"}))
    with pytest.raises(SettingsError, match=r"only \$selector"):
        settings_for(sqlite_url, prometheus={"queries": {"up": "max(up{$job})"}})


def test_the_page_of_settings_has_the_queries_as_they_are(request: pytest.FixtureRequest) -> None:
    page = yaml.safe_load((Path(request.config.rootpath) / "config" / "tocsin.yaml").read_text())
    assert PrometheusSettings.model_validate(page["prometheus"]) == PrometheusSettings()
