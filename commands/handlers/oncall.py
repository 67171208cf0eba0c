"""`/oncall`: who is on duty, until when, who is next, and how to call them; and who stands in for them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from commands.cards import Code, Rich, Table, When, Who, card, rich
from commands.context import Call
from commands.domain.page import Override
from commands.duty import effective, named, override_of
from commands.errors import Conflict, Malformed
from commands.grammar.arguments import Word
from commands.grammar.types import UNTIL
from commands.handlers.common import Nothing, if_it_answers
from commands.people import Person
from commands.ports import Contact, Transaction
from commands.presentation.paging import duty_lines
from commands.presentation.words import lasting
from commands.registry import READERS, RESPONDERS, ActionClass, Command, Reply

_LONGEST, _MOST_SERVICES = timedelta(days=31), 20


@dataclass(frozen=True)
class OnCallArgs:
    """Arguments of `/oncall`."""

    service: Annotated[str, Word("a service; left out: that of the incident, or the default")] = ""


@dataclass(frozen=True)
class OverrideArgs:
    """Arguments of `/oncall override`."""

    person: Annotated[Person, Word("who stands in, e.g. @ben")]
    until: Annotated[datetime, Word("the next such time, e.g. 08:00, or 2026-03-01T08:00", UNTIL, lead="until")]
    service: Annotated[str, Word("for which service; left out: that of the incident, or the default")] = ""


def service_at_hand(named: str, call: Call) -> str:
    """The service that was named, else that of the incident, else the default."""
    return named or (call.incident.service if call.incident else call.services.default_service)


async def gather(args: OnCallArgs, call: Call) -> list[Contact] | None:
    """Whoever says who is on duty may be down: then the levels above are shown all the same."""
    service = service_at_hand(args.service, call)
    found = await if_it_answers(call.services.on_call.on_duty(service, at=call.now))
    return None if found is None else list(found)


def show(args: OnCallArgs, call: Call, tx: Transaction, found: list[Contact] | None) -> Reply:
    """Who is called for a service; the numbers are for those who work on incidents."""
    service = service_at_hand(args.service, call)
    known = named(service, call.services, tx.now) if found is None else found
    on_duty = effective(known, service, call.services, tx)
    numbers = RESPONDERS.allows(call.person, call.incident)
    lines = duty_lines(on_duty, call.services, numbers=numbers)
    if found is None:
        named_here = " The settings name:" if on_duty else ""
        lines.insert(0, rich(f"The on-call system does not answer.{named_here}"))
    elif not on_duty:
        lines.insert(0, rich(f"Nobody is on duty for {service} now."))
    override = override_of(service, call.services, tx)
    if override:
        says = rich(Who(person=override.person), " stands in, says ", Who(person=override.by), ". To end it: ")
        lines.append((*says, Code(text=f"/oncall end {override.service}")))
    shown = card(f"On call: {service}", *lines)
    how = rich("Call them: ", Code(text=f"/page {service} what is wrong"))
    return Reply(shown.model_copy(update={"footer": how}), private=True)


async def gather_all(_args: Nothing, call: Call) -> dict[str, list[Contact] | None]:
    """All services at once."""
    names = list(dict.fromkeys((call.services.default_service, *call.services.paging.services)))[:_MOST_SERVICES]
    asked = (if_it_answers(call.services.on_call.on_duty(name, at=call.now)) for name in names)
    found = await asyncio.gather(*asked)
    return {name: None if one is None else list(one) for name, one in zip(names, found, strict=True)}


def show_all(_args: Nothing, call: Call, tx: Transaction, found: dict[str, list[Contact] | None]) -> Reply:
    """Who is called first for each service."""
    rows = [_row(service, some, call, tx) for service, some in found.items()]
    table = Table(columns=("Service", "On duty", "Until", "Then"), rows=tuple(rows))
    shown = card("On call").model_copy(update={"table": table})
    return Reply(shown.model_copy(update={"footer": rich("More: ", Code(text="/oncall gateway"))}), private=True)


def _row(service: str, found: list[Contact] | None, call: Call, tx: Transaction) -> tuple[Rich, ...]:
    if found is None:
        return (rich(service), rich("no answer"), (), ())
    on_duty = effective(found, service, call.services, tx)
    if not on_duty:
        return (rich(service), rich("nobody"), (), ())
    first = on_duty[0]
    who = rich(Who(person=first.person)) if first.person else rich(first.name)
    until = rich(When(at=first.until, style="full")) if first.until else rich("always")
    return (rich(service), who, until, rich(Who(person=first.after)) if first.after else ())


def override(args: OverrideArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Somebody else is on duty for a while."""
    _check_decided_here(call)
    if not RESPONDERS.org & args.person.roles:
        raise Conflict(f"{args.person.name} is a viewer.", hint="Who is on duty must be able to act.")
    if args.until - tx.now > _LONGEST:
        raise Malformed(f"Somebody stands in for at most {lasting(_LONGEST)}.", hint="Change the rotation instead.")
    service = service_at_hand(args.service, call)
    _check_known(service, call)
    before = override_of(service, call.services, tx)
    instead = Override(service=service, person=args.person.id, by=call.person.id, since=tx.now, until=args.until)
    tx.pages.override(instead)
    lines = [
        rich(Who(person=args.person.id), f" is on call for {service} until ", When(at=args.until, style="full"), ".")
    ]
    if before and before.service == service:
        lines.append(rich("Instead of ", Who(person=before.person), ", who stood in before."))
    shown = card(f"On call: {service}", *lines)
    return Reply(shown.model_copy(update={"footer": rich("To end it: ", Code(text=f"/oncall end {service}"))}))


def end(args: OnCallArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Whoever is on duty by turns has it back."""
    _check_decided_here(call)
    service = service_at_hand(args.service, call)
    ended = tx.pages.end_override(service)
    if ended is None:
        raise Conflict(f"Nobody stands in for {service}.", example=f"/oncall {service}")
    return Reply(card(f"On call: {service}", rich(Who(person=ended.person), " stands in no more.")))


def _check_known(service: str, call: Call) -> None:
    known = {call.services.default_service, *call.services.paging.services}
    if service not in known and not (call.incident and call.incident.service == service):
        raise Malformed(f"There is no service {service[:60]}.", allowed=sorted(known))


def _check_decided_here(call: Call) -> None:
    if call.services.paging.decides:
        raise Conflict("Who is on call is decided in the pager.", hint="Make the override there.", example="/oncall")


COMMANDS = (
    Command(
        path=("oncall",),
        args=OnCallArgs,
        summary="Show who is on call, until when, who is next, and how to reach them.",
        example="/oncall gateway",
        gather=gather,
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("oncall", "list"),
        args=Nothing,
        summary="Show who is on call for each service.",
        example="/oncall list",
        gather=gather_all,
        decide=show_all,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("oncall", "override"),
        args=OverrideArgs,
        summary="Put somebody on call for a while.",
        example="/oncall override @ben until 08:00",
        decide=override,
    ),
    Command(
        path=("oncall", "end"),
        args=OnCallArgs,
        summary="End that somebody stands in on call.",
        example="/oncall end gateway",
        decide=end,
    ),
)
