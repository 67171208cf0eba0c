"""Who asks, where, and what: from a body of Slack to a delivery of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.platforms.slack import words
from bot.platforms.slack.people import People
from bot.platforms.slack.places import Places, Spot
from bot.platforms.slack.web import Refused, Web
from commands.people import Person

#: More people than these are not looked up for one line; the rest are left as they were typed.
_MOST_MENTIONS = 10


@dataclass(frozen=True)
class Asker:
    """Somebody in a conversation. `channel` is what it is called here."""

    person: Person
    team: str
    user: str
    spot: Spot
    channel: str


class Asking:
    """Finds out who somebody is and what their words mean here."""

    def __init__(self, web: Web, people: People, places: Places) -> None:
        self._web = web
        self._people = people
        self._places = places

    async def who(self, team: str, user: str, channel: str, *, private: bool | None = None) -> Asker | None:
        """The asker; None for bots. `private` None: the delivery does not say, so it is found out."""
        person = await self._people.person(team, user)
        if person is None:
            return None
        spot = Spot(team, channel)
        hidden = await self._is_private(spot) if private is None else private
        topic = f"Direct messages of {person.name}" if channel.startswith("D") else ""
        name = await self._places.name_for(spot, person.id, private=hidden, topic=topic)
        return Asker(person, team, user, spot, name)

    async def _is_private(self, spot: Spot) -> bool:
        """What is known, else what Slack says; where neither tells, nobody else is to read along."""
        if spot.channel.startswith("D"):
            return True
        known = await self._places.is_private(spot)
        if known is not None:
            return known
        try:
            said = (await self._web.call(spot.team, "conversations.info", channel=spot.channel)).get("channel", {})
        except Refused:
            return True
        return bool(said.get("is_private") or said.get("is_im") or said.get("is_mpim") or not said)

    async def words(self, team: str, text: str, *, look_up: bool = True) -> str:
        """A text as it was typed. `look_up`: those it mentions are asked about, and known from then on."""
        for user in words.users_in(text)[:_MOST_MENTIONS] if look_up else ():
            await self._people.person(team, user)
        channels = {one: await self._places.name(Spot(team, one)) or "" for one in words.channels_in(text)}
        return words.plain(
            text,
            lambda user: self._people.mentioned(team, user) or user,
            lambda channel: channels.get(channel, ""),
        )


def is_private(body: dict[str, Any]) -> bool:
    """Whether a command or a click came from a conversation that is not open to all."""
    name = body.get("channel_name") or (body.get("channel") or {}).get("name", "")
    return name in {"directmessage", "privategroup"} or str(name).startswith("mpdm-")
