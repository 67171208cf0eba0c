"""A night in the life: what a console looks like in the middle of an incident.

`python -m tests.console.scene` serves it for the eye on http://127.0.0.1:8799.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from bot.platforms.console.hub import Hub
from bot.platforms.console.server import ConsoleServer
from bot.platforms.console.settings import ConsoleSettings
from commands.cards import (
    Button,
    Card,
    Channel,
    Code,
    Fact,
    Link,
    Table,
    Text,
    Tone,
    When,
    Who,
    card,
    fact,
    rich,
    strong,
)
from tests.console.fakes import PEOPLE, FakeIntake, FakeRecord
from tests.console.serving import build_console
from tests.console.vocabulary import vocabulary

INCIDENT = "incident-20261121-001"
POSTMORTEM = """# Checkout answers 502

| | |
|---|---|
| **Date** | 2026-11-21 |
| **Severity** | SEV1 |
| **Duration** | 47 min |

## Impact

31 % of requests failed between 11:13 and 12:00 UTC; `/orders` was hit worst.

## Timeline

- **11:13** error rate over 5 %, measured
- **11:15** declared by Ana Ruiz
- **11:31** scaled gateway 3 → 5

## Root cause

A connection pool of 20 for three workers <script>alert(1)</script>.

## Action items

1. Size the pool by workers ([dashboard](https://grafana.example/d/1))
2. Alert at 80 % of the pool
"""


def busy_night(*, now: datetime | None = None) -> FakeRecord:
    """Standing channels, a running SEV1 with everything that a card can hold, and earlier incidents."""
    now = now or datetime.now(UTC)
    record = FakeRecord()
    record.clock = now - timedelta(hours=26)
    record.room("incidents", "Announcements of every incident")
    record.room("operations", "Day to day")
    record.room(INCIDENT, "SEV1 · Checkout answers 502", incident=INCIDENT)
    record.room("incident-20261121-002", "", incident="incident-20261121-002", members=frozenset({"ana"}))
    record.room("incident-20261119-004", "", incident="incident-20261119-004")
    _earlier(record)
    _channel_talk(record)
    record.clock = now - timedelta(minutes=47, seconds=12)
    record.put(
        INCIDENT,
        incident_card(record.clock, due=now + timedelta(minutes=2, seconds=20)),
        key=f"{INCIDENT}:card",
        pinned=True,
    )
    _first_steps(record)
    _diagnosis(record)
    _mitigation(record)
    record.drafts[INCIDENT] = POSTMORTEM
    return record


def incident_card(started: datetime, *, due: datetime | None, status: str = "identified") -> Card:
    """The card on top of an incident's channel."""
    facts: tuple[Fact, ...] = (
        fact("Status", strong(status)),
        fact("Severity", "SEV1, critical"),
        fact("Incident commander", Who(person="ana")),
        fact("Technical lead", Who(person="ben")),
        fact("Free roles", "communications lead"),
        fact("Service", "gateway"),
        fact("Declared", When(at=started, style="relative")),
    )
    owed = (fact("Next update due", When(at=due)),) if due else ()
    return Card(
        title="SEV1 · Checkout answers 502 for a third of all orders",
        tone=Tone.CRITICAL,
        facts=facts + owed,
        buttons=(Button(label="Be communications lead", action="a", subject="s", token="t-comms"),),
        footer=rich(INCIDENT),
    )


def _earlier(record: FakeRecord) -> None:
    record.put(
        "incident-20261119-004",
        Card(
            title="SEV3 · Slow searches in the evening",
            tone=Tone.GOOD,
            facts=(fact("Status", strong("closed")), fact("Severity", "SEV3, medium"), fact("Lasted", "1 h 12 min")),
        ),
        pinned=True,
    )
    record.put(
        "incident-20261121-002",
        Card(
            title="SEV2 · Suspicious sign-ins from one network",
            tone=Tone.WARNING,
            facts=(
                fact("Status", strong("investigating")),
                fact("Severity", "SEV2, high"),
                fact("Declared", When(at=record.clock)),
            ),
        ),
        pinned=True,
    )


def _channel_talk(record: FakeRecord) -> None:
    record.put("operations", "Deploy of gateway 4.2 is through, all green.", author="ben")
    record.later(minutes=2)
    record.put(
        "operations", "Thanks! I keep an eye on https://grafana.example/d/gw?from=now-1h, ping me (@ana).", author="ana"
    )
    record.put("operations", "<script>alert('no')</script> & <b>not bold</b>", author="chloe")
    record.put("operations", "عطل في الدفع 🚨 " * 12, author="ben")
    record.put("operations", "x" * 900, author="ben")
    record.put(
        "incidents",
        card(
            "SEV1 · Checkout answers 502",
            rich(Who(person="ana"), " opened ", Channel(name=INCIDENT)),
            tone=Tone.CRITICAL,
        ),
    )


def _first_steps(record: FakeRecord) -> None:
    record.put(
        INCIDENT,
        card(
            "First steps",
            rich("On duty: ", Who(person="ben")),
            rich("Take command: ", Code(text="/incident role claim ic")),
            rich("See how the gateway is: ", Code(text="/gw status")),
            tone=Tone.INFO,
        ),
    )
    record.later(minutes=3)
    record.put(INCIDENT, "I take command. @ben can you look at the upstreams?", author="ana")
    record.later(seconds=40)
    root = record.put(
        INCIDENT, "On it. First look: all three workers are up, but the error rate is through the roof.", author="ben"
    )
    record.put(INCIDENT, "Same picture at the status page probes.", author="chloe", thread=root.key)
    record.put(INCIDENT, "Orders first, please.", author="ana", thread=root.key)
    record.later(minutes=1)


def _diagnosis(record: FakeRecord) -> None:
    routes = (
        ("/orders", "18,204", "31.2 %", "1,840 ms"),
        ("/cart", "40,112", "4.1 %", "220 ms"),
        ("/search?q=a-very-long-query-string-that-does-not-break", "9,120", "0.2 %", "48 ms"),
    )
    record.put(
        INCIDENT,
        Card(
            title="gateway is unhealthy",
            tone=Tone.CRITICAL,
            paragraphs=(
                rich("Errors are over the objective of ", strong("1 %"), " since ", When(at=record.clock), "."),
            ),
            facts=(
                fact("Requests", "1,124 / s"),
                fact("Errors", strong("12.4 %")),
                fact("p95", "1,840 ms"),
                fact("Copies", "3 of 3 ready"),
            ),
            table=Table(
                columns=("Route", "Requests", "Errors", "p95"),
                rows=tuple(tuple(rich(cell) for cell in row) for row in routes),
                numeric=(1, 2, 3),
            ),
            footer=rich("measured over 5 minutes · ", Link(url="https://grafana.example/d/gw", text="dashboard")),
        ),
    )
    record.later(minutes=2)
    record.put(
        INCIDENT,
        Card(
            title="Newest errors",
            tone=Tone.NEUTRAL,
            preformatted='11:24:07 ERROR upstream=orders status=502 error="connect timeout after 500 ms" '
            "pool=20/20 waiting=141 request=7f3a9c2e\n"
            '11:24:07 ERROR upstream=orders status=502 error="pool exhausted"\n11:24:08 WARN  worker=2 queue=88',
        ),
        only_for="ana",
    )


def _mitigation(record: FakeRecord) -> None:
    record.later(minutes=4)
    record.put(INCIDENT, "The pool is exhausted. Scaling to 5 should give us 40 more connections.", author="ben")
    record.put(
        INCIDENT,
        Card(
            title="Scale gateway from 3 to 5?",
            tone=Tone.WARNING,
            facts=(
                fact("Now", "3 copies"),
                fact("Then", "5 copies"),
                fact("Policy", "1 to 10"),
                fact("Undo", Code(text="/gw undo")),
                fact("Confirm before", When(at=record.clock + timedelta(minutes=5))),
            ),
            buttons=(
                Button(label="Confirm", action="a", subject="s", style="primary", token="t-confirm"),
                Button(label="Cancel", action="a", subject="s", token="t-cancel"),
            ),
            footer=rich("asked by ", Who(person="ben"), " · plan-7"),
        ),
        key="plan",
    )
    record.later(minutes=1)
    record.put(
        INCIDENT,
        card(
            "Error rate is falling",
            rich("12.4 % → 3.0 % in 2 minutes. ", Text(text="Verification goes on.", strong=True)),
            tone=Tone.GOOD,
        ),
    )
    record.put(
        INCIDENT,
        card("You may not restart gateway", "Operators and the technical lead may.", tone=Tone.WARNING),
        only_for="ana",
    )


async def _serve() -> None:
    hub = Hub()
    settings = ConsoleSettings(port=8799)
    app = build_console(
        record=busy_night(), intake=FakeIntake(), hub=hub, settings=settings, registry=vocabulary(), people=PEOPLE
    )
    await ConsoleServer(app, settings, hub).serve()


if __name__ == "__main__":
    asyncio.run(_serve())
