"""Where the policy is asked: when a command is typed, when it is planned, when it is confirmed, when it takes its lock.

A plan keeps the decision that it was made under. Later answers are joined with that one by `stricter`, so a change of
the policy binds a plan that waits more, never less.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from commands.context import HOME, Call, Services
from commands.domain.incident import Incident
from commands.domain.plan import Plan, PlanState
from commands.errors import Conflict, NotAllowed
from commands.locating import located, looked_at
from commands.people import Person
from commands.policy.document import MUTATIONS
from commands.policy.question import Decision, Question, Recent
from commands.policy.strictness import stricter
from commands.ports import Transaction
from commands.reading import service_of
from commands.registry import NEEDS, RESPONDERS, Command, Registry


def question(command: Command, call: Call, arguments: Mapping[str, Any] | None = None) -> Question:
    """A command as it is typed, before anything was looked at."""
    given = arguments or {}
    where = located(given, call)
    if command.klass.value not in MUTATIONS:  # which are asked about again, with the target that was found
        where = looked_at(where, call.services)
    return Question(
        command=command.path,
        klass=command.klass.value,
        person=call.person,
        incident=call.incident,
        now=call.now,
        platform=call.platform,
        channel=call.channel,
        service=str(given.get("service") or service_of(call)),
        cluster=where.cluster,
        namespace=where.namespace,
        arguments=given,
    )


def may_run(command: Command, call: Call) -> bool:
    """Whether somebody may run a command here, with some target and some arguments."""
    served = command.needs in {"", *call.services.offers}
    allowed = command.access.allows(call.person, call.incident)
    return served and allowed and call.services.policy.could(question(command, call))


def visible(registry: Registry, call: Call) -> list[Command]:
    """The commands that a person may run here and now, in the order of their names."""
    return [one for one in registry.visible(call.person, call.incident) if may_run(one, call)]


def visible_to(person: Person, services: Services, platform: str = HOME) -> list[Command]:
    """The commands that somebody may run outside of incidents."""
    call = Call(person, platform, "", "", services.clock.now(), None, services)
    return visible(services.registry, call)


def who_may(command: Command, call: Call) -> str:
    """Who may run a command, as a sentence says it: what changes something is for whom the policy names."""
    if command.klass.value not in MUTATIONS:
        return command.access.words()
    people = call.services.policy.who_could(question(command, call))
    return people.words() if people else "nobody here and now"


def check_command(command: Command, call: Call) -> None:
    """Before its arguments are read. Raises NotAllowed for whom it is not, whatever they are, and Conflict where what
    it needs is missing."""
    if command.needs not in {"", *call.services.offers}:
        raise Conflict(f"{command.name} needs {NEEDS[command.needs]}.", hint=command.instead)
    if not command.access.allows(call.person, call.incident):
        hint = f"Who may: {who_may(command, call)}. Ask one of them to run it. {call.person.caveat}"
        raise NotAllowed(f"{command.name} is not for you.", hint=hint.strip())
    asked = question(command, call)
    if not call.services.policy.could(asked):
        raise refusal(call.services.policy.decide(asked), asked)


def check_typed(command: Command, args: Any, call: Call) -> None:
    """Before anything is looked at. Raises NotAllowed for what no target could make right."""
    asked = question(command, call, vars(args))
    if asked.changes_something and call.services.policy.could(asked):
        return
    decision = call.services.policy.decide(asked)
    if not decision.allowed:
        raise refusal(decision, asked)


def planned(plan: Plan, call: Call, tx: Transaction) -> Plan:
    """The plan with the decision that it is made under. Breaking the glass skips approvals, and nothing else (rule 10).

    Raises NotAllowed.
    """
    asked = _of_plan(plan, call.person, tx.incidents.in_channel(call.channel), call.services, tx)
    decision = call.services.policy.decide(asked)
    if not decision.allowed:
        raise refusal(decision, asked)
    needs = 0 if plan.broke_glass else decision.approvals
    kept = {"decision": decision, "klass": decision.klass, "needs": needs, "asked_as": _as_known(call.person)}
    return plan.model_copy(update=kept)


def confirmed(plan: Plan, call: Call, tx: Transaction) -> dict[str, Any]:
    """What to keep in a plan to which somebody says yes. Raises NotAllowed where their yes does not count."""
    decision = _confirming(plan, call.person, call.incident, call.services, tx)
    if not decision.allowed:
        raise refusal(decision, _of_plan(plan, call.person, call.incident, call.services, tx))
    needs = 0 if plan.broke_glass else max(plan.needs, decision.approvals)
    approved_as = _as_known(call.person)
    kept = {"decision": decision, "needs": needs, "approved_as": approved_as, "approved_on": call.platform}
    return kept | ({"lease": min(plan.lease, decision.lease)} if plan.lease and decision.lease else {})


def may_confirm(plan: Plan, person: Person, services: Services, tx: Transaction) -> bool:
    """Whether somebody's yes to a plan would count now."""
    return _confirming(plan, person, tx.incidents.in_channel(plan.channel), services, tx).allowed


def may_renew(plan: Plan, call: Call, tx: Transaction) -> timedelta | None:
    """The longest that somebody may renew a lease for; None where no rule says. It takes nothing away anew.

    Raises NotAllowed: who renews is somebody whose yes to the plan would count now.
    """
    decision = _confirming(plan.model_copy(update={"removes": 0.0}), call.person, call.incident, call.services, tx)
    if not decision.allowed:
        raise refusal(decision, _of_plan(plan, call.person, call.incident, call.services, tx))
    return decision.lease


