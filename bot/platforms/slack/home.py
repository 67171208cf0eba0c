"""The home tab: what is open and in somebody's sight, their roles, and what waits for their yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slack_sdk.models.blocks import (
    ActionsBlock,
    ButtonElement,
    ContextBlock,
    DividerBlock,
    HeaderBlock,
    PlainTextObject,
)

from bot.platforms.slack.blocks import render
from bot.platforms.slack.declaring import in_sight, line_of
from bot.platforms.slack.render import richtext
from bot.platforms.slack.subscriptions import DECLARE
from bot.platforms.slack.workshop import Bench
from bot.store import outgoing
from bot.store.transaction import SqlTransaction
from commands import policed
from commands.cards import Card, Channel, Rich, channels_of, people_of, rich
from commands.domain.incident import Incident
from commands.domain.plan import PlanState
from commands.people import Person
from commands.presentation.plan import plan_card_key
from commands.presentation.words import counted, lasting

_LOOKED_AT, _SHOWN, _MOST_WAITING = 100, 20, 8
_IN_A_VIEW = {"actions", "context", "header", "image", "rich_text", "section"}


@dataclass(frozen=True)
class Waiting:
    """A message with buttons that somebody may press, and where it stands."""

    key: str
    card: Card
    channel: str


@dataclass(frozen=True)
class Seen:
    """What somebody's home tab is made of."""

    open: list[Incident]
    waiting: list[Waiting]


class Home:
    """Publishes home tabs."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def publish(self, team: str, user: str) -> None:
        """Bring somebody's home tab up to date."""
        person = await self._bench.people.person(team, user)
        if person is None:
            return
        seen = await self._bench.store.look(lambda tx: self._seen(tx, person))
        view = {"type": "home", "blocks": await self._blocks(team, person, seen)}
        await self._bench.web.call(team, "views.publish", user_id=user, view=view)

    def _seen(self, tx: SqlTransaction, person: Person) -> Seen:
        mine = in_sight(self._bench, tx, person)
        return Seen(mine, [*self._plans(tx, person), *self._offers(tx, person, mine)])

    def _plans(self, tx: SqlTransaction, person: Person) -> list[Waiting]:
        """Plans that wait for a confirmation which this person may give."""
        waiting = [
            self._waiting(tx, plan_card_key(plan.told_in), plan.channel, person)
            for plan in tx.plans.recent(target=None, limit=_LOOKED_AT)
            if plan.state is PlanState.PLANNED
            and tx.now < plan.approve_by
            and policed.may_confirm(plan, person, self._bench.services, tx)
        ]
        return [one for one in waiting if one]

    def _offers(self, tx: SqlTransaction, person: Person, incidents: list[Incident]) -> list[Waiting]:
        """Handovers that this person may accept."""
        access = self._bench.registry.clicks["handover.accept"].access
        waiting = [
            self._waiting(tx, one.offer.id, one.channel, person)
            for one in incidents
            if one.offer
            and one.offer.outgoing != person.id
            and one.offer.incoming in {None, person.id}
            and access.allows(person, one)
        ]
        return [one for one in waiting if one]

    def _waiting(self, tx: SqlTransaction, key: str, channel: str, person: Person) -> Waiting | None:
        """The message with its buttons: a press here is a press there."""
        if not tx.messages.may_read(channel, person.id):
            return None
        post = outgoing.readable(tx.connection, key, person.id, within=channel)
        return Waiting(key, post.card, channel) if post and post.card.buttons else None

    async def _blocks(self, team: str, person: Person, seen: Seen) -> list[dict[str, Any]]:
        cards = {one.key: _short(one) for one in seen.waiting[:_MOST_WAITING]}
        channels = [one.channel for one in seen.open[:_SHOWN]]
        await self._bench.places.learn(team, channels + [name for one in cards.values() for name in channels_of(one)])
        await self._bench.people.meet(team, [who for one in cards.values() for who in people_of(one)])
        return [*self._waiting_blocks(team, cards, len(seen.waiting)), *self._open_blocks(team, person, seen.open)]

    def _waiting_blocks(self, team: str, cards: dict[str, Card], number: int) -> list[dict[str, Any]]:
        """First what waits for an answer."""
        if not cards:
            return []
        names = self._bench.chat.names(team)
        blocks: list[dict[str, Any]] = [HeaderBlock(text=f"Waiting for you: {number}").to_dict()]
        for key, card in cards.items():
            blocks += [one for one in render(card, names, key=key).blocks if one["type"] in _IN_A_VIEW]
            blocks.append(DividerBlock().to_dict())
        if number > len(cards):
            more = PlainTextObject(text=f"and {number - len(cards)} more, in their incidents' channels")
            blocks.append(ContextBlock(elements=[more]).to_dict())
        return blocks

    def _open_blocks(self, team: str, person: Person, found: list[Incident]) -> list[dict[str, Any]]:
        title = counted(len(found), "open incident") if found else "No incident is open"
        now = self._bench.services.clock.now()
        lines = [(*line_of(one, lasting(one.duration(now))), *_roles(one, person)) for one in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(rich(f"and {len(found) - _SHOWN} more: /incident list"))
        shown = richtext.lines(lines, self._bench.chat.names(team))
        return [
            HeaderBlock(text=title).to_dict(),
            *([shown.to_dict()] if shown else []),
            *self._declare(person),
        ]

    def _declare(self, person: Person) -> list[dict[str, Any]]:
        if not self._bench.registry.commands["incident", "declare"].access.allows(person, None):
            return []
        button = ButtonElement(text="Declare an incident", action_id=DECLARE, value="home")
        return [ActionsBlock(elements=[button]).to_dict()]


def _short(waiting: Waiting) -> Card:
    """What has to be known for a yes; all the rest is in the channel."""
    where = rich("In ", Channel(name=waiting.channel))
    kept = {"paragraphs": (*waiting.card.paragraphs, where), "table": None, "document": None, "preformatted": ""}
    return waiting.card.model_copy(update=kept)


def _roles(incident: Incident, person: Person) -> Rich:
    held = " and ".join(role.full_name.lower() for role in incident.held_by(person.id))
    return rich(f": you are {held}") if held else ()
