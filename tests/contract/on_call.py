"""What the OnCall port promises."""

from __future__ import annotations

from commands.ports import OnCall
from tests.fakes import START


class OnCallContract:
    """An adapter provides the fixture `on_call`; Ana is on duty for `gateway`, and nobody is for `nothing`."""

    async def test_who_is_on_duty_is_named_by_id_first_level_first(self, on_call: OnCall) -> None:
        found = await on_call.on_duty("gateway", at=START)
        assert found[0].person == "ana"
        assert [contact.level for contact in found] == sorted(contact.level for contact in found)
        assert found[0].level == 1

    async def test_nobody_on_duty_is_an_empty_answer(self, on_call: OnCall) -> None:
        assert list(await on_call.on_duty("nothing", at=START)) == []
