"""What the ChatPlatform port promises to the outbox."""

from __future__ import annotations

from commands.cards import Button, card
from commands.ports import ChatPlatform

SHOWN = card("Title", "a line").model_copy(
    update={"buttons": (Button(label="Yes", action="a", subject="s", token="t"),)}
)


class ChatPlatformContract:
    """An adapter provides the fixture `platform`. Every call may come again after a crash, and is harmless then."""

    async def test_it_has_the_name_that_its_deliveries_carry(self, platform: ChatPlatform) -> None:
        assert platform.name
        assert platform.name == platform.name.casefold()

    async def test_a_channel_that_is_opened_again_is_the_same(self, platform: ChatPlatform) -> None:
        name, members = "incident-20260301-001", ["ana", "ben"]
        first = await platform.open_channel(name, private=False, topic="SEV1", members=members)
        assert first
        assert await platform.open_channel(name, private=False, topic="SEV1", members=members) == first

    async def test_what_is_said_again_is_said_once(self, platform: ChatPlatform) -> None:
        channel = await platform.open_channel("incident-20260301-002", private=True, topic="SEV1", members=["ana"])
        first = await platform.post(channel, SHOWN, key="incident-20260301-002:card", only_for=None)
        assert first
        assert await platform.post(channel, SHOWN, key="incident-20260301-002:card", only_for=None) == first
        assert await platform.post(channel, SHOWN, key="another", only_for=None) != first

    async def test_a_message_can_be_changed_often(self, platform: ChatPlatform) -> None:
        channel = await platform.open_channel("incident-20260301-003", private=False, topic="SEV1", members=[])
        reference = await platform.post(channel, SHOWN, key="k", only_for="ana")
        for title in ("one", "two", "two"):
            await platform.edit(channel, reference, card(title), key="k", only_for="ana")
