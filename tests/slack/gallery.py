"""Every card that the bot can say, from the real bot: one incident from its declaration to its postmortem."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bot.platforms.slack.blocks import Names
from commands.cards import Card, Table, Tone, fact, rich, strong
from commands.domain.plan import PlanState
from commands.domain.sli import Reading
from commands.ports import ErrorGroup, LogLine
from commands.presentation.plan import plan_card
from tests.scenario.stage import Stage, Still
from tests.slack.gallery_troubles import troubles
from tests.world import settings_for, world

PEOPLE = {"ana": "U0ANA", "ben": "U0BEN", "chloe": "U0CHLOE", "dev": "U0DEV"}


@dataclass
class Gallery:
    """Cards by name, in the order of the story."""

    stage: Stage
    cards: dict[str, Card] = field(default_factory=dict)

    async def asks(self, name: str, person: str, channel: str, text: str) -> str:
        """Type a line and hang up its answer."""
        receipt = await self.stage.world.command(person, channel, text)
        await self.hang(name, receipt.reply_key, person)
        return receipt.reply_key

    async def hang(self, name: str, key: str, person: str = "ana") -> None:
        """Hang up a message as it is now."""
        message = await self.stage.world.message(key, person)
        if message.card is not None:
            self.cards[name] = message.card


@asynccontextmanager
async def opened(policy: str = "") -> AsyncIterator[Gallery]:
    """A gallery with a bot of its own, and a policy where that says something."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "policy.yaml"
        file.write_text(policy)
        more = {"policy": {"file": str(file)}} if policy else {}
        settings = settings_for(f"sqlite:///{Path(folder) / 'tocsin.db'}", **more)
        async with world(settings, clock=Still()) as running:
            yield Gallery(Stage(running))


async def every_card() -> dict[str, Card]:
    """The whole story."""
    async with opened() as gallery:
        await _declaration(gallery)
        await _diagnosis(gallery)
        await _help(gallery)
        await _mitigation(gallery)
        await _handover(gallery)
        await _end(gallery)
        _samples(gallery)
    async with opened(_POLICY) as guarded:
        await _guarded(guarded)
        return gallery.cards | guarded.cards | await troubles()


ROOM = "incident-20260301-001"


async def _declaration(gallery: Gallery) -> None:
    await gallery.asks(
        "declared", "ana", "general", "/incident declare sev1 Checkout answers 502 for a third of all orders"
    )
    room = (await gallery.stage.world.app.store.look(lambda tx: tx.incidents.recent(open_only=False, limit=1)))[0].id
    gallery.cards["room"] = Card(title=room)
    await gallery.hang("incident-new", f"{room}:card")
    await gallery.hang("first-steps", f"{room}:first-steps")
    await gallery.hang("announcement", f"{room}:announcement")
    gallery.stage.world.clock.advance(timedelta(minutes=7))
    await gallery.asks("role-claimed", "ana", room, "/incident role claim ic")
    await gallery.asks("role-assigned", "ana", room, "/incident role tech @ben")
    await gallery.asks("role-refused", "chloe", room, "/incident role claim ic")
    await gallery.asks("role-comms", "chloe", room, "/incident role claim comms")
    await gallery.asks("roles", "ana", room, "/incident role")
    await gallery.asks("role-moved", "ana", room, "/incident role comms @dev")
    await gallery.asks("role-released", "dev", room, "/incident role release comms")
    await gallery.asks("roles-free", "ana", room, "/incident role")
    await gallery.stage.quietly("chloe", room, "/incident role claim comms")
    await gallery.hang("incident-staffed", f"{room}:card")
    await gallery.asks(
        "status-changed", "ana", room, "/incident status identified the pool of the orders service is exhausted"
    )
    await gallery.asks("status-said", "ana", room, "/incident status")
    await gallery.asks("severity", "ana", room, "/incident severity sev2 only /orders is affected")
    await gallery.asks(
        "note", "ben", room, "/incident note deploy of gateway 4.2 at 13:55, *then* the errors began; see `pool_size`"
    )
    await gallery.asks("note-marked", "ben", room, "/incident note --as cause connection pool exhausted")
    await gallery.asks(
        "link", "ben", room, "/incident link https://grafana.example/d/gateway?from=now-1h&to=now error rate"
    )
    await gallery.asks("show", "eve", "general", f"/incident show {room}")
    await gallery.asks("declared-private", "ben", "general", "/incident declare sev3 Payroll is slow --private")
    await gallery.asks("list", "ben", "general", "/incident list")


