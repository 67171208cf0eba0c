"""GET /admin/top: who asks most, and which requests take longest."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.addresses import of_holder
from gateway.telemetry.slowest import SlowestRequests, SlowRequests
from gateway.telemetry.talkers import TalkerCounts, Talkers
from tests.gateway.running import RunningGateway, running, settings_for
from tests.gateway.signing import API_KEY, api_key_entry
from tests.gateway.upstream import ControlledUpstream


def _asked(client: httpx.Client, address: str, path: str, status: int, **headers: str) -> None:
    answer = client.get(path, headers={"x-forwarded-for": address, **headers})
    assert answer.status_code == status, answer.text


def _talkers(gateway: RunningGateway, **query: str | int) -> dict[str, Any]:
    answer = gateway.admin.get("/admin/top/talkers", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_an_operator_sees_who_asks_most_and_what_takes_longest(tmp_path: Path) -> None:
    with ControlledUpstream() as upstream:
        document = settings_for(
            upstream.url,
            server={"trusted_proxies": ["127.0.0.0/8"]},
            workers={"count": 2},
            auth={"api_keys": [api_key_entry(client="batch@example.com")]},
        )
        document["routes"].append({"id": "own", "path": "/own", "upstream_id": "backend", "auth_required": True})
        with running(document, tmp_path) as gateway:
            for _ in range(5):
                with gateway.client() as client:  # each connection may be another worker's
                    _asked(client, "192.0.2.7", "/status-200", 200)
            with gateway.client() as client:
                _asked(client, "192.0.2.7", "/status-404", 404)
                _asked(client, "192.0.2.7", "/status-500", 500)
                _asked(client, "192.0.2.8", "/big-100000", 200)
                _asked(client, "2001:db8::1", "/status-200", 200)
                _asked(client, "2001:db8::2:2", "/status-200", 200)
                _asked(client, "192.0.2.9", "/own/status-200", 200, **{"x-api-key": API_KEY})
                fault = {"route": "limited", "latency_ms": 30, "expires_in_seconds": 60, "actor": "ana", "reason": ""}
                assert gateway.admin.post("/admin/faults", json=fault).status_code == 201
                _asked(client, "192.0.2.8", "/limited/status-200?token=hunter2", 200)

            found = _talkers(gateway)
            assert found["talkers"][0] == {
                "address": "192.0.2.7", "requests": 7, "refused": 1, "failed": 1, "bytes": 14,
            }  # fmt: skip
            assert {"address": "2001:db8::/64", "requests": 2, "refused": 0, "failed": 0, "bytes": 4} in found[
                "talkers"
            ]
            assert found["others"] == {"requests": 0, "refused": 0, "failed": 0, "bytes": 0}
            by_bytes = _talkers(gateway, order="bytes", limit=1)
            assert [one["address"] for one in by_bytes["talkers"]] == ["192.0.2.8"]
            assert by_bytes["others"]["requests"] == 10
            # Who a client is may be an address of a person; it is masked as in the log.
            assert [one["client"] for one in _talkers(gateway, by="client")["talkers"]] == ["b***@example.com"]

            of_all = gateway.admin.get("/admin/top/slow").json()["requests"]
            times = [one["response_time"] for one in of_all]
            assert times == sorted(times, reverse=True)
            assert times[0] >= 30
            slow = gateway.admin.get("/admin/top/slow", params={"route": "limited", "limit": 1}).json()["requests"]
            assert [(one["route"], one["path"], one["client_ip"]) for one in slow] == [
                ("limited", "/limited/status-200", "192.0.2.8")
            ]
            of_one = gateway.admin.get("/admin/top/slow", params={"route": "own"}).json()["requests"]
            assert [one["path"] for one in of_one] == ["/own/status-200"]

            with gateway.connect() as raw:  # what cannot be read as a request counts for who sent it
                raw.send("not a request\r\n\r\n")
                assert raw.answer()[0] == 400
            assert _talkers(gateway, order="refused")["talkers"][0] == {
                "address": "127.0.0.1", "requests": 1, "refused": 1, "failed": 0, "bytes": 0,
            }  # fmt: skip

            refused = gateway.admin.get("/admin/top/talkers", params={"order": "loudness"})
            assert refused.status_code == 422
            assert "order" in refused.json()["error"]["message"]


def test_however_many_ask_the_loudest_are_told_and_none_is_lost() -> None:
    talkers, now = Talkers(), time.time()
    for _ in range(3):
        counts = TalkerCounts()
        for number in range(50):
            counts.request(b"192.0.2.1", "shop", 200, 10)
            counts.request(f"198.51.100.{number}".encode(), None, 429, 0)
        for number in range(10_000):
            counts.request(f"10.0.{number // 250}.{number % 250}".encode(), f"client-{number}", 503, 1)
        talkers.add(now, counts.take(bytes.decode))
    found = talkers.answer("address", "requests", now - 60, 1)
    assert found["talkers"] == [{"address": "192.0.2.1", "requests": 150, "refused": 0, "failed": 0, "bytes": 1500}]
    assert found["others"] == {"requests": 3 * 10_050, "refused": 150, "failed": 30_000, "bytes": 30_000}
    assert len(talkers.answer("address", "requests", now - 60, 10_000)["talkers"]) <= 1000
    clients = talkers.answer("client", "requests", now - 60, 1)
    assert (clients["talkers"][0]["client"], clients["talkers"][0]["requests"]) == ("shop", 150)
    assert clients["others"]["failed"] == 30_000


def test_what_is_older_than_a_quarter_of_an_hour_is_forgotten() -> None:
    talkers, slow, now = Talkers(), SlowRequests(), time.time()
    talkers.add(now - 1000, {"address": [["192.0.2.1", 5, 0, 0, 0]], "client": []})
    slow.add(now - 1000, [["default", 1.0, {"path": "/old"}]])
    talkers.add(now, {"address": [["192.0.2.2", 1, 0, 0, 0]], "client": []})
    slow.add(now, [["default", 0.5, {"path": "/new"}]])
    assert [one["address"] for one in talkers.answer("address", "requests", 0, 10)["talkers"]] == ["192.0.2.2"]
    assert slow.answer(0, None, 10)["requests"] == [{"path": "/new"}]


def test_of_each_route_only_the_slowest_are_kept() -> None:
    one, kept, now = SlowestRequests(), SlowRequests(), time.time()
    for _ in range(5):
        for number in range(100):
            seconds = (number * 37 % 100) / 1000
            if seconds > one.floors.get("default", 0.0):
                one.add("default", seconds, {"seconds": seconds})
        if one.floors.get("rare", 0.0) < 0.001:
            one.add("rare", 0.001, {"seconds": 0.001})
        kept.add(now, one.take())
    slowest = [record["seconds"] for record in kept.answer(now - 1, None, 5)["requests"]]
    assert slowest == [0.099] * 5
    assert len(kept.answer(now - 1, "default", 500)["requests"]) == 10
    assert kept.answer(now - 1, "rare", 500)["requests"] == [{"seconds": 0.001}] * 5


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("of:nobody", "of:nobody"),
    ],
)
def test_an_address_of_ipv6_is_shown_as_its_network(address: str, shown: str) -> None:
    assert of_holder(address) == shown
