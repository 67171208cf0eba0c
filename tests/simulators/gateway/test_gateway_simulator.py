"""The simulator keeps the rules of the admin API that it stands in for; `tests/gateway` holds the real one to them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.simulators.gateway.server import TOKEN, GatewaySimulator, gateway_simulator


@pytest.fixture(scope="module")
def running() -> Iterator[GatewaySimulator]:
    with gateway_simulator() as simulator:
        yield simulator


@pytest.fixture
def simulator(running: GatewaySimulator) -> GatewaySimulator:
    running.reset()
    return running


@pytest.fixture
def admin(simulator: GatewaySimulator) -> Iterator[httpx.Client]:
    headers = {"authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=simulator.url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


def scale(admin: httpx.Client, operation: str = "op-1", **changes: object) -> httpx.Response:
    """Ask for five workers."""
    return admin.post("/admin/scale", json={"operation_id": operation, "actor": "ana", "replicas": 5} | changes)


def test_nothing_without_the_token(simulator: GatewaySimulator) -> None:
    assert httpx.get(f"{simulator.url}/admin/status", trust_env=False).status_code == 401


def test_the_same_operation_has_one_effect(admin: httpx.Client, simulator: GatewaySimulator) -> None:
    assert [scale(admin).status_code for _ in range(3)] == [202, 200, 200]
    assert simulator.state.effects == {"op-1": 1}
    assert scale(admin, replicas=6).status_code == 409


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"expected": {"replicas": 4}}, 409),
        ({"expected": {"uid": "another"}}, 409),
        ({"replicas": 21}, 422),
        ({"replicas": 0}, 422),
        ({"replicas": "5"}, 422),
        ({"expcted": {"replicas": 3}}, 422),
        ({"operation_id": "no spaces"}, 422),
    ],
)
def test_what_it_refuses_has_no_effect(
    admin: httpx.Client, simulator: GatewaySimulator, changes: dict[str, object], status: int
) -> None:
    assert scale(admin, **changes).status_code == status
    assert (simulator.state.desired, simulator.state.effects) == (3, {})


def test_an_answer_can_be_lost_after_the_effect(admin: httpx.Client, simulator: GatewaySimulator) -> None:
    simulator.faults.drop("POST /admin/scale")
    with pytest.raises(httpx.TransportError):
        scale(admin)
    assert simulator.state.effects == {"op-1": 1}


def test_it_can_fail_be_slow_and_be_gone(admin: httpx.Client, simulator: GatewaySimulator) -> None:
    simulator.faults.fail("GET /admin/status")
    simulator.faults.delay("GET /admin/status", 0.05)
    assert [admin.get("/admin/status").status_code for _ in range(2)] == [500, 200]
    simulator.stop()
    with pytest.raises(httpx.TransportError):
        admin.get("/admin/status")
    simulator.start()
    assert admin.get("/admin/status").status_code == 200
