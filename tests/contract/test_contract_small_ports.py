"""On-call, chat and clocks: what is built in keeps the promises of their ports."""

from __future__ import annotations

import pytest

from bot.adapters import PORTS, discover
from bot.adapters.clock import SystemClock
from bot.adapters.oncall import StaticOnCall
from bot.platforms.console.hub import Hub
from bot.platforms.console.platform import ConsolePlatform
from commands.ports import ChatPlatform, Clock, OnCall
from tests.contract.chat_platforms import ChatPlatformContract
from tests.contract.clocks import ClockContract
from tests.contract.on_call import OnCallContract
from tests.fakes import START, FakeClock


class TestStaticOnCall(OnCallContract):
    """See the contract."""

    @pytest.fixture
    def on_call(self) -> OnCall:
        return StaticOnCall({"gateway": ["ana", "ben"]})

    async def test_a_star_stands_for_every_other_service(self) -> None:
        on_call = StaticOnCall({"*": ["dev"], "gateway": ["ana"]})
        assert [contact.person for contact in await on_call.on_duty("billing", at=START)] == ["dev"]
        assert [contact.person for contact in await on_call.on_duty("gateway", at=START)] == ["ana"]


class TestConsole(ChatPlatformContract):
    """See the contract."""

    @pytest.fixture
    def platform(self) -> ChatPlatform:
        return ConsolePlatform(Hub())


class TestSystemClock(ClockContract):
    """See the contract."""

    @pytest.fixture
    def clock(self) -> Clock:
        return SystemClock()


class TestFakeClock(ClockContract):
    """See the contract."""

    @pytest.fixture
    def clock(self) -> Clock:
        return FakeClock()


def test_every_port_has_an_adapter_under_its_default_name() -> None:
    from bot.settings import AdapterSettings

    known = discover()
    assert {port for port, _ in known} == set(PORTS)
    for port, name in AdapterSettings().model_dump().items():
        assert (port, name) in known
