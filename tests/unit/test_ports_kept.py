"""Who stands before several gateways offers what each of them does: nothing of a port is lost on the way."""

from __future__ import annotations

import inspect

import pytest

from bot.adapters.gateway import GatewayAdmin
from bot.adapters.kubernetes.fleet import KubernetesFleet
from bot.adapters.kubernetes.gateway import KubernetesGateway
from bot.adapters.prometheus import PrometheusTelemetry
from commands.ports import Alterations, Deployments, Logs, Telemetry
from tests.fakes import FakeGateway

_COMMON = (Deployments, Telemetry, Logs)
_KEPT = [
    *((KubernetesFleet, port) for port in (*_COMMON, Alterations)),
    (KubernetesGateway, Alterations),
    (PrometheusTelemetry, Telemetry),
    *((one, port) for one in (KubernetesGateway, GatewayAdmin, FakeGateway) for port in _COMMON),
]


@pytest.mark.parametrize(("adapter", "port"), _KEPT, ids=lambda one: one.__name__)
def test_every_method_of_a_port_is_there_with_its_arguments(adapter: type, port: type) -> None:
    wanted = {name: one for name, one in vars(port).items() if inspect.isfunction(one) and not name.startswith("_")}
    assert wanted
    for name, method in wanted.items():
        own = getattr(adapter, name, None)
        assert own is not None, f"{adapter.__name__} lacks {name}"
        assert list(inspect.signature(own).parameters) == list(inspect.signature(method).parameters), name
