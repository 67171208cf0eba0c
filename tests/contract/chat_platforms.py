"""What the ChatPlatform port promises to the outbox."""

from __future__ import annotations

from commands.cards import Button, card
from commands.ports import Bookmark, ChatPlatform, Post, Room

SHOWN = card("Title", "a line").model_copy(
    update={"buttons": (Button(label="Yes", action="a", subject="s", token="t"),)}
)


class ChatPlatformContract:
    """An adapter provides the fixture `platform`. Every call may come again after a crash, and is harmless then."""

    async def test_it_has_the_name_that_its_deliveries_carry(self, platform: ChatPlatform) -> None:
        assert platform.name
        assert platform.name == platform.name.casefold()

    async def test_a_channel_that_is_opened_again_is_the_same(self, platform: ChatPlatform) -> None:
        room = _room("incident-20260301-001", members=("ana", "ben"))
        first = await platform.open_channel(room)
        assert first
        assert await platform.open_channel(room) == first

    async def test_a_channel_can_be_arranged_often(self, platform: ChatPlatform) -> None:
        room = _room("incident-20260301-004", members=("ana",))
        channel = await platform.open_channel(room)
        applied = await platform.arrange(channel, room, {})
        changed = room.model_copy(
            update={
                "topic": "SEV2",
                "members": ("ana", "ben"),
                "bookmarks": (Bookmark(label="Runbook", url="https://runbooks.test/1"),),
            }
        )
        assert await platform.arrange(channel, changed, applied) == await platform.arrange(channel, changed, applied)

    async def test_what_is_said_again_is_said_once(self, platform: ChatPlatform) -> None:
        channel = await platform.open_channel(_room("incident-20260301-002", private=True, members=("ana",)))
        card_post = Post(key="incident-20260301-002:card", card=SHOWN)
        first = await platform.post(channel, card_post)
        assert first
        known = await platform.sent(channel, [card_post, Post(key="never-said", card=SHOWN)])
        assert "never-said" not in known
        assert known.get(card_post.key) or await platform.post(channel, card_post) == first
        assert await platform.post(channel, Post(key="another", card=SHOWN)) != first

    async def test_a_message_can_be_changed_often(self, platform: ChatPlatform) -> None:
        channel = await platform.open_channel(_room("incident-20260301-003", members=("ana",)))
        reference = await platform.post(channel, Post(key="k", card=SHOWN, only_for="ana"))
        for title in ("one", "two", "two"):
            await platform.edit(channel, reference, Post(key="k", card=card(title), only_for="ana"))


def _room(name: str, *, private: bool = False, members: tuple[str, ...] = ()) -> Room:
    return Room(name=name, platform="console", private=private, topic="SEV1", members=members)