def _room(gallery: Gallery) -> str:
    return gallery.cards["room"].title


async def _diagnosis(gallery: Gallery) -> None:
    room, gateway = _room(gallery), gallery.stage.world.gateway
    await gallery.stage.measured(*_readings(gallery))
    for name in ("status", "health", "pods", "metrics", "config", "logs", "errors", "history"):
        await gallery.asks(f"gw-{name}", "ben", room, f"/gw {name}")
    await gallery.asks("gw-logs-nothing", "ben", room, "/gw logs pool exhausted --level ERROR")
    well = gateway.reading_now
    gateway.reading_now = well.model_copy(update={"errors": 124, "error_rate": 0.124, "p95_ms": 840.0})
    gateway.log_lines, gateway.groups = _lines(gallery), _errors(gallery)
    for name in ("status", "metrics", "logs", "errors"):
        await gallery.asks(f"gw-{name}-bad", "ben", room, f"/gw {name}")
    gateway.down = True
    await gallery.asks("gw-status-down", "ben", room, "/gw status")
    gateway.reading_now, gateway.down = well, False


def _lines(gallery: Gallery) -> list[LogLine]:
    now = gallery.stage.world.clock.now()
    failed = {"route": "orders", "upstream": "10.0.4.17:8080", "error_type": "connect"}
    return [
        LogLine(at=now, level="ERROR", message="GET /orders 502", fields=failed),
        LogLine(at=now, level="WARNING", message="circuit open", fields={"route": "orders"}),
        LogLine(at=now, level="INFO", message="worker ready", fields={"pid": 77}),
    ]


def _errors(gallery: Gallery) -> list[ErrorGroup]:
    now = gallery.stage.world.clock.now()
    return [
        ErrorGroup(route="orders", status=502, error_type="connect", count=1204, last_seen=now),
        ErrorGroup(route="users", status=504, error_type="timeout", count=34, last_seen=now),
    ]


async def _help(gallery: Gallery) -> None:
    room = _room(gallery)
    await gallery.asks("help", "ana", room, "/help")
    await gallery.asks("help-family", "ana", room, "/help gw")
    await gallery.asks("help-one", "ana", room, "/help incident declare")
    await gallery.asks("audit", "dev", room, "/audit verify")
    await gallery.asks("refused-viewer", "eve", "general", "/gw scale 10")
    await gallery.asks("refused-responder", "chloe", "general", "/gw scale 10")
    await gallery.asks("refused-place", "ana", "general", "/incident resolve done")
    await gallery.asks("refused-severity", "ana", "general", "/incident declare severe everything is down")
    await gallery.asks("refused-missing", "ana", room, "/incident note")
    await gallery.asks("refused-kind", "ana", room, "/incident note --as reason the pool")
    await gallery.asks("refused-option", "ana", "general", "/incident declare sev1 payroll --privat")
    await gallery.asks("refused-duration", "ana", room, "/gw metrics --window soon")
    await gallery.asks("refused-number", "ana", room, "/gw scale 30")
    await gallery.asks("refused-person", "ana", room, "/incident role tech @bne")
    await gallery.asks("refused-command", "ana", room, "/gw scael 5")
    await gallery.asks("refused-early", "ana", room, "/postmortem")


