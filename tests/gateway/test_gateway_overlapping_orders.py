"""Orders of targets that overlap: what is left when one expires or is undone never leaves nobody to take requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.supervisor.operations import ConflictError
from gateway.supervisor.target_overrides import TargetOverrides
from gateway.upstreams import orders
from gateway.upstreams.orders import Order
from tests.gateway.running import running
from tests.gateway.stage import staged
from tests.gateway.targets import asked, document_for, shares, targets

WHO: dict[str, Any] = {"expires_in_seconds": 60, "actor": "ana", "reason": "release"}


def overrides_of(**weights: int) -> TargetOverrides:
    made = TargetOverrides(record=lambda *_: None, changed=lambda: None)
    made.weights = {"s": weights}
    return made


def test_an_order_that_leaves_nobody_is_a_conflict_unless_it_is_forced() -> None:
    overrides = overrides_of(blue=1, green=1)
    overrides.order(upstream="s", weights={}, drain=["blue"], **WHO)
    with pytest.raises(ConflictError, match="no target would be left") as refused:
        overrides.order(upstream="s", weights={"green": 0}, drain=[], **WHO)
    assert refused.value.found is not None
    assert refused.value.found["blue"]["drain"] is True, "what is there"
    overrides.order(upstream="s", weights={}, drain=["green"], force=True, **WHO)
    assert (overrides.weight("s", "blue"), overrides.weight("s", "green")) == (0, 0)
    assert [one["suspended"] for one in overrides.described()] == [False, False]


def test_an_undo_between_two_drains_suspends_the_older_one_until_there_is_somebody_again() -> None:
    overrides = overrides_of(blue=1, green=1)
    first = overrides.order(upstream="s", weights={}, drain=["blue"], **WHO)
    between = overrides.order(upstream="s", weights={"blue": 3}, drain=[], **WHO)
    last = overrides.order(upstream="s", weights={}, drain=["green"], **WHO)
    overrides.undo(between, "ben")
    assert overrides.standing("s") == [last]
    assert [(one["id"], one["suspended"]) for one in overrides.described()] == [(last.id, False), (first.id, True)]
    assert (overrides.weight("s", "blue"), overrides.weight("s", "green")) == (1, 0), "as the settings say"
    overrides.weights = {"s": {"blue": 1, "green": 1, "red": 1}}
    assert overrides.standing("s") == [last, first], "another target is there: both can hold"


def test_a_configuration_without_the_only_target_that_was_left_suspends_a_drain() -> None:
    overrides = overrides_of(blue=1, green=1, red=1)
    overrides.order(upstream="s", weights={}, drain=["blue"], **WHO)
    overrides.order(upstream="s", weights={}, drain=["green"], **WHO)
    overrides.weights = {"s": {"blue": 1, "green": 1}}
    assert (overrides.weight("s", "blue"), overrides.weight("s", "green")) == (1, 0)


async def test_the_expiry_of_an_order_between_two_drains_leaves_no_request_without_a_target() -> None:
    with targets(2) as upstreams:
        blue, green = upstreams
        async with staged(document_for(blue, green)) as stage:
            followed = stage.plane.target_orders
            told = [
                [{}, ["green"], 3000.0, False], [{"blue": 1}, [], 2000.0, False], [{}, ["blue"], 3000.0, False],
            ]  # fmt: skip
            followed.replace({"backend": told}, 1000.0)
            assert await asked(stage, 2) == [200, 200]
            assert shares(upstreams) == [2, 0]
            followed.tick(2000.0)
            assert await asked(stage, 2) == [200, 200], "the older drain is suspended"
            assert shares(upstreams) == [4, 0]
            followed.tick(3000.0)
            await asked(stage, 2)
            assert shares(upstreams) == [5, 1]


def test_operators_see_what_is_suspended(tmp_path: Path) -> None:
    with targets(2) as upstreams, running(document_for(*upstreams), tmp_path) as gateway, gateway.client() as client:
        admin, made = gateway.admin, []
        for change in ({"drain": ["blue"]}, {"weights": {"blue": 1}}, {"drain": ["green"]}):
            answer = admin.post("/admin/upstreams/overrides", json={"upstream": "backend", **change, **WHO})
            assert answer.status_code == 201
            made.append(answer.json()["id"])
        refused = admin.post("/admin/upstreams/overrides", json={"upstream": "backend", "drain": ["blue"], **WHO})
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "conflict")
        assert admin.delete(f"/admin/upstreams/overrides/{made[1]}").status_code == 204
        listed = admin.get("/admin/upstreams/overrides").json()["overrides"]
        assert [(one["id"], one["suspended"]) for one in listed] == [(made[2], False), (made[0], True)]
        assert [client.get("/").status_code for _ in range(4)] == [200] * 4
        forced = {"upstream": "backend", "drain": ["blue"], "force": True, **WHO}
        assert admin.post("/admin/upstreams/overrides", json=forced).status_code == 201


_NAMES = ("blue", "green", "red")
_ORDERS = st.lists(
    st.builds(
        Order,
        st.dictionaries(st.sampled_from(_NAMES), st.integers(0, 2), max_size=2),
        st.lists(st.sampled_from(_NAMES), max_size=2, unique=True),
        st.just(0.0),
        st.just(False),
    ),
    max_size=6,
)


@given(
    st.dictionaries(st.sampled_from(_NAMES), st.integers(0, 2), min_size=1).filter(lambda one: any(one.values())),
    _ORDERS,
)
def test_whatever_is_ordered_somebody_takes_requests(configured: dict[str, int], given_orders: list[Order]) -> None:
    held = orders.standing(configured, given_orders)
    assert not orders.leaves_nobody(configured, held)
    kept = {id(one) for one in held}
    assert held == [one for one in given_orders if id(one) in kept], "in their order"
    if not orders.leaves_nobody(configured, given_orders):
        assert held == given_orders, "nothing is suspended without need"
