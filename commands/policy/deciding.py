"""The answer of a policy to one question, and why each rule did or did not give it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from commands.policy.document import CLASSES, Policy, Rule
from commands.policy.fitting import misfits
from commands.policy.people import People
from commands.policy.question import Decision, Explanation, Question, Recent, Step
from commands.presentation.words import lasting

_HARM = [str(one) for one in CLASSES]


def decide(policy: Policy, question: Question) -> Decision:
    """The first rule that fits answers; where none does, what changes something is denied."""
    if question.klass not in CLASSES:
        return Decision(allowed=True, klass=question.klass, version=policy.version)
    rule = next((rule for rule in policy.rules if not misfits(policy, rule, question)), None)
    if rule is not None:
        return _by_rule(policy, rule, question)
    if question.changes_something:
        return _by_none(policy, question)
    return Decision(allowed=True, klass=question.klass, version=policy.version)


def explain(policy: Policy, question: Question) -> Explanation:
    """As `decide`, with the reasons of every rule in plain words."""
    return Explanation(decide(policy, question), tuple(_steps(policy, question)))


def _steps(policy: Policy, question: Question) -> Iterator[Step]:
    reached = question.klass in CLASSES
    for rule in policy.rules:
        found = misfits(policy, rule, question)
        why = "; ".join(one.words for one in ([one for one in found if one.kind == "command"] or found))
        if found:
            yield Step(rule.name, rule.effect, "does not fit", why)
        elif reached:
            reached = False
            broken = "; ".join(what for what, _ in _broken(rule, question))
            yield Step(rule.name, rule.effect, "decides", f"it fits, but {broken}" if broken else "it fits")
        else:
            yield Step(rule.name, rule.effect, "not reached", "it would fit, but the answer was given before")


def could(policy: Policy, question: Question) -> bool:
    """Whether there may be a target and arguments with which the answer is yes: before anything was looked at."""
    if question.klass not in CLASSES:
        return True
    for rule in policy.rules:
        found = misfits(policy, rule, question)
        if all(one.kind == "unknown" for one in found):
            if rule.effect == "allow":
                return True
            if not found:
                return False
    return not question.changes_something


def who_could(policy: Policy, question: Question) -> People | None:
    """Who may run it here and now; None where nobody may. A rule that denies it to others does not count for them."""
    found: People | None = None
    for rule in policy.rules:
        lacking = [one for one in misfits(policy, rule, question) if one.kind not in {"who", "unknown"}]
        if lacking or rule.who is None or rule.effect == "deny":
            if not lacking and rule.effect == "deny" and rule.who is None:
                break
            continue
        people = policy.people(rule.who)
        if people.is_the_bot:
            continue
        found = people if found is None else found.joined(people)
    return found


def _by_rule(policy: Policy, rule: Rule, question: Question) -> Decision:
    if rule.effect == "deny":
        return _refused(policy, question, rule, rule.reason or "it denies this", _until(policy, rule, question))
    broken = next(_broken(rule, question), None)
    if broken:
        what, allowed = broken
        return _refused(policy, question, rule, what, f"{allowed} {rule.reason}".strip())
    klass = _raised(question.klass, rule.treat_as)
    approvals = max(rule.approvals.count if rule.approvals else 0, 1 if klass == "dangerous" else 0)
    who = rule.approvals.who if rule.approvals and rule.approvals.who else rule.who
    return Decision(
        allowed=True,
        rule=rule.name,
        klass=klass,
        approvals=approvals,
        approvers=(policy.people(who),) if approvals and who else (),
        limits=rule.limits,
        lease=rule.lease,
        version=policy.version,
    )


def _until(policy: Policy, rule: Rule, question: Question) -> str:
    """When a freeze is over."""
    windows = [policy.windows[name] for name in (rule.when.within if rule.when else ())]
    ends = [(window.over(question.now), window.zone) for window in windows if window.covers(question.now)]
    return " ".join(f"It holds until {end:%Y-%m-%d %H:%M} ({zone})." for end, zone in ends[:1])


def _raised(declared: str, wanted: str | None) -> str:
    """A policy makes a command count for more harm than it declares, never for less."""
    return max(declared, wanted or declared, key=_HARM.index)


def _broken(rule: Rule, question: Question) -> Iterator[tuple[str, str]]:
    """The bounds of a rule that a question breaks: in what, and what would do."""
    for name, bound in rule.limits.items():
        if name in question.arguments and not bound.allows(question.arguments[name]):
            yield f"{name} is {question.arguments[name]}", f"Allowed: {bound.words()}."
    yield from _too_soon(rule, question)
    yield from _over_budget(rule, question)


def _too_soon(rule: Rule, question: Question) -> Iterator[tuple[str, str]]:
    if rule.cooldown is None:
        return
    done = [one.at for one in question.recent if one.command == question.command and _same_target(one, question)]
    wait = max(done, default=question.now - rule.cooldown) + rule.cooldown - question.now
    if wait > timedelta(0):
        yield f"it was done here {lasting(question.now - max(done))} ago", f"Again in {lasting(wait)}."


def _same_target(one: Recent, question: Question) -> bool:
    """Where the target is not known yet, the service stands for it."""
    return one.target == question.target if question.target else one.service == question.service


def _over_budget(rule: Rule, question: Question) -> Iterator[tuple[str, str]]:
    """What adds capacity, or leaves it, is never stopped by the budget."""
    if rule.blast is None or question.removes_percent <= 0:
        return
    gone = question.removed_within(rule.blast.within)
    if gone + question.removes_percent > rule.blast.percent:
        yield (
            f"it would remove {question.removes_percent:.0f}% of the ready capacity of {question.service}",
            f"The budget is {rule.blast.percent:g}% within {lasting(rule.blast.within)}; {gone:.0f}% is gone already.",
        )


def _refused(policy: Policy, question: Question, rule: Rule, why: str, then: str) -> Decision:
    return Decision(
        allowed=False,
        rule=rule.name,
        reason=f"{question.name} is refused by the rule {rule.name}: {why.rstrip('.')}.",
        hint=f"{then} {_whom_to_ask(policy, question, rule)}".strip(),
        klass=question.klass,
        version=policy.version,
    )


def _by_none(policy: Policy, question: Question) -> Decision:
    people = who_could(policy, question)
    reason = f"{question.name} is not for you: no rule of the policy allows it."
    if people is None or people.covers(question.person, question.incident):
        reason = f"{question.name} is refused: no rule of the policy allows it here and now."
    return Decision(
        allowed=False,
        reason=reason,
        hint=_whom_to_ask(policy, question, None),
        klass=question.klass,
        version=policy.version,
    )


def _whom_to_ask(policy: Policy, question: Question, rule: Rule | None) -> str:
    """Who could run it, and how to ask (mitigation.md, rule 14)."""
    ask = (rule.ask if rule else "") or policy.ask
    people = who_could(policy, question)
    if people is not None and not people.covers(question.person, question.incident):
        return f"Who may: {people.words()}. {_sentence(ask) or 'Ask one of them to run it.'}"
    return _sentence(ask)


def _sentence(ask: str) -> str:
    return f"Ask {ask.rstrip('.')}." if ask else ""
