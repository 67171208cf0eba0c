"""`/drill`: practise an incident with a real fault, or at the table; and how it went."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from commands import policed
from commands.cards import Button, card, rich
from commands.context import Call
from commands.domain.drill import BUSIEST, LONGEST, Fault, Scenario
from commands.domain.incident import Incident
from commands.domain.sli import Reading
from commands.drilling import begin, kept_review, refuse_now, refuse_unwell, reviewed, stop
from commands.duty import effective, named
from commands.errors import Conflict, Malformed, NotAllowed, NotFound
from commands.grammar.arguments import Flag, Option, Rest, Word
from commands.handlers.common import Nothing, Which, if_it_answers, named_or_at_hand, open_at_hand
from commands.ports import Transaction
from commands.presentation.drill import begun_card, question_card, review_card, scenarios_card
from commands.reading import WINDOW
from commands.redaction import redact
from commands.registry import READERS, ActionClass, Click, Command, Reply, Where

_ROUTE = re.compile(r"\S{1,64}")
_SHORTEST, _USUAL = timedelta(minutes=1), timedelta(minutes=20)


@dataclass(frozen=True)
class StartArgs:
    """Arguments of `/drill start`."""

    scenario: Annotated[str, Word("one of /drill list")]
    lasts: Annotated[timedelta | None, Option("--for", "how long the fault lasts at most, as 20m")] = None
    route: Annotated[str, Option("--route", "the route that is broken, instead of the scenario's")] = ""
    tabletop: Annotated[bool, Flag("--tabletop", "nothing is broken; it is talked through")] = False


@dataclass(frozen=True)
class StopArgs:
    """Arguments of `/drill stop`."""

    why: Annotated[str, Rest("why")] = ""


@dataclass(frozen=True)
class Facts:
    """How the service does, and its busiest route."""

    reading: Reading | None
    busiest: str


def show(_args: Nothing, call: Call, _tx: Transaction, _facts: None) -> Reply:
    """What can be practised."""
    return Reply(scenarios_card(call.services.scenarios, breakable=call.services.breakable), private=True)


async def look(args: StartArgs, call: Call) -> Facts:
    """Only what does well is broken on purpose."""
    if args.tabletop:
        return Facts(None, "")
    telemetry, service = call.services.telemetry, call.services.default_service
    reading = await if_it_answers(telemetry.reading(service, window=WINDOW))
    routes = await if_it_answers(telemetry.routes(service, window=timedelta(minutes=5)))
    return Facts(reading, routes[0].route if routes else "")


def ask(args: StartArgs, call: Call, tx: Transaction, facts: Facts) -> Reply:
    """What would be broken, and the button that does it."""
    scenario, lasts = _scenario(args.scenario, call), args.lasts or _USUAL
    if not _SHORTEST <= lasts <= LONGEST:
        raise Malformed("A drill lasts from a minute to an hour.", example=f"/drill start {args.scenario} --for 20m")
    fault = None if args.tabletop else _fault(args, scenario, facts, call)
    service = call.services.default_service
    refuse_now(service, tx, breaks=fault is not None)
    if fault:
        refuse_unwell(service, facts.reading, call.services)
    route = fault.route if fault else "-"
    asked = f"{args.scenario} {int(lasts.total_seconds())} {route} {call.person.id} {int(tx.now.timestamp())}"
    buttons = (
        Button(label="Start the drill", action="drill.start", subject=asked, style="danger" if fault else "primary"),
        Button(label="Cancel", action="drill.cancel", subject=args.scenario),
    )
    shown = question_card(args.scenario, scenario, fault, lasts, service, buttons)
    return Reply(shown, key=f"drill-question:{call.delivery}")


def _scenario(name: str, call: Call) -> Scenario:
    found = call.services.scenarios.get(name)
    if found is None:
        raise NotFound(f"There is no drill {name[:60]}.", hint="Those that there are:", example="/drill list")
    return found


def _fault(args: StartArgs, scenario: Scenario, facts: Facts, call: Call) -> Fault | None:
    if scenario.fault is None:
        return None
    if not call.services.breakable:
        raise Conflict(
            "No fault can be injected here: only a local gateway can be broken on purpose, if the settings let it.",
            hint="It can be talked through:",
            example=f"/drill start {args.scenario} --tabletop",
        )
    route = args.route or (facts.busiest if scenario.fault.route == BUSIEST else scenario.fault.route)
    if not route:
        raise Conflict("Nothing is measured, so I do not know the busiest route.", hint="Say which: --route NAME.")
    if not _ROUTE.fullmatch(route):
        raise Malformed("A route has up to 64 letters and no space.", example="/drill start one-route --route orders")
    return scenario.fault.model_copy(update={"route": route})


def click_start(subject: str, call: Call, tx: Transaction) -> Reply:
    """The policy is asked again: for whoever says yes."""
    name, seconds, route, asker, asked_at = subject.split(" ")
    scenario, lasts = _scenario(name, call), timedelta(seconds=int(seconds))
    within = timedelta(seconds=call.services.limits.approve_within_seconds)
    if tx.now - datetime.fromtimestamp(int(asked_at), UTC) > within:
        raise Conflict("That question is too old.", hint="Ask again:", example=f"/drill start {name}")
    fault = scenario.fault.model_copy(update={"route": route}) if scenario.fault and route != "-" else None
    if fault:
        _check_may(name, asker, call)
    service = call.services.default_service
    refuse_now(service, tx, breaks=fault is not None)  # the figures were looked at a moment ago
    on_duty = effective(named(service, call.services, tx.now), service, call.services, tx)
    return Reply(begun_card(begin(name, scenario, fault, lasts, on_duty, call, tx)))


def _check_may(name: str, asker: str, call: Call) -> None:
    """Raises NotAllowed where the policy says no to whoever presses, or wants somebody else's yes."""
    command = call.services.registry.commands["drill", "start"]
    args = StartArgs(scenario=name)
    policed.check_typed(command, args, call)
    question = policed.question(command, call, vars(args))
    decision = call.services.policy.decide(question)
    if not decision.allowed:
        raise policed.refusal(decision, question)
    if decision.approvals > 1:
        raise NotAllowed("The policy asks for the yes of several, which a drill cannot have.", hint="Add --tabletop.")
    if decision.approvals and not decision.may_approve(call.person, call.incident, requester=asker):
        raise NotAllowed(
            f"The rule {decision.rule} asks for the yes of somebody else.",
            hint=f"Who may approve: {decision.approver_words()}.",
        )


