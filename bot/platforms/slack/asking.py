"""Who asks, where, and what: from a body of Slack to a delivery of the pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bot.platforms.slack import words
from bot.platforms.slack.people import People
from bot.platforms.slack.places import Places, Spot
from bot.platforms.slack.web import Busy, Refused, Unclear, Web
from commands.people import Person

#: More people than these are not looked up for one line; the rest are left as they were typed.
_MOST_MENTIONS = 10
_MOST_KEPT = 5000
#: What Slack calls conversations in commands and clicks when it does not give their names.
_HIDDEN = {"directmessage", "privategroup"}


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
        self._asked: set[Spot] = set()

    async def who(
        self, team: str, user: str, channel: str, *, private: bool | None = None, label: str = ""
    ) -> Asker | None:
        """The asker; None for bots. What the delivery does not say of the conversation is found out.

        `private`: whether others may not look in; `label`: what people call it.
        """
        person = await self._people.person(team, user)
        if person is None:
            return None
        spot = Spot(team, channel)
        if channel.startswith("D"):
            private, label = True, f"Direct messages of {person.name}"
        elif private is None or not label:
            private, label = await self._about(spot, private, label)
        name = await self._places.name_for(spot, person.id, private=private, label=label)
        return Asker(person, team, user, spot, name)

    async def _about(self, spot: Spot, private: bool | None, label: str) -> tuple[bool, str]:
        """What is known, else what Slack says; where neither tells, nobody else is to read along."""
        known = await self._places.known(spot)
        if private is None and known is not None:
            private = known.private
        is_called = label or spot in self._asked or (known is not None and (known.label or known.name != spot.name))
        if private is not None and is_called:
            return private, label
        if len(self._asked) >= _MOST_KEPT:
            self._asked.clear()
        self._asked.add(spot)
        said = await self._info(spot, needed=private is None)
        hidden = bool(said.get("is_private") or said.get("is_im") or said.get("is_mpim") or not said)
        return hidden if private is None else private, label or called(str(said.get("name") or ""))

    async def _info(self, spot: Spot, *, needed: bool) -> dict[str, Any]:
        """What Slack says of a conversation; nothing where it tells us nothing. Raises Busy, Unclear where needed."""
        try:
            said = await self._web.call(spot.team, "conversations.info", channel=spot.channel)
        except Refused:
            return {}
        except (Busy, Unclear):
            if needed:
                raise
            return {}
        return dict(said.get("channel") or {})

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
    name = _channel_name(body)
    return name in _HIDDEN or name.startswith("mpdm-")


def label_of(body: dict[str, Any]) -> str:
    """What people call the conversation that a command or a click came from; empty where Slack does not say."""
    name = _channel_name(body)
    return "" if name in _HIDDEN else called(name)


def called(name: str) -> str:
    """A conversation's name; that of several people is made of theirs: `mpdm-ana--ben-1`."""
    if not name.startswith("mpdm-"):
        return name
    return ", ".join(part for part in name.removeprefix("mpdm-").rpartition("-")[0].split("--") if part) or name


def _channel_name(body: dict[str, Any]) -> str:
    return str(body.get("channel_name") or (body.get("channel") or {}).get("name") or "")