def _readings(gallery: Gallery) -> list[Reading]:
    """What the watch has seen in the last half hour: it was well, then requests failed and slowed down."""
    well = gallery.stage.world.gateway.reading_now
    rates = [0.002, 0.003, 0.001] * 6 + [0.04, 0.11, 0.19, 0.26, 0.31, 0.28, 0.12, 0.124, 0.118, 0.121, 0.125, 0.124]
    return [well.model_copy(update={"error_rate": rate, "p95_ms": 40 + 5000 * rate}) for rate in rates]


#: How plans end, in the words of the engine.
_ENDS = {
    PlanState.FAILED: "10 of 10 workers ready; it got worse",
    PlanState.UNKNOWN: "no clear result in time; last seen: 7 of 10 workers ready",
    PlanState.INTERRUPTED: "it did not happen: still 3 workers. Ask for it again if it is still wanted",
    PlanState.UNDONE: "10 of 10 workers ready; verified; undone by “Undo: scale gateway down from 10 to 3 workers”",
}


async def _mitigation(gallery: Gallery) -> None:
    stage, room = gallery.stage, _room(gallery)
    key = await gallery.asks("plan-planned", "ben", room, "/gw scale 10")
    await stage.world.click("ben", key, "Confirm")
    done = await stage.world.settled()
    await gallery.hang("plan-done", key)
    assert done.measured
    worse = done.measured.model_copy(update={"error_rate": 0.4, "p95_ms": 910.0})
    for state in PlanState:
        if state not in {PlanState.PLANNED, PlanState.DONE}:
            moved = done.model_copy(update={"state": state, "detail": _ENDS.get(state, "")})
            measured = {PlanState.FAILED: worse, PlanState.UNDONE: done.measured}.get(state)
            progress = "7 of 10 workers ready …" if state is PlanState.EXECUTING else ""
            gallery.cards[f"plan-{state.value}"] = plan_card(
                moved.model_copy(update={"measured": measured}), progress=progress
            )
    unsure = {"detail": "10 of 10 workers ready; not verified: look at it yourself", "verdict": "inconclusive"}
    gallery.cards["plan-unverified"] = plan_card(done.model_copy(update=unsure))
    await gallery.asks("plan-restart", "ben", room, "/gw restart")
    await gallery.asks("history-after", "ben", room, "/gw history")


#: A second person for more workers; a restart is dangerous.
_POLICY = """
rules:
- {name: two-people, effect: allow, commands: [gw scale], who: {roles: [operator, admin]},
   approvals: {count: 1, who: {roles: [operator, admin]}}}
- {name: restarts, effect: allow, commands: [gw restart], treat_as: dangerous, who: {roles: [operator, admin]}}
"""


async def _guarded(gallery: Gallery) -> None:
    """Where changes need a second person: approvals, denials, the broken glass, the kill switch."""
    stage, where = gallery.stage, "general"
    await gallery.asks("plans-none", "eve", where, "/plans")
    key = await gallery.asks("plan-approval", "ben", where, "/gw scale 10")
    await gallery.asks("refused-own-approval", "ben", where, "/approve")
    await gallery.asks("plan-dangerous", "ben", where, "/gw restart")
    await gallery.asks("refused-which-plan", "ana", where, "/approve")
    await gallery.asks("plans", "ana", where, "/plans")
    await gallery.asks("denied", "ben", where, f"/deny {key.removesuffix(':card')}")
    stage.later(seconds=1)
    key = await gallery.asks("plan-glass", "ben", where, '/gw scale 10 --break-glass "nobody else is awake"')
    await stage.world.click("ben", key, "Confirm")
    await gallery.hang("glass", f"{key.removesuffix(':card')}:glass")
    await stage.world.settled()
    await gallery.asks("reviews", "ana", where, "/reviews")
    await gallery.asks("reviewed", "ana", where, f"/review {key.removesuffix(':card')} it was right")
    await gallery.asks("locks-none", "ana", where, "/locks")
    await gallery.asks("policy", "ana", where, "/policy show")
    await gallery.asks("policy-rule", "ana", where, "/policy show two-people")
    await gallery.asks("policy-explain", "chloe", where, "/policy explain /gw scale 10")
    await gallery.asks("frozen", "ben", where, "/tocsin freeze the deployments are not what they say")
    await gallery.asks("refused-frozen", "ana", where, "/gw scale 5")
    await gallery.asks("thawed", "ben", where, "/tocsin thaw")


