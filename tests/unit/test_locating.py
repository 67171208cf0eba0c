"""Where a command looks: what was typed, what the channel means; and a local gateway, which is nowhere else."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bot.adapters.gateway import GatewayAdmin
from commands.context import Call
from commands.domain.location import Location
from commands.domain.plan import Target
from commands.errors import Conflict, NotFound
from commands.locating import Somewhere, apart, location_of
from commands.ports import LogQuery, LogSource

USUAL = {"staging": Location("staging", "edge"), "incident-*": Location("production")}


def _call(channel: str) -> Call:
    return cast(Call, SimpleNamespace(channel=channel, services=SimpleNamespace(usual=USUAL)))


@pytest.mark.parametrize(
    ("channel", "typed", "meant"),
    [
        ("general", {}, Location()),
        ("staging", {}, Location("staging", "edge")),
        ("staging@slack:T1", {}, Location("staging", "edge")),
        ("incident-20260301-001", {}, Location("production")),
        ("staging", {"namespace": "canary"}, Location("staging", "canary")),
        ("staging", {"cluster": "production"}, Location("production")),
        ("general", {"namespace": "canary"}, Location("", "canary")),
    ],
)
def test_what_is_typed_goes_before_what_the_channel_means(channel: str, typed: dict[str, str], meant: Location) -> None:
    assert location_of(Somewhere(**typed), _call(channel)) == meant


def test_a_target_of_another_place_is_another_target() -> None:
    known = {"kind": "deployment", "name": "gateway", "uid": "1"}
    assert Target(**known).key == "deployment/gateway"
    assert Target(**known, cluster="production", namespace="edge").key == "production/edge/deployment/gateway"


async def test_local_processes_are_in_no_cluster_and_have_one_log() -> None:
    gateway: Any = GatewayAdmin(name="gateway", admin_url="http://127.0.0.1:1", token="unused")
    elsewhere, minute = Location("production", "edge"), timedelta(minutes=1)
    for asked in (
        gateway.find("gateway", elsewhere),
        gateway.health("gateway", elsewhere),
        gateway.reading("gateway", window=minute, at=elsewhere),
        gateway.routes("gateway", window=minute, at=elsewhere),
        gateway.errors("gateway", since=minute, at=elsewhere),
    ):
        with pytest.raises(NotFound, match="there is no production/edge to look in"):
            await asked
    with pytest.raises(Conflict, match="whose log is one"):
        await gateway.lines("gateway", LogQuery(limit=1, level="INFO", since=minute, source=LogSource(previous=True)))
    await gateway.close()


@pytest.mark.parametrize(
    ("several", "place", "asked"),
    [
        (False, Location("production", "edge"), Location()),
        (True, Location("production", "edge"), Location()),
        (True, Location("staging", "edge"), Location("staging", "edge")),
        (True, Location("production", "canary"), Location("production", "canary")),
    ],
)
def test_figures_of_the_services_own_place_are_asked_for_without_a_place(
    several: bool, place: Location, asked: Location
) -> None:
    services: Any = SimpleNamespace(several_places=several, home=Location("production", "edge"))
    target = Target(kind="deployment", name="gateway", uid="1", cluster=place.cluster, namespace=place.namespace)
    assert apart(target, services) == asked
