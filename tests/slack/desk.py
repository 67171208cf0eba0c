"""An outbox at a desk: a platform of cardboard, which does as it is told, and the record that is worked off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa

from bot.sending.outbox import Outbox
from bot.store import outgoing, replicas, schema
from bot.store.database import Database
from bot.store.migrations import migrate
from bot.store.transaction import SqlTransaction, Store
from commands.cards import card
from commands.ports import Post, Room, Urgency
from tests.fakes import FakeClock
from tests.slack.clocks import Fast

Hurdle = Callable[[str, Post], Any]


class Cardboard:
    """A platform that keeps what it is given. `before` and `after` may raise, or wait, around the effect."""

    name = "card"
    at_a_time = 5

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.edits: list[tuple[str, str]] = []
        self.asked: list[str] = []
        self.rooms: list[str] = []
        self.arranged: list[str] = []
        self.before: Hurdle = nothing
        self.after: Hurdle = nothing
        self.top: Callable[[str], Any] = nothing

    async def open_channel(self, room: Room) -> str:
        await _done(self.top, f"open {room.name}")
        self.rooms.append(room.name)
        return f"ref-{room.name}"

    async def arrange(self, channel: str, room: Room, applied: Mapping[str, Any]) -> dict[str, Any]:
        await _done(self.top, room.name)
        self.arranged.append(room.name)
        return {}

    async def sent(self, channel: str, posts: Sequence[Post]) -> dict[str, str]:
        self.asked += [post.key for post in posts]
        known = {title for place, title in self.said if place == channel}
        return {post.key: f"ts-{post.key}" for post in posts if post.card.title in known}

    async def post(self, channel: str, post: Post) -> str:
        await _done(self.before, channel, post)
        self.said.append((channel, post.card.title))
        await _done(self.after, channel, post)
        return f"ts-{post.key}"

    async def edit(self, channel: str, reference: str, post: Post) -> None:
        await _done(self.before, channel, post)
        self.edits.append((channel, post.card.title))
        await _done(self.after, channel, post)

    def titles(self, channel: str) -> list[str]:
        """What a channel reads, in its order."""
        return [title for place, title in self.said if place == f"ref-{channel}"]


def nothing(*_: Any) -> None:
    return None


async def _done(hurdle: Callable[..., Any], *args: Any) -> None:
    found = hurdle(*args)
    if asyncio.iscoroutine(found):
        await found


class Desk:
    """A record, and outboxes that work it off."""

    def __init__(self, url: str, clock: FakeClock) -> None:
        self.database = Database(url)
        migrate(self.database.engine)
        self.store = Store(self.database, now=clock.now, owner="me", enqueue=nothing)  # type: ignore[arg-type]
        for owner in ("me", "another"):
            self.database.write_now(lambda c, owner=owner: replicas.beat(c, owner, owner))  # type: ignore[misc]
        self.platform = Cardboard()
        self.clock = clock
        self.told: list[tuple[str, str, str]] = []
        self.missing: dict[tuple[str, str], str] = {}
        self.running: list[asyncio.Task[None]] = []

    async def write(self, work: Callable[[SqlTransaction], Any]) -> None:
        """A unit of work."""
        await self.store.transact("test", work)

    async def open(self, *names: str, platform: str = "card") -> None:
        """Channels."""
        rooms = [Room(name=name, platform=platform, private=False) for name in names]
        await self.write(lambda tx: [tx.messages.open_channel(room) for room in rooms])

    async def say(self, channel: str, *titles: str, urgency: Urgency = Urgency.NORMAL) -> None:
        """Messages, whose keys are their words."""
        await self.write(lambda tx: [tx.messages.post(channel, card(t), key=t, urgency=urgency) for t in titles])

    async def tell(self, channel: str, post: Post, why: str) -> None:
        self.told.append((channel, post.key, why))

    async def there(self, channel: str, what: str, *_why: Any, key: str) -> None:
        self.missing[channel, key] = what

    def start(self, owner: str = "me", platform: Cardboard | None = None, **more: Any) -> Outbox:
        """An outbox at work."""
        platforms: Any = {"card": platform or self.platform}
        made = Outbox(self.database, platforms, owner=owner, teller=self, clock=self.clock, **more)
        self.store.on_commit(made.wake)
        self.running.append(asyncio.create_task(made.run()))
        return made

    async def leased_until(self) -> float:
        """When the lease on sending ends, by the database's time."""
        query = sa.select(schema.leases.c.until).where(schema.leases.c.name == "outbox")
        return await self.database.read(lambda c: float(c.execute(query).scalar_one()))

    async def until(self, holds: Callable[[], Any], *, within: float = 60.0) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(within):
            while not holds():  # noqa: ASYNC110 - a worker's thread may be what makes it so
                await asyncio.sleep(0.01)

    async def rested(self) -> None:
        """Until everything is said and arranged."""
        async with asyncio.timeout(60):
            while await self.database.read(lambda c: outgoing.busy_channels(c, {"card"})):  # noqa: ASYNC110 - see above
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        self.running.clear()


@asynccontextmanager
async def desk(url: str, clock: FakeClock | None = None) -> AsyncIterator[Desk]:
    """A desk that is cleared on the way out."""
    made = Desk(url, clock or Fast())
    try:
        yield made
    finally:
        await made.stop()
        await asyncio.to_thread(made.database.close)


def once(*keys: str, error: Exception) -> Hurdle:
    """Raises for these messages, once each."""
    left = set(keys)

    def hurdle(_channel: str, post: Post) -> None:
        if post.key in left:
            left.discard(post.key)
            raise error

    return hurdle


def always(channel: str, error: Exception) -> Hurdle:
    """Raises for a channel."""

    def hurdle(place: str, _post: Post) -> None:
        if place == f"ref-{channel}":
            raise error

    return hurdle
