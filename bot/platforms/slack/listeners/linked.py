"""Links to incidents that people share get a preview, where everybody who reads it may know of the incident.

Guests and people of other organisations usually may not: a preview is shown where the members of the conversation are
known, and each of them may. An incident's own channel shows its card anyway.
"""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import unquote, urlsplit

from slack_bolt.app.async_app import AsyncApp

from bot.platforms.slack.blocks import render
from bot.platforms.slack.places import Spot
from bot.platforms.slack.refusals import explained
from bot.platforms.slack.web import Refused
from bot.platforms.slack.workshop import Bench
from bot.store.transaction import SqlTransaction
from commands.cards import people_of
from commands.domain.incident import Incident
from commands.errors import NotFound
from commands.people import Person
from commands.presentation.incident import incident_card

log = logging.getLogger(__name__)

_SHOW = ("incident", "show")
_CHANNELS, _POSTMORTEMS = "c", "postmortems"
#: More people than these are not looked at for a preview.
_MOST_READERS = 100


def LISTEN(app: AsyncApp, bench: Bench) -> None:  # noqa: N802 - see asked.py
    """Register."""
    app.event("link_shared")(Linked(bench).shared)


class Linked:
    """Shows the cards of incidents below links to them."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def shared(self, body: dict[str, Any], event: dict[str, Any]) -> None:
        """A link in a message. While it is being written, nobody knows yet who will read it."""
        if event.get("source") == "composer":
            return
        spot, urls = Spot(body["team_id"], str(event["channel"])), [str(one["url"]) for one in event.get("links", ())]
        named = {url: name for url in urls if (name := _named(url, self._bench.address))}
        person = await self._bench.people.person(spot.team, str(event.get("user"))) if named else None
        if person is None:
            return
        here = await self._bench.places.name(spot)
        found = {url: await self._incident(name, person) for url, name in named.items()}
        shown = {url: one for url, one in found.items() if one and one.channel == here}
        others = {url: one for url, one in found.items() if one and one.channel != here and not one.private}
        if others and not body.get("is_ext_shared_channel"):
            readers = await self._readers(spot)
            shown |= {url: one for url, one in others.items() if readers and await self._all_may(readers, one)}
        unfurls = {url: await self._preview(spot.team, one) for url, one in shown.items()}
        if unfurls:
            await self._unfurl(spot, event, unfurls)

    async def _incident(self, name: str, person: Person) -> Incident | None:
        """What may be shown to whoever shares it."""

        def look(tx: SqlTransaction) -> Incident | None:
            incident = tx.incidents.in_channel(name) or _by_id(tx, name)
            return incident if incident and self._may(tx, person, incident) else None

        return await self._bench.store.look(look)

    async def _all_may(self, readers: list[Person], incident: Incident) -> bool:
        return await self._bench.store.look(lambda tx: all(self._may(tx, one, incident) for one in readers))

    def _may(self, tx: SqlTransaction, person: Person, incident: Incident) -> bool:
        access = self._bench.registry.commands[_SHOW].access
        return access.allows(person, incident) and tx.messages.may_read(incident.channel, person.id)

    async def _readers(self, spot: Spot) -> list[Person] | None:
        """Who reads along in a conversation; None where they are many, or not known."""
        try:
            said = await self._bench.web.call(
                spot.team, "conversations.members", channel=spot.channel, limit=_MOST_READERS
            )
        except Refused as refused:
            log.info("no preview, since its readers are not known: %s", explained(refused))
            return None
        if (said.get("response_metadata") or {}).get("next_cursor"):
            return None
        return await self._bench.people.readers(spot.team, map(str, said.get("members", ())))

    async def _preview(self, team: str, incident: Incident) -> dict[str, Any]:
        """The card without its buttons: they are in the incident's channel."""
        card = incident_card(incident, self._bench.services).model_copy(update={"buttons": ()})
        await self._bench.people.meet(team, people_of(card))
        return {"blocks": render(card, self._bench.chat.names(team), key="").blocks}

    async def _unfurl(self, spot: Spot, event: dict[str, Any], unfurls: dict[str, Any]) -> None:
        try:
            await self._bench.web.call(
                spot.team, "chat.unfurl", channel=spot.channel, ts=event["message_ts"], unfurls=unfurls
            )
        except Refused as refused:  # the message was deleted, or its author wants no previews
            log.info("no preview: %s", explained(refused))


def _by_id(tx: SqlTransaction, name: str) -> Incident | None:
    try:
        return tx.incidents.get(name)
    except NotFound:
        return None


def _named(url: str, address: str) -> str:
    """The channel or the incident that a link to our pages leads to; empty for any other."""
    ours, link = urlsplit(address), urlsplit(url)
    inside = link.path.removeprefix(ours.path.rstrip("/"))
    if (link.scheme, link.netloc) != (ours.scheme, ours.netloc) or not link.path.startswith(ours.path.rstrip("/")):
        return ""
    parts = [unquote(part) for part in inside.split("/") if part]
    if len(parts) < 2 or parts[0] not in {_CHANNELS, _POSTMORTEMS}:
        return ""
    return parts[1].removesuffix(".md") if parts[0] == _POSTMORTEMS else parts[1]
