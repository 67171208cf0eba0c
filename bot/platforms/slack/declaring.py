"""Declaring by a form: what it shows to whom, and what it becomes when the pipeline has answered."""

from __future__ import annotations

from typing import Any

from slack_sdk.models.blocks import ContextBlock, PlainTextObject

from bot.platforms.slack import forms
from bot.platforms.slack.arriving import team_of_body
from bot.platforms.slack.blocks import render
from bot.platforms.slack.forms import Draft, Origin
from bot.platforms.slack.opening import name_of
from bot.platforms.slack.render import richtext
from bot.platforms.slack.subscriptions import DECLARE, DECLARE_FROM
from bot.platforms.slack.web import Refused
from bot.platforms.slack.workshop import Bench
from bot.store import arrivals
from bot.store.arrivals import Arrival
from bot.store.transaction import SqlTransaction
from commands.cards import Card, Channel, Rich, Tone, card, rich, strong
from commands.domain.incident import Incident
from commands.people import Person
from commands.ports import Post
from commands.presentation.words import counted, cut, lasting

_COMMAND, _LIST = ("incident", "declare"), ("incident", "list")
_SHOWN, _LOOKED_AT = 10, 100
_REFUSED, _REPLIED = ":refused", ":reply"
_IN_A_VIEW = {"actions", "context", "divider", "header", "image", "rich_text", "section"}
#: The person has closed the view, or it shows something newer.
_GONE = {"not_found", "hash_conflict"}


def wants_form(body: dict[str, Any]) -> bool:
    """Whether a delivery asks for the form."""
    if body.get("type") in {"shortcut", "message_action"}:
        return body.get("callback_id") in {DECLARE, DECLARE_FROM}
    if body.get("type") == "block_actions":
        return any(one.get("action_id") == DECLARE for one in body.get("actions") or ())
    words = str(body.get("text") or "").split()
    return (body.get("command"), words) in [("/incident", ["declare"]), ("/tocsin", ["incident", "declare"])]


def is_submission(body: dict[str, Any]) -> bool:
    """Whether a delivery is the form, filled in."""
    return body.get("type") == "view_submission" and body["view"].get("callback_id") == DECLARE