async def _handover(gallery: Gallery) -> None:
    stage, room = gallery.stage, _room(gallery)
    key = await gallery.asks("handover-to-anybody", "ana", room, "/handover")
    receipt = await stage.world.click("dev", key, "Decline")
    await gallery.hang("handover-declined", key)
    await gallery.hang("handover-declined-answer", receipt.reply_key)
    key = await gallery.asks("handover", "ana", room, "/handover @dev")
    receipt = await stage.world.click("dev", key, "Accept")
    await gallery.hang("handover-accepted", key)
    await gallery.hang("handover-done", receipt.reply_key)


def _samples(gallery: Gallery) -> None:
    """What the story does not reach: more than a message holds, and the words for the status page."""
    rows = tuple((rich(f"/orders/{n}"), rich(f"{n:,}"), rich(f"{n % 7}.2%")) for n in range(140))
    worst = Table(columns=("Route", "Requests", "Errors"), rows=rows, numeric=(1, 2))
    facts = (fact("Workers", "1 of 3 ready"), fact("Errors", strong("12.4%"), " of 1,124 requests"))
    gallery.cards["too-much"] = Card(title="gateway: errors 12.4%", tone=Tone.CRITICAL, facts=facts, table=worst)
    check = rich("Check it for names, hosts and numbers that are not for the public, then post it on the status page.")
    text = "We are investigating issues with Gateway.\nSome requests fail. Next update by 14:30 UTC."
    gallery.cards["public-text"] = Card(
        title="Status page: investigating", tone=Tone.INFO, paragraphs=(check,), preformatted=text
    )


async def _tells(gallery: Gallery, words: str) -> bool:
    """Whether the postmortem has been drafted since something was said."""
    room = _room(gallery)
    return words in (await gallery.stage.world.app.store.look(lambda tx: tx.postmortems.get(room)) or "")


async def _end(gallery: Gallery) -> None:
    stage, room = gallery.stage, _room(gallery)
    stage.world.clock.advance(timedelta(minutes=30))
    await gallery.asks("resolved", "dev", room, "/incident resolve scaled to 10 workers, error rate is back to normal")
    await gallery.hang("incident-resolved", f"{room}:card")
    await gallery.asks("timeline", "ana", room, "/incident timeline")
    await gallery.asks("timeline-all", "ana", room, "/incident timeline --all")
    await stage.world.until(lambda: _tells(gallery, "back to normal"))
    await gallery.asks("postmortem", "ana", room, "/postmortem")
    await gallery.asks("postmortem-export", "ana", room, "/postmortem export")
    await gallery.asks("refused-over", "ana", room, "/incident severity sev3")
    await gallery.asks("reopened", "ana", room, "/incident reopen errors are back")
    gateway = stage.world.gateway
    gateway.reading_now = gateway.reading_now.model_copy(update={"errors": 124, "error_rate": 0.124})
    await gallery.asks("resolve-asked", "dev", room, "/incident resolve I think it is over")
    await gallery.asks("resolved-too-soon", "dev", room, "/incident resolve I think it is over --anyway")
    await stage.world.until(lambda: _tells(gallery, "I think it is over"))
    await gallery.asks("list-none", "eve", "general", "/incident list")
    del gallery.cards["room"]


def names() -> Names:
    """A workspace with everybody but Eve, with the incident's channel."""
    shown = {
        "ana": "Ana Ruiz",
        "ben": "Ben Okafor",
        "chloe": "Chloé Martin",
        "dev": "Dev Patel",
        "eve": "Eve Larsson",
    } | {"slack-t00000001-u00000013": "Uma Ultra"}
    return Names(
        user=PEOPLE.get,
        name=lambda person: shown.get(person, person),
        channel=lambda name: "C0INCIDENT" if name.startswith("incident-") else None,
        address="https://tocsin.example",
    )