def check_may_take_back(plan: Plan, call: Call, tx: Transaction) -> None:
    """For whom the policy gives `/gw undo`. The end was approved with the plan, so it needs no other yes.

    Raises NotAllowed.
    """
    back = plan.model_copy(update={"undoes": plan.id, "removes": 0.0})
    asked = _of_plan(back, call.person, call.incident, call.services, tx)
    decision = call.services.policy.decide(asked)
    if not (RESPONDERS.allows(call.person, call.incident) and decision.allowed):
        raise refusal(decision, asked)


def denied_by_now(plan: Plan, services: Services, tx: Transaction) -> str:
    """Why a plan that was confirmed may not run any more; empty when it may. The end of a lease was approved before."""
    if plan.ends_lease:
        return ""
    incident = tx.incidents.get(plan.incident) if plan.incident else None
    decider = _person(services, plan.approver or plan.requester, plan.approved_on, plan.approved_as)
    decision = _answer(plan, decider, incident, services, tx)
    if not decision.allowed:
        return f"the policy does not allow it any more: {decision.reason.rstrip('.')}"
    asked_of = plan if plan.broke_glass else plan.model_copy(update={"needs": max(plan.needs, decision.approvals)})
    return f"the policy asks for {asked_of.lacks} more to approve it by now" if asked_of.lacks else ""


def refusal(decision: Decision, asked: Question) -> NotAllowed:
    """Which rule refused, who could run it, and how to ask (mitigation.md, rule 14)."""
    hint = f"{decision.hint} {asked.person.caveat}".strip()
    return NotAllowed(decision.reason, hint=hint, example=f"/policy explain {asked.name}")


def _confirming(plan: Plan, person: Person, incident: Incident | None, services: Services, tx: Transaction) -> Decision:
    """Viewers confirm nothing, whatever a policy says."""
    if RESPONDERS.allows(person, incident):
        return _answer(plan, person, incident, services, tx)
    people = services.policy.who_could(_of_plan(plan, person, incident, services, tx))
    hint = f"Who may: {people.words()}." if people else ""
    return Decision(allowed=False, reason="That is not for you to decide.", hint=hint)


def _answer(plan: Plan, decider: Person, incident: Incident | None, services: Services, tx: Transaction) -> Decision:
    """What holds for a yes of somebody: the decision of the plan, joined with the one that would be made now.

    Whoever says yes may run it. Where others must approve, it is enough that they may do that, and that the one who
    asked may still run it.
    """
    people = [decider]
    if plan.decision and plan.decision.approvals:
        people.append(_person(services, plan.requester, plan.platform, plan.asked_as))
    answers = [services.policy.decide(_of_plan(plan, one, incident, services, tx)) for one in people]
    now = next((one for one in answers if one.allowed), answers[-1])
    decision = stricter(plan.decision, now) if plan.decision else now
    if not decision.allowed or not decision.approvals or plan.broke_glass:
        return decision
    if not decision.may_approve(decider, incident, requester=plan.requester):
        return _not_enough(decision, whose_own=decider.id == plan.requester)
    return decision


def _not_enough(decision: Decision, *, whose_own: bool) -> Decision:
    others = f"The rule {decision.rule} asks for the yes of somebody else than the one who asked."
    reason = others if whose_own else f"The rule {decision.rule} asks for the yes of others than you."
    hint = f"Who may approve: {decision.approver_words()}."
    return decision.model_copy(update={"allowed": False, "reason": reason, "hint": hint})


def _of_plan(plan: Plan, person: Person, incident: Incident | None, services: Services, tx: Transaction) -> Question:
    return Question(
        command=command_of(plan),
        klass=plan.klass,
        person=person,
        incident=incident,
        now=tx.now,
        platform=plan.platform,
        channel=plan.channel,
        service=plan.target.name,
        cluster=plan.target.cluster,
        namespace=plan.target.namespace,
        target=plan.target.key,
        arguments=plan.arguments,
        recent=recently(services, tx, besides=plan.id),
        removes_percent=plan.removes * 100,
    )


def command_of(plan: Plan) -> tuple[str, ...]:
    """The command that a plan comes from."""
    return ("gw", *("undo" if plan.undoes else plan.action).split())


_IN_FLIGHT = {PlanState.APPROVED, PlanState.LOCKED, PlanState.EXECUTING, PlanState.VERIFYING}


def recently(services: Services, tx: Transaction, *, besides: str = "") -> tuple[Recent, ...]:
    """What was done, or is about to be: what was approved has its share of the budget."""
    span = services.policy.standing().policy.looks_back
    if not span:
        return ()
    others = [one for one in tx.plans.acted_since(tx.now - span) if one.id != besides]
    return tuple(_as_recent(one, tx.now) for one in others if one.state in _IN_FLIGHT or one.took_effect or one.unsure)


def _as_recent(plan: Plan, now: datetime) -> Recent:
    at = now if plan.state in _IN_FLIGHT else plan.executed_at or plan.created_at
    return Recent(plan.target.key, plan.target.name, command_of(plan), at, plan.removes * 100)


def _as_known(person: Person) -> Person:
    """What the policy knows people by; another process may not have met them."""
    return Person(id=person.id, name=person.name, roles=person.roles, groups=person.groups)


def _person(services: Services, person_id: str, platform: str, as_known: Person | None) -> Person:
    """Somebody as they are now: who lost a role has lost it. Whom this process has not met there, as they were then."""
    directory = services.directory
    met = platform in {"", HOME} or directory.vouches(platform, person_id)
    known = directory.get(person_id, platform) if met or as_known is None else as_known
    return known or as_known or Person(id=person_id, name=person_id, roles=frozenset())