class Declaring:
    """Fills the form, and shows in its place what came of it."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def fill(self, body: dict[str, Any], person: Person, draft: Draft, origin: Origin) -> bool:
        """The form in the place of what opened at once. False: nothing has opened."""
        trigger, team = str(body["trigger_id"]), body["team_id"]
        opened = await self._bench.opening.of(trigger)
        if opened.known and not opened.open:
            return False
        view = await self.view(team, person, draft, origin)
        which = {"external_id": name_of(trigger), "hash": opened.hash or None}
        # Another name: should this be worked again, what the person has typed or sent by then is left alone.
        filled = view | {"external_id": f"{name_of(trigger)}-form"}
        if await self._show(team, filled, which) or opened.known:
            return True
        return await self._is_there(team, filled)

    async def _is_there(self, team: str, view: dict[str, Any]) -> bool:
        """Whether a view is open, asked by a change that Slack refuses for its hash: the view stays as it is.

        The process that took the delivery may have ended before it opened anything, or after it had filled the form.
        """
        try:
            which = {"external_id": view["external_id"], "hash": "0.none"}
            await self._bench.web.call(team, "views.update", view=view, **which)
        except Refused as refused:
            if refused.code not in _GONE:
                raise
            return refused.code == "hash_conflict"
        return True

    async def _show(self, team: str, view: dict[str, Any], which: dict[str, Any]) -> bool:
        try:
            await self._bench.web.call(team, "views.update", view=view, **which)
        except Refused as refused:
            if refused.code not in _GONE:
                raise
            return False
        return True

    async def view(
        self, team: str, person: Person, draft: Draft, origin: Origin, refused: Card | None = None
    ) -> dict[str, Any]:
        """The form as somebody may see it; who may not declare is told who may."""
        if not self.allows(person):
            access = self._bench.registry.commands[_COMMAND].access
            who = access.hint(person, "Ask one of them to declare it.")
            return forms.told(self._blocks(team, card("Declaring is not for you.", who, tone=Tone.WARNING)))
        above = self._blocks(team, refused) if refused else []
        return forms.form(draft, origin, self._bench.services.scheme, [*above, *await self._open_ones(team, person)])

    def allows(self, person: Person) -> bool:
        """Whether somebody may declare."""
        return self._bench.registry.commands[_COMMAND].access.allows(person, None)

    def _blocks(self, team: str, shown: Card) -> list[Any]:
        """A card without its small print, which repeats what was typed."""
        bare = shown.model_copy(update={"footer": (), "table": None})
        blocks = render(bare, self._bench.chat.names(team), key="").blocks
        return [block for block in blocks if block["type"] in _IN_A_VIEW]

    async def _open_ones(self, team: str, person: Person) -> list[Any]:
        """What is open already and in their sight, so that the same thing is not declared twice."""
        seen = await self._bench.store.look(lambda tx: in_sight(self._bench, tx, person))
        if not seen:
            return []
        await self._bench.places.learn(team, [one.channel for one in seen])
        names, now = self._bench.chat.names(team), self._bench.services.clock.now()
        lines = [rich(strong(f"Is it one of these? {counted(len(seen), 'open incident')}:"))]
        lines += [line_of(one, lasting(one.duration(now))) for one in seen[:_SHOWN]]
        shown = richtext.lines(lines, names)
        more = [ContextBlock(elements=[PlainTextObject(text=f"and {len(seen) - _SHOWN} more: /incident list")])]
        return [shown, *(more if len(seen) > _SHOWN else [])]

    async def answered(self, team: str, post: Post) -> Post | None:
        """Show an answer in the form's place, if it answers a form; else the post, as it is to be said."""
        arrival = await self._submission(post.key)
        if arrival is None:
            return post
        view, draft = arrival.payload["view"], forms.draft_of(arrival.payload["view"])
        shown = await self._in_its_place(team, arrival, post, draft)
        if await self._show(team, shown, {"view_id": view["id"]}):
            return None
        if not post.key.endswith(_REFUSED):
            return post
        return post.model_copy(update={"card": post.card.model_copy(update={"preformatted": draft.line})})

    async def _in_its_place(self, team: str, arrival: Arrival, post: Post, draft: Draft) -> dict[str, Any]:
        """The form again under a refusal, with all that was typed; else the answer."""
        person = await self._bench.people.person(team, arrival.payload["user"]["id"])
        if post.key.endswith(_REFUSED) and person is not None:
            origin = forms.origin_of(arrival.payload["view"])
            return await self.view(team, person, draft, origin, refused=post.card)
        return forms.told(self._blocks(team, post.card))

    async def _submission(self, key: str) -> Arrival | None:
        suffix = next((one for one in (_REFUSED, _REPLIED) if key.endswith(one)), "")
        if not suffix or ":view-" not in key:
            return None
        arrival = await self._bench.store.database.read(lambda c: arrivals.get(c, key.removesuffix(suffix)))
        return arrival if arrival and is_submission(arrival.payload) else None


def in_sight(bench: Bench, tx: SqlTransaction, person: Person) -> list[Incident]:
    """The open incidents that somebody may know of, newest first; a guest without a role may know of none."""
    access, found = bench.registry.commands[_LIST].access, tx.incidents.recent(open_only=True, limit=_LOOKED_AT)
    return [one for one in found if access.allows(person, one) and tx.messages.may_read(one.channel, person.id)]


def line_of(incident: Incident, since: str) -> Rich:
    """`#incident-… SEV1 · API is down (investigating, for 5 min)`."""
    about = f" {incident.severity} · {cut(incident.title, 120)} ({incident.status.value}, for {since})"
    return rich(Channel(name=incident.channel), about)


def trigger_of(body: dict[str, Any]) -> tuple[str, str]:
    """The workspace and the trigger of a delivery that asks for the form."""
    return team_of_body(body), str(body.get("trigger_id") or "")
