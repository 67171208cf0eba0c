"""The form that declares an incident: asked for by a shortcut, a button or a command; filled in; sent."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from slack_bolt.app.async_app import AsyncApp

from bot.delivery import CaptureDelivery, TextDelivery
from bot.platforms.slack import forms
from bot.platforms.slack.asking import Asker
from bot.platforms.slack.declaring import Declaring
from bot.platforms.slack.forms import Draft, Origin
from bot.platforms.slack.messages import Messages, said
from bot.platforms.slack.places import Spot
from bot.platforms.slack.subscriptions import DECLARE, DECLARE_FROM
from bot.platforms.slack.workshop import Bench
from bot.store import arrivals
from bot.store.arrivals import Arrival
from bot.store.incidents import declared_by
from bot.store.transaction import SqlTransaction
from commands.domain.incident import Incident
from commands.presentation.words import cut

_NOT_OPENED = "Slack did not open the form in time. Type instead: /incident declare sev1 what is wrong"
_LOST = (
    "Tocsin was restarted while your form was to open. If you do not see it, type instead: "
    "/incident declare sev1 what is wrong"
)
_DECIDED_WITHIN, _GLANCE = 40.0, 0.05
_TITLE, _EXCERPT = 150, 300


def LISTEN(app: AsyncApp, bench: Bench) -> None:  # noqa: N802 - see asked.py
    """Register."""
    declared = Declared(bench)
    app.shortcut(DECLARE)(declared.asked)
    app.action(DECLARE)(declared.asked)
    app.shortcut(DECLARE_FROM)(declared.asked_from)
    app.view(DECLARE)(declared.sent)


class Declared:
    """The form's way."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._declaring = Declaring(bench)
        self._messages = Messages(bench)

    async def asked(self, ack: Any, body: dict[str, Any]) -> None:
        """The shortcut of the workspace, or the button of the home tab."""
        await ack()
        draft = Draft(service=self._bench.services.default_service)
        await self._fill(body, draft, Origin())

    async def asked_from(self, ack: Any, body: dict[str, Any], context: Any) -> None:
        """The shortcut of a message: its first line is the title that the form begins with."""
        await ack()
        person = await self._bench.people.person(body["team_id"], body["user"]["id"])
        if person is None:
            return
        may = self._declaring.allows(person)
        text = await self._bench.asking.words(body["team_id"], said(body["message"]), look_up=may)
        title = cut(next((line.strip() for line in text.splitlines() if line.strip()), ""), _TITLE)
        draft = Draft(title=title, service=self._bench.services.default_service)
        await self._fill(body, draft, Origin(context["arrival"].id, cut(" ".join(text.split()), _EXCERPT)))

    async def _fill(self, body: dict[str, Any], draft: Draft, origin: Origin) -> None:
        team, user = body["team_id"], body["user"]["id"]
        person = await self._bench.people.person(team, user)
        if person is not None and not await self._declaring.fill(body, person, draft, origin):
            began_here = (await self._bench.opening.of(str(body["trigger_id"]))).known
            text, there = _NOT_OPENED if began_here else _LOST, await self._directly(team, user)
            await self._bench.web.call(team, "chat.postMessage", channel=there, text=text)

    async def sent(self, ack: Any, body: dict[str, Any], context: Any) -> None:
        """The form: a command like any other. Its answer takes the form's place, or comes by direct message."""
        await ack()
        arrival, view = context["arrival"], body["view"]
        team, user = body["team_id"], body["user"]["id"]
        asker = await self._bench.asking.who(team, user, await self._directly(team, user))
        if asker is None:
            return
        delivery = arrival.id.removeprefix(f"{arrival.platform}:")
        line = forms.draft_of(view).line
        await self._bench.intake.command(TextDelivery(arrival.platform, delivery, asker.person.id, asker.channel, line))
        origin = await self._origin(forms.origin_of(view))
        incident = await self._incident(arrival) if origin else None
        if origin and incident:
            await self._capture(arrival, asker, origin, incident)

    async def _directly(self, team: str, user: str) -> str:
        """The conversation of somebody with Tocsin alone."""
        opened = await self._bench.web.call(team, "conversations.open", users=user)
        return str(opened["channel"]["id"])

    async def _origin(self, origin: Origin) -> Arrival | None:
        """The delivery that brought the message; the form was open for days if it is forgotten by now."""
        if not origin.arrival:
            return None
        return await self._bench.store.database.read(lambda c: arrivals.get(c, origin.arrival))

    async def _incident(self, arrival: Arrival) -> Incident | None:
        """What was declared, once it is decided; None if it was refused."""
        until = time.monotonic() + _DECIDED_WITHIN
        while time.monotonic() < until:
            accepted, incident = await self._bench.store.look(lambda tx: _decided(tx, arrival.id))
            if incident or not accepted:
                return incident
            await asyncio.sleep(_GLANCE)
        raise TimeoutError(f"{arrival.id} is not decided yet")

    async def _capture(self, arrival: Arrival, asker: Asker, origin: Arrival, incident: Incident) -> None:
        """The message is the first of the new timeline."""
        spot = Spot(asker.team, str(origin.payload["channel"]["id"]))
        delivery = CaptureDelivery(
            platform=arrival.platform,
            id=f"{arrival.id.removeprefix(f'{arrival.platform}:')}:message",
            person=asker.person.id,
            channel=incident.channel,
            what="added",
            message=await self._messages.captured(spot, origin.payload["message"]),
            quiet=True,
        )
        await self._bench.intake.capture(delivery)


def _decided(tx: SqlTransaction, key: str) -> tuple[bool, Incident | None]:
    """Whether a command still stands, and what it has declared."""
    receipt, declared = tx.inbox.seen(key), declared_by(tx.connection, key)
    return receipt is None or receipt.accepted, tx.incidents.get(declared) if declared else None
