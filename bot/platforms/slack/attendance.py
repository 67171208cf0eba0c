"""Who is in the channels of private incidents, asked when Tocsin starts: what Slack told meanwhile may be lost."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from bot.platforms.slack.people import People
from bot.platforms.slack.places import Spot, platform_of
from bot.platforms.slack.web import Busy, Refused, Unclear, Web
from bot.store import outgoing
from bot.store.outgoing import Place
from bot.store.transaction import SqlTransaction, Store

log = logging.getLogger(__name__)

_PAGE, _MOST_INCIDENTS = 200, 1000


class Attendance:
    """Sets right who has a private incident in sight: each channel once, as soon as Slack answers."""

    def __init__(self, web: Web, people: People, store: Store) -> None:
        self._web = web
        self._people = people
        self._store = store
        self._taken: set[str] = set()
        self._found: dict[str, list[str]] = {}

    async def take(self, team: str) -> None:
        """In the channels of a workspace. Where Slack does not answer, all stays as it is, until the next time."""
        if team not in self._found:
            self._found[team] = await self._store.look(lambda tx: _private(tx, platform_of(team)))
        for name in self._found[team]:
            place = await self._place(name)
            if name in self._taken or place is None or place.reference is None:
                continue
            try:
                await self._set_right(Spot.of(place.reference), place)
                self._taken.add(name)
            except (Busy, Unclear, Refused) as error:
                log.warning("who is in #%s stays as it is known: %s", name, error)

    async def _place(self, name: str) -> Place | None:
        return await self._store.database.read(lambda c: outgoing.place(c, name))

    async def _set_right(self, spot: Spot, place: Place) -> None:
        """Who was in the channel, and is no more, has it in sight no more; who is still to be invited stays wanted."""
        there = await self._members(spot)
        present = [person.id for user in there if (person := await self._people.person(spot.team, user))]
        left = set(place.applied.get("invited", ())) - there
        were = {who for user in left if (who := self._people.mentioned(spot.team, user))}
        name = place.room.name
        gone = sorted((were & {*place.room.members}) - {*present})
        await self._store.transact(f"attendance:{name}", lambda tx: _note(tx, name, present, gone))

    async def _members(self, spot: Spot) -> set[str]:
        found: set[str] = set()
        cursor = None
        while True:
            said = await self._web.call(
                spot.team, "conversations.members", channel=spot.channel, limit=_PAGE, cursor=cursor
            )
            found |= {str(user) for user in said["members"]}
            cursor = (said.get("response_metadata") or {}).get("next_cursor") or None
            if cursor is None:
                return found


def _private(tx: SqlTransaction, platform: str) -> list[str]:
    found = tx.incidents.recent(open_only=True, limit=_MOST_INCIDENTS)
    return [one.channel for one in found if one.private and one.platform == platform]


def _note(tx: SqlTransaction, name: str, present: Iterable[str], gone: Iterable[str]) -> None:
    for person in present:
        tx.messages.add_member(name, person)
    for person in gone:
        tx.messages.remove_member(name, person)
