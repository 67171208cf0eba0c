"""Which channel of Slack is which here, and where Tocsin may speak in it.

A channel that Tocsin made has the incident's name. Any other conversation from which somebody asks is known by its
Slack id: `c0123@slack:T1`. A reference is the workspace and the conversation: `T1/C0123`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.store import channels
from bot.store.channels import Known
from bot.store.transaction import SqlTransaction, Store
from commands.ports import Room

PLATFORM = "slack"


def platform_of(team: str) -> str:
    """The platform's name with its workspace."""
    return f"{PLATFORM}:{team}"


def team_of(platform: str) -> str:
    """The workspace of a platform's name; empty: the only one."""
    return platform.partition(":")[2]


@dataclass(frozen=True)
class Spot:
    """A conversation of a workspace."""

    team: str
    channel: str

    @classmethod
    def of(cls, reference: str) -> Spot:
        """From `T1/C0123`."""
        team, _, channel = reference.partition("/")
        return cls(team, channel)

    @property
    def reference(self) -> str:
        """`T1/C0123`."""
        return f"{self.team}/{self.channel}"

    @property
    def name(self) -> str:
        """What a conversation is called here that Tocsin did not make."""
        return f"{self.channel.lower()}@{platform_of(self.team)}"


class Places:
    """The channels of the record, from Slack's side."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ids: dict[tuple[str, str], str] = {}

    async def name(self, spot: Spot) -> str | None:
        """What a conversation is called here, if it is known."""
        return await self._store.database.read(lambda c: channels.name_of(c, spot.reference))

    async def known(self, spot: Spot) -> Known | None:
        """What is known of a conversation."""
        return await self._store.database.read(lambda c: channels.known(c, spot.reference))

    async def name_for(self, spot: Spot, person: str, *, private: bool, label: str = "") -> str:
        """What a conversation is called here; one that is not known is noted, and what people call it.

        Whoever speaks in a private one is in it: Slack says so.
        """
        known = await self.known(spot)
        if known is None or private or label not in {"", known.shown}:
            name = known.name if known else spot.name
            await self._store.transact(
                f"place:{spot.reference}", lambda tx: _note(tx, spot, name, person, private, label)
            )
        return known.name if known else spot.name

    async def learn(self, team: str, names: list[str]) -> None:
        """Find out the Slack ids of some channels, so that a message can link to them."""
        unknown = [name for name in names if (team, name) not in self._ids]
        if not unknown:
            return
        found = await self._store.database.read(lambda c: channels.references(c, unknown))
        for name, spot in ((name, Spot.of(reference)) for name, reference in found.items()):
            if spot.team == team:
                self._ids[team, name] = spot.channel

    def id(self, team: str, name: str) -> str | None:
        """The Slack id of a channel that was learnt."""
        return self._ids.get((team, name))


def _note(tx: SqlTransaction, spot: Spot, name: str, person: str, private: bool, label: str) -> None:
    known = channels.known(tx.connection, spot.reference)
    if known is None:
        room = Room(name=name, platform=platform_of(spot.team), private=private, topic="", members=(person,))
        tx.messages.open_channel(room, reference=spot.reference)
    elif private and not known.private:
        channels.close(tx.connection, name, [person])
    if label and (known is None or known.shown != label):
        channels.call(tx.connection, name, label)
    if private:
        tx.messages.add_member(name, person)
