"""Tells somebody when a message cannot be delivered: a failure is never nobody's."""

from __future__ import annotations

import logging

from bot.store.transaction import SqlTransaction, Store
from commands.cards import Tone, card, rich
from commands.context import Services
from commands.domain.incident import Incident
from commands.ports import Post, Urgency
from commands.presentation.words import cut

log = logging.getLogger(__name__)

_PREFIX = "undelivered:"


class Undelivered:
    """Whoever waits for a message hears that it will not come, in the announcements, alone."""

    def __init__(self, store: Store, services: Services) -> None:
        self._store = store
        self._services = services

    async def tell(self, channel: str, post: Post, why: str) -> None:
        """Say what could not be delivered, where, and why. What cannot be said either is in the log."""
        if post.key.startswith(_PREFIX):
            log.error("nobody could be told that %s was not delivered: %s", post.key, why)
            return
        key = f"{_PREFIX}{post.key}"
        await self._store.transact(key, lambda tx: self._tell(tx, channel, post, why))

    def _tell(self, tx: SqlTransaction, channel: str, post: Post, why: str) -> None:
        incident = tx.incidents.in_channel(channel)
        where = self._services.announce_in
        if incident is not None:
            where = self._services.standing(where, incident.platform)
        shown = card(
            f"A message to #{channel} could not be delivered",
            rich("It was: ", cut(post.card.title, 150)),
            cut(why, 500),
            tone=Tone.WARNING,
        )
        for person in _audience(post, incident):
            key = f"{_PREFIX}{post.key}:{person}"
            tx.messages.post(where, shown, key=key, only_for=person, urgency=Urgency.ANSWER)


def _audience(post: Post, incident: Incident | None) -> list[str]:
    """The one whom it was for, else who leads the incident, else who declared it."""
    if post.only_for:
        return [post.only_for]
    if incident is None:
        return []
    return sorted(set(incident.roles.values())) or [incident.declared_by]
