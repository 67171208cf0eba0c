"""`/page`: call a person, whoever is on duty for a service, or a level of escalation; and the buttons of a page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from commands.context import Call
from commands.domain.page import PageState, Step
from commands.duty import effective, named
from commands.errors import Conflict, Malformed, NotAllowed, NotFound
from commands.grammar.arguments import Rest, Word
from commands.handlers.common import if_it_answers, over
from commands.handlers.oncall import service_at_hand
from commands.paging import MOST_WHY, answer, begin, for_level, for_person, for_service, go_on, why_of
from commands.people import Person
from commands.ports import Contact, Transaction
from commands.presentation.paging import card_key, page_card
from commands.registry import READERS, RESPONDERS, Click, Command, Reply
from commands.reminding import called

#: Somebody waits for help, and whom the settings name can be called as well.
_SOON_SECONDS = 3.0
_EXAMPLE = "/page @ben the database does not answer"


@dataclass(frozen=True)
class PageArgs:
    """Arguments of `/page`."""

    whom: Annotated[str, Word("@ben, a service, or level 2")]
    why: Annotated[str, Rest("what is wrong, in a few words")]


@dataclass(frozen=True)
class _Meant:
    """Whom somebody means, and what they say."""

    why: str
    service: str
    person: Person | None = None
    level: int = 0


def _meant(args: PageArgs, call: Call) -> _Meant:
    """`@ben why`, `gateway why`, `level 2 why`. Raises Malformed, NotFound."""
    word, default = args.whom.casefold(), service_at_hand("", call)
    if word == "level":
        number, _, why = args.why.partition(" ")
        return _Meant(_checked(why), default, level=_number(number, call))
    why = _checked(args.why)
    services = {one.casefold(): one for one in (default, call.services.default_service, *call.services.paging.services)}
    if word in services and word != "*":
        return _Meant(why, services[word])
    try:
        return _Meant(why, default, person=call.services.directory.find(args.whom, call.platform))
    except NotFound:
        if args.whom.startswith(("@", "<@")):
            raise
    raise NotFound(
        f"{args.whom[:60]} is no service and nobody that I know.",
        hint="Call a person, a level, or one of",
        allowed=sorted(one for one in services.values() if one != "*"),
        example=_EXAMPLE,
    )


def _checked(why: str) -> str:
    why = " ".join(why.split())
    if not why:
        raise Malformed("Say why, in a few words: they may be asleep.", example=_EXAMPLE)
    if len(why) > MOST_WHY:
        raise Malformed(f"That has {len(why)} characters; at most {MOST_WHY} fit.", hint="Say it shortly.")
    return why


def _number(word: str, call: Call) -> int:
    most = len(call.services.pace.levels)
    if not word.isdecimal() or not 1 <= int(word) <= most:
        allowed = {str(n): level.title for n, level in enumerate(call.services.pace.levels, start=1)}
        raise Malformed(
            f"{word[:20] or 'That'} is no level.",
            hint="Levels are",
            allowed=allowed,
            example="/page level 2 we lose customers",
        )
    return int(word)


async def gather(args: PageArgs, call: Call) -> list[Contact]:
    """Who is on duty; an on-call system that is down stops no page: then it is whom the settings name."""
    service = _meant(args, call).service
    found = await if_it_answers(call.services.on_call.on_duty(service, at=call.now), within=_SOON_SECONDS)
    return named(service, call.services, call.now) if found is None else list(found)


def page(args: PageArgs, call: Call, tx: Transaction, found: list[Contact]) -> Reply:
    """Call the first of them."""
    meant = _meant(args, call)
    incident = tx.incidents.in_channel(call.channel)
    if incident and not incident.status.is_open:
        raise Conflict(over(incident), example="/incident reopen errors are back")
    begun = begin(_steps(meant, found, call, tx), meant.why, incident=incident, service=meant.service, call=call, tx=tx)
    return Reply(page_card(begun, call.services), key=card_key(begun))


def _steps(meant: _Meant, found: list[Contact], call: Call, tx: Transaction) -> list[Step]:
    services, on_duty = call.services, effective(found, meant.service, call.services, tx)
    if meant.person:
        return for_person(meant.person, on_duty, meant.service, services)
    steps = for_level(meant.level, services) if meant.level > 1 else for_service(meant.service, on_duty, services)
    if not steps:
        nobody = f"of level {meant.level}" if meant.level else f"on duty for {meant.service}"
        raise Conflict(f"Nobody is {nobody}.", hint="Call somebody by name.", example=_EXAMPLE)
    return steps


def click_answer(page_id: str, call: Call, tx: Transaction) -> None:
    """Whoever was called, or may work on incidents, is on it."""
    found = tx.pages.get(page_id)
    if call.person.id not in found.called and not RESPONDERS.allows(call.person, call.incident):
        raise NotAllowed("You were not called.", hint=RESPONDERS.hint(call.person))
    answer(found, call.person.id, call.services, tx)


def click_next(subject: str, call: Call, tx: Transaction) -> None:
    """Without waiting any longer."""
    page_id, step = subject.split()
    found = tx.pages.get(page_id)
    if found.state is not PageState.SENT or found.step != int(step):
        raise Conflict("That is over: somebody answered, or the next was called.", hint="The newest message says what.")
    go_on(found, call.services, tx, by=call.person.id)


def click_level(subject: str, call: Call, tx: Transaction) -> Reply:
    """From the reminder that the next level is to be called, which is ticked off with it."""
    incident_id, key = subject.split()
    incident, number = tx.incidents.get(incident_id), int(key.partition(":")[2])
    steps = for_level(number, call.services)
    if not steps or steps[0].target != f"level {number}":
        raise Conflict(f"Nobody is of level {number}.", hint="Call somebody by name.", example=_EXAMPLE)
    called(incident, key, call, tx)
    begun = begin(steps, why_of(incident), incident=incident, service=incident.service, call=call, tx=tx)
    return Reply(page_card(begun, call.services), key=card_key(begun))


COMMANDS = (
    Command(
        path=("page",),
        args=PageArgs,
        summary="Call a person, whoever is on call for a service, or a level of escalation.",
        example=_EXAMPLE,
        gather=gather,
        decide=page,
    ),
)

CLICKS = (
    Click(action="page.answer", decide=click_answer, access=READERS),
    Click(action="page.next", decide=click_next),
    Click(action="page.level", decide=click_level),
)
