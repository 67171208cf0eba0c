"""Tells somebody what could not be delivered or done: a failure is never nobody's."""

from __future__ import annotations

import logging

from bot.store.transaction import SqlTransaction, Store
from commands.cards import Card, Code, Rich, Tone, Who, card, coded, plain, rich
from commands.context import Services
from commands.domain.incident import Incident
from commands.domain.page import page_of
from commands.errors import NotFound
from commands.ports import Post, Urgency
from commands.presentation.words import cut

log = logging.getLogger(__name__)

_PREFIX, _SHORT = "undelivered:", "undone:"


class Undelivered:
    """Whoever waits for a message hears that it will not come, in the announcements, alone.

    What else could not be done is said where it is missed; each thing once, whoever says it how often.
    """

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    async def tell(self, channel: str, post: Post, why: str) -> None:
        """Say what could not be delivered, where, and why.

        What cannot be said there either is said in the console's announcements, and at last in the log.
        """
        if post.key.startswith(_PREFIX):
            await self._tell_at_home(channel, post, why)
            return
        key = f"{_PREFIX}{post.key}"
        await self._store.transact(key, lambda tx: self._tell(tx, channel, post, why))

    async def there(self, channel: str, what: str, *why: Rich | str, key: str) -> None:
        """Say in a channel that something of it could not be done: a pin, an invitation. `key`: which."""
        shown, name = card(what, *why, tone=Tone.WARNING), f"{_SHORT}{channel}:{key}"
        await self._store.transact(name, lambda tx: tx.messages.post(channel, shown, key=name))

    async def at_home(self, key: str, shown: Card) -> None:
        """Say something in the console's announcements: another platform may be what does not work."""
        where = self._services.announce_in
        await self._store.transact(
            key, lambda tx: tx.messages.post(where, shown, key=f"{_SHORT}{key}", urgency=Urgency.ANSWER)
        )

    async def _tell_at_home(self, channel: str, post: Post, why: str) -> None:
        where = self._services.announce_in
        log.error("%s was not delivered in #%s: %s", post.key, channel, why)
        if channel != where and post.only_for:
            key, shown, reader = f"{post.key}:home", post.card, post.only_for
            await self._store.transact(
                key,
                lambda tx: tx.messages.post(where, shown, key=key, only_for=reader, urgency=Urgency.ANSWER),
            )

    def _tell(self, tx: SqlTransaction, channel: str, post: Post, why: str) -> None:
        incident = tx.incidents.in_channel(channel) or _told_of(tx, post)
        where = self._services.announce_in
        if incident is not None:
            where = self._services.standing(where, incident.platform)
            where = incident.channel if where == channel else where
        shown = card(
            f"A message to #{channel.partition('@')[0]} could not be delivered",
            rich("It was: ", cut(post.card.title or plain(post.card.paragraphs[0]), 150)),
            coded(cut(why, 500)),
            tone=Tone.WARNING,
        )
        if page_of(post.key.partition(":")[0]) and post.only_for:
            tx.messages.post(
                channel, _call_them(post.only_for, why), key=f"{_PREFIX}{post.key}", urgency=Urgency.ANSWER
            )
        people = _audience(tx, post, incident)
        if not people:
            log.error("nobody waits for %s in #%s, which was not delivered: %s", post.key, channel, why)
        for person in people:
            key = f"{_PREFIX}{post.key}:{person}"
            tx.messages.post(where, shown, key=key, only_for=person, urgency=Urgency.ANSWER)


def _call_them(person: str, why: str) -> Card:
    """Somebody is called and cannot be told here: whoever waits for them has to know at once."""
    words = rich(Who(person=person), " is called, and cannot be told here. Call them by phone: ", Code(text="/oncall"))
    return card("A page does not reach somebody", words, coded(cut(why, 500)), tone=Tone.CRITICAL)


def _told_of(tx: SqlTransaction, post: Post) -> Incident | None:
    """The incident that a message is about: its key begins with it."""
    try:
        return tx.incidents.get(post.key.partition(":")[0])
    except NotFound:
        return None


def _audience(tx: SqlTransaction, post: Post, incident: Incident | None) -> list[str]:
    """The one whom it was for, else who said or asked for it, else who leads the incident, else who declared it."""
    waits = post.only_for or post.author or tx.inbox.asked_by(post.key.rpartition(":")[0])
    if waits:
        return [waits]
    if incident is None:
        return []
    return sorted(set(incident.roles.values())) or [incident.declared_by]
