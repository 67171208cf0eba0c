"""A record and an intake in memory, for the console's tests. They keep the contracts and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from bot.delivery import CaptureDelivery, ClickDelivery, Receipt, TextDelivery
from bot.store.errors import StoreUnavailable
from bot.store.views import ChannelView, MessageView
from commands.cards import Card
from commands.domain.paper import Paper, Revision, first_paper
from commands.errors import NotFound
from commands.people import Directory, OrgRole, Person

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ANA = Person(
    id="ana", name="Ana Ruiz", title="Site reliability", timezone="Europe/Lisbon", roles=frozenset({OrgRole.OPERATOR})
)
BEN = Person(id="ben", name="Ben Okafor", title="Backend", timezone="UTC", roles=frozenset({OrgRole.RESPONDER}))
CHLOE = Person(id="chloe", name="Chloé Dubois", title="Support lead", roles=frozenset({OrgRole.VIEWER}))
PEOPLE = Directory([ANA, BEN, CHLOE])


class FakeRecord:
    """Channels and messages in lists. `trouble` makes every call fail with it."""

    def __init__(self) -> None:
        self.trouble = ""
        self.list: list[MessageView] = []
        self.rooms: dict[str, tuple[str, str | None, frozenset[str] | None]] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.drafts: dict[str, str] = {}
        self.change = 0
        self.clock = NOON

    def room(
        self, name: str, topic: str = "", *, incident: str | None = None, members: frozenset[str] | None = None
    ) -> None:
        """Add a channel; with `members` a private one."""
        self.rooms[name] = (topic, incident, members)

    def put(
        self, channel: str, content: Card | str, *, author: str = "tocsin", key: str = "", **more: Any
    ) -> MessageView:
        """Post, or edit the message that has the key."""
        self.change += 1
        old = next((view for view in self.list if key and view.key == key), None)
        fields: dict[str, Any] = {
            "id": old.id if old else len(self.list) + 1,
            "key": key or f"m{len(self.list) + 1}",
            "channel": channel,
            "author": author,
            "at": old.at if old else self.clock,
            "edited_at": self.clock if old else None,
            "card": content if isinstance(content, Card) else None,
            "text": content if isinstance(content, str) else "",
            "only_for": None,
            "thread": None,
            "pinned": old.pinned if old else False,
            "change": self.change,
        }
        view = MessageView(**(fields | more))
        if old:
            self.list[self.list.index(old)] = view
        else:
            self.list.append(view)
        return view

    def later(self, **by: float) -> None:
        """Let time pass between what is put."""
        self.clock += timedelta(**by)

    async def channels(self, person: str) -> list[ChannelView]:
        self._answer()
        return [self._channel(name, person) for name in self.rooms if self._in_sight(name, person)]

    def _channel(self, name: str, person: str) -> ChannelView:
        topic, incident, members = self.rooms[name]
        ids = [view.id for view in self.list if view.channel == name and view.only_for in {None, person}]
        seen = self.seen.get((name, person), 0)
        unread = sum(one > seen and self.list[one - 1].author != person for one in ids)
        return ChannelView(
            name=name, label=name, topic=topic, private=members is not None, unread=unread, incident=incident,
            last_message=max(ids, default=0),
        )  # fmt: skip

    async def check_in_sight(self, channel: str, person: str) -> None:
        self._answer()
        self._check(channel, person)

    async def messages(
        self, channel: str, person: str, *, before: int | None = None, limit: int = 100, thread: str | None = None
    ) -> list[MessageView]:
        self._answer()
        self._check(channel, person)
        found = [
            self._counted(view)
            for view in self.list
            if view.channel == channel and view.thread == thread and view.only_for in {None, person}
            and (before is None or view.id < before)
        ]  # fmt: skip
        return found[-limit:]

    async def replies(self, channel: str, person: str, thread: str) -> int:
        return len(await self.messages(channel, person, thread=thread, limit=500))

    def _counted(self, view: MessageView) -> MessageView:
        return view.model_copy(update={"replies": sum(one.thread == view.key for one in self.list)})

    async def pinned(self, channel: str, person: str) -> MessageView | None:
        self._answer()
        return next((v for v in reversed(self.list) if v.channel == channel and v.pinned), None)

    async def changes(self, since: int, person: str, *, limit: int = 200) -> list[MessageView]:
        self._answer()
        visible = [
            self._counted(view)
            for view in self.list
            if view.change > since and view.only_for in {None, person} and self._in_sight(view.channel, person)
        ]
        return sorted(visible, key=lambda view: view.change)[:limit]

    async def cursor(self) -> int:
        self._answer()
        return self.change

    async def say(self, channel: str, person: str, text: str, *, key: str, thread: str | None = None) -> MessageView:
        self._answer()
        self._check(channel, person)
        known = next((view for view in self.list if view.key == key), None)
        return known or self.put(channel, text, author=person, key=key, thread=thread)

    async def mark_read(self, channel: str, person: str, message: int) -> None:
        self._answer()
        self._check(channel, person)
        self.seen[channel, person] = max(message, self.seen.get((channel, person), 0))

    async def message(self, key: str, person: str) -> MessageView:
        self._answer()
        return next(view for view in self.list if view.key == key and view.only_for in {None, person})

    async def paper(self, incident: str, person: str) -> Paper:
        self._answer()
        if incident not in self.drafts:
            raise NotFound(f"{incident} has no postmortem yet.", hint="It is drafted when the incident is resolved.")
        return first_paper(incident, self.drafts[incident], "002", None)

    async def revisions(self, incident: str, person: str) -> list[Revision]:
        return [await self.revision(incident, 1, person)]

    async def revision(self, incident: str, number: int, person: str) -> Revision:
        text = (await self.paper(incident, person)).markdown
        return Revision(number=number, at=NOON, by="tocsin", what="drafted", markdown=text)

    async def review(self, incident: str, person: str) -> str:
        raise NotFound(f"{incident} has no review that {person} can see.")

    def may_edit(self, person: Person) -> bool:
        return OrgRole.VIEWER not in person.roles

    async def edit(self, incident: str, person: Person, text: str, *, version: int, section: str) -> Paper:
        raise NotImplementedError("what is saved is tested with the record itself")

    def _answer(self) -> None:
        if self.trouble:
            raise StoreUnavailable(self.trouble)

    def _in_sight(self, name: str, person: str) -> bool:
        members = self.rooms[name][2]
        return members is None or person in members

    def _check(self, channel: str, person: str) -> None:
        if channel not in self.rooms or not self._in_sight(channel, person):
            raise NotFound(f"There is no channel {channel}.")


class FakeIntake:
    """Keeps what it was handed. `receipt` is its answer; `trouble` makes it fail."""

    def __init__(self) -> None:
        self.taken: list[TextDelivery | ClickDelivery | CaptureDelivery] = []
        self.receipt = Receipt(accepted=True)
        self.trouble = ""

    async def command(self, delivery: TextDelivery) -> Receipt:
        return self._take(delivery)

    async def click(self, delivery: ClickDelivery) -> Receipt:
        return self._take(delivery)

    async def capture(self, delivery: CaptureDelivery) -> Receipt:
        return self._take(delivery)

    def _take(self, delivery: TextDelivery | ClickDelivery | CaptureDelivery) -> Receipt:
        if self.trouble:
            raise StoreUnavailable(self.trouble)
        duplicate = any(type(one) is type(delivery) and one.id == delivery.id for one in self.taken)
        self.taken.append(delivery)
        return Receipt(
            accepted=self.receipt.accepted, duplicate=duplicate, reply_key=self.receipt.reply_key,
            channel=self.receipt.channel or delivery.channel,
        )  # fmt: skip
