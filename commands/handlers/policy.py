"""`/policy show` and `/policy explain`: what the policy says, and what it would say to a command."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

from commands import policed
from commands.cards import Card, Code, Fact, Rich, Table, Tone, When, fact, rich, strong
from commands.context import Call
from commands.errors import Malformed, NotFound
from commands.grammar.arguments import Option, Rest, Word
from commands.grammar.parser import parse_about
from commands.grammar.types import Vocabulary
from commands.people import Person
from commands.policy.document import CLASSES, Rule
from commands.policy.question import Decision, Question
from commands.policy.words import about, bounds, condition, rule_words, terms
from commands.ports import Standing, Transaction
from commands.presentation.words import cut, lasting
from commands.registry import READERS, ActionClass, Command, Reply


@dataclass(frozen=True)
class ShowArgs:
    """Arguments of `/policy show`."""

    rule: Annotated[str, Word("the name of a rule; all of them when left out")] = ""


@dataclass(frozen=True)
class ExplainArgs:
    """Arguments of `/policy explain`."""

    command: Annotated[str, Rest("a command as it would be typed, e.g. /gw scale 10")]
    person: Annotated[Person | None, Option("--as", "who would type it; you when left out")] = None


def show(args: ShowArgs, call: Call, _tx: Transaction, _facts: None) -> Reply:
    """The rules in their order, or one in full."""
    standing = call.services.policy.standing()
    if not args.rule:
        return Reply(_all(standing))
    rule = next((one for one in standing.policy.rules if one.name == args.rule.casefold()), None)
    if rule is None:
        known = ", ".join(one.name for one in standing.policy.rules)
        raise NotFound(f"The policy has no rule {args.rule[:60]}.", hint=f"Its rules: {known}.", example="/policy show")
    facts = tuple(fact(label, text) for label, text in rule_words(standing.policy, rule))
    return Reply(Card(title=f"The rule {rule.name}", facts=facts, footer=_version(standing)))


def _all(standing: Standing) -> Card:
    policy = standing.policy
    first = rich("The first rule that fits answers. What changes something and fits none is denied.")
    return Card(
        title="The policy",
        tone=Tone.WARNING if standing.wrong else Tone.NEUTRAL,
        paragraphs=(*_not_taken(standing), first, *(_line(standing, rule) for rule in policy.rules)),
        facts=(
            fact("Version", policy.version),
            fact("From", standing.source),
            fact("In force since", When(at=standing.since, style="full")),
        ),
        footer=rich("One in full: ", Code(text=f"/policy show {policy.rules[0].name}")),
    )


def _line(standing: Standing, rule: Rule) -> Rich:
    """A line, since five columns fit no phone."""
    parts = [f"{rule.effect} {about(rule)}", *_reach(standing, rule)]
    return rich(strong(rule.name), " · ", " · ".join(part for part in parts if part))


def _rows(lines: Iterable[tuple[str, ...]]) -> tuple[tuple[Rich, ...], ...]:
    return tuple(tuple(rich(cell) for cell in line) for line in lines)


def _reach(standing: Standing, rule: Rule) -> tuple[str, str]:
    who = standing.policy.people(rule.who).words() if rule.who else "everybody"
    besides = (condition(standing.policy, rule), bounds(standing.policy, rule), rule.reason.rstrip("."))
    return who, "; ".join(part for part in besides if part)


def _not_taken(standing: Standing) -> tuple[Rich, ...]:
    """The file was changed, and is wrong."""
    if not standing.wrong:
        return ()
    return (rich("The file as it is now was not taken; this is the last good one."), rich(standing.wrong))


def _version(standing: Standing) -> Rich:
    return rich(f"policy {standing.policy.version}")


def explain(args: ExplainArgs, call: Call, tx: Transaction, _facts: None) -> Reply:
    """Whether somebody could run a command here and now, and what each rule says to it."""
    here = replace(call, person=args.person or call.person, incident=tx.incidents.in_channel(call.channel))
    command, given = _read(args.command, here)
    if not command.access.allows(here.person, here.incident):
        return Reply(_closed(command, here))
    asked = policed.question(command, here, given)
    asked = replace(asked, recent=policed.recently(call.services, tx))
    if asked.klass not in CLASSES:
        return Reply(_ungoverned(command, here))
    return Reply(_explained(args.command, asked, here))


def _read(text: str, call: Call) -> tuple[Command, Mapping[str, Any]]:
    services, zone = call.services, call.person.timezone
    vocabulary = Vocabulary(services.scheme, services.directory, call.now, zone, call.person, call.platform)
    command, given = parse_about(text, services.registry, vocabulary)
    family = text.strip().lstrip("/").casefold()
    if command.path != ("help",) or family.startswith("help"):
        return command, given
    offered = {"", *services.offers}
    known = sorted(services.registry.commands.items())
    names = [one.name for path, one in known if path[0] == family and one.needs in offered]
    raise Malformed(f"/{family} is a family of commands.", hint=f"Name one: {', '.join(names)}.")


def _closed(command: Command, call: Call) -> Card:
    who = f"It is for {policed.who_may(command, call)}; {call.person.name} is none of them."
    return Card(title=f"{call.person.name} may not run {command.name} here", tone=Tone.WARNING, paragraphs=(rich(who),))


def _ungoverned(command: Command, call: Call) -> Card:
    why = "It writes to the record and changes nothing else; the policy does not decide about that."
    return Card(title=f"{call.person.name} may run {command.name} here", tone=Tone.GOOD, paragraphs=(rich(why),))


def _explained(text: str, asked: Question, call: Call) -> Card:
    explanation = call.services.policy.explain(asked)
    decision, name = explanation.decision, f"/{cut(text.strip().lstrip('/'), 120)}"
    lines = ((one.rule, one.effect, one.outcome, one.why) for one in explanation.steps)
    return Card(
        title=f"{asked.person.name} {'may' if decision.allowed else 'may not'} run {name} here",
        tone=Tone.GOOD if decision.allowed else Tone.WARNING,
        paragraphs=_answer(decision, asked),
        facts=(*_terms(decision), *_spent(asked, call)),
        table=Table(columns=("Rule", "Effect", "Here", "Why"), rows=_rows(lines)),
        footer=_version(call.services.policy.standing()),
    )


def _answer(decision: Decision, asked: Question) -> tuple[Rich, ...]:
    if not decision.allowed:
        return tuple(rich(text) for text in (decision.reason, decision.hint) if text)
    if not decision.rule:
        return (rich("It only reads, and no rule denies it."),)
    then = "It shows a plan first, and runs once that is confirmed." if asked.changes_something else "It runs at once."
    return (rich("The rule ", Code(text=decision.rule), f" allows it. {then}"),)


def _terms(decision: Decision) -> tuple[Fact, ...]:
    return tuple(fact(label, text) for label, text in terms(decision)) if decision.allowed else ()


def _spent(asked: Question, call: Call) -> tuple[Fact, ...]:
    """How much of the budget is gone; how much this would take is known once it is planned."""
    decided = {one.name: one for one in call.services.policy.standing().policy.rules}
    rule = decided.get(call.services.policy.decide(asked).rule)
    if rule is None or rule.blast is None:
        return ()
    gone = asked.removed_within(rule.blast.within)
    return (fact("Budget", f"{gone:.0f}% of {rule.blast.percent:g}% used within {lasting(rule.blast.within)}"),)


COMMANDS = (
    Command(
        path=("policy", "show"),
        args=ShowArgs,
        summary="Show who may change what, or one rule in full.",
        example="/policy show",
        decide=show,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
    Command(
        path=("policy", "explain"),
        args=ExplainArgs,
        summary="Explain whether you, or somebody else, could run a command here and now.",
        example="/policy explain /gw scale 10",
        decide=explain,
        klass=ActionClass.DIAGNOSTIC,
        access=READERS,
    ),
)
