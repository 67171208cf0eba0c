"""Upstreams with several targets: who gets requests."""

from __future__ import annotations

import pytest

from tests.gateway.stage import staged, until
from tests.gateway.targets import asked, document_for, shares, targets


async def test_weights_share_requests_and_all_targets_are_named_as_one_service() -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams, weights=(3, 1, 0))
        async with staged(document) as stage:
            assert await asked(stage, 40) == [200] * 40
        assert shares(upstreams) == [30, 10, 0]
        assert upstreams[0].requests[0].header("host") == ["service.example"]


async def test_a_switch_from_blue_to_green_is_one_order_and_ends_by_itself() -> None:
    with targets(2) as upstreams:
        blue, green = upstreams
        async with staged(document_for(blue, green, weights=(1, 0))) as stage:
            await asked(stage, 4)
            orders = stage.plane.target_orders
            orders.replace({"backend": [[{"blue": 0, "green": 1}, [], 2000.0, False]]}, 1000.0)
            await asked(stage, 4)
            assert shares(upstreams) == [4, 4]
            orders.tick(1999.0)
            await asked(stage, 1)
            assert shares(upstreams) == [4, 5]
            orders.tick(2000.0)
            await asked(stage, 1)
            assert shares(upstreams) == [5, 5]


async def test_orders_that_leave_nobody_when_another_one_expires_are_not_followed() -> None:
    with targets(2) as upstreams:
        async with staged(document_for(*upstreams, weights=(1, 0))) as stage:
            stage.plane.target_orders.replace({"backend": [[{"blue": 0}, [], 2000.0, False]]}, 1000.0)
            assert await asked(stage, 2) == [200, 200]
            assert shares(upstreams) == [2, 0], "as the settings say"


async def test_the_own_zone_comes_first_until_too_little_of_it_is_well() -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams)
        document["server"]["zone"] = "east"
        for place, zone in zip(document["upstreams"][0]["targets"], ("east", "east", "west"), strict=True):
            place["zone"] = zone
        document["upstreams"][0]["load_balancing"] = {"zone_min_healthy_percent": 60}
        async with staged(document) as stage:
            await asked(stage, 6)
            assert shares(upstreams) == [3, 3, 0]
            stage.plane.targets_checked({"backend": {"blue": False}})
            await asked(stage, 6)
            assert shares(upstreams) == [3, 6, 3]
            stage.plane.targets_checked({"backend": {"blue": True}})
            await asked(stage, 2)
            assert shares(upstreams) == [4, 7, 3]


async def test_least_connections_passes_by_who_is_busy() -> None:
    with targets(2) as upstreams:
        document = document_for(*upstreams, load_balancing={"algorithm": "least_connections"})
        async with staged(document) as stage, stage.caller() as waiting:
            waiting.send("GET /deaf HTTP/1.1\r\nHost: h\r\n\r\n")
            await until(lambda: sum(one.seen["waiting"] for one in upstreams) == 1)
            busy = next(one for one in upstreams if one.seen["waiting"])
            assert await asked(stage, 6) == [200] * 6
            assert len(busy.requests) == 1
            busy.release.set()
            assert (await waiting.answer()).status == 200


@pytest.mark.parametrize(
    ("hash_on", "headers"),
    [("header:x-tenant", {"x_tenant": "{}"}), ("cookie:session", {"cookie": "a=1; session={}"})],
)
async def test_a_consistent_hash_keeps_a_client_at_its_target(hash_on: str, headers: dict[str, str]) -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams, load_balancing={"algorithm": "consistent_hash", "hash_on": hash_on})
        async with staged(document) as stage:
            for client in range(20):
                before = shares(upstreams)
                assert await asked(stage, 3, **{name: value.format(client) for name, value in headers.items()})
                gained = [now - then for now, then in zip(shares(upstreams), before, strict=True)]
                assert sorted(gained) == [0, 0, 3]
            assert min(shares(upstreams)) > 0


async def test_a_clients_address_is_hashed_by_default() -> None:
    with targets(3) as upstreams:
        document = document_for(*upstreams, load_balancing={"algorithm": "consistent_hash"})
        async with staged(document) as stage:
            await asked(stage, 5)
            await asked(stage, 5)
            assert sorted(shares(upstreams)) == [0, 0, 10]