def click_cancel(subject: str, _call: Call, _tx: Transaction) -> Reply:
    """Nothing happened."""
    return Reply(card(f"The drill {subject} was not started"))


def end(args: StopArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """The fault ends, and the review follows."""
    incident = open_at_hand(call, tx)
    if incident.drill is None:
        raise Conflict("This is no drill, it is real.", example="/incident resolve what fixed it")
    stop(incident, redact(args.why), call, tx)
    said = "The fault is being ended." if incident.drill.fault else "Nothing was broken."
    return Reply(card("The drill is over", said, rich("The review follows.")))


def review(args: Which, call: Call, tx: Transaction, _facts: None) -> Reply:
    """As it was kept at the end; else as it would be now."""
    incident: Incident = named_or_at_hand(args.incident, call, tx)
    if incident.drill is None:
        raise Conflict(f"{incident.id} is no drill.", example="/drill list")
    kept = kept_review(incident, tx) if not incident.status.is_open else None
    shown = kept or reviewed(incident, call.services, tx)
    return Reply(review_card(incident, shown, so_far=kept is None))


COMMANDS = (
    Command(
        path=("drill", "list"),
        args=Nothing,
        summary="Show what can be practised, and what is broken for it.",
        example="/drill list",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("drill", "start"),
        args=StartArgs,
        summary="Practise an incident, with a real fault; nobody outside is told.",
        example="/drill start slow-backend --for 20m",
        gather=look,
        decide=ask,
        klass=ActionClass.MITIGATION,
    ),
    Command(
        path=("drill", "stop"),
        args=StopArgs,
        summary="End the drill and its fault; the review follows.",
        example="/drill stop",
        decide=end,
        where=Where.INCIDENT,
    ),
    Command(
        path=("drill", "review"),
        args=Which,
        summary="Show how a drill went, in points, with the reasons.",
        example="/drill review",
        decide=review,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)

CLICKS = (
    Click(action="drill.start", decide=click_start),
    Click(action="drill.cancel", decide=click_cancel),
)
